"""The OpenAPI document of the running server: the project's schemas, the server's own routes.

The build writes what is known of the model. What the server takes and answers beyond that (fields,
routes, headers, status codes) is added when it starts, so the document cannot fall behind it.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from cog.server.gate import OPEN, Doors
from cog.server.predictions import PAGE
from cog.server.request import ID_PATTERN, MAX_ID
from cog.server.webhook import KINDS

Node = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_STREAMS = ("text/event-stream", "application/x-ndjson")


class Handler(NamedTuple):
    """How one kind of handler is spoken of: its routes, its words and its components.

    ``streams``: it yields or is marked with ``@cog.streaming``, so that there are events to follow.
    """

    base: str
    noun: str
    verb: str
    prefix: str  # of the names of its Input and Output
    streams: bool

    @property
    def id_name(self) -> str:
        """The name of the path parameter."""
        return f"{self.noun}_id"

    @property
    def request(self) -> str:
        """The name of the component of its request."""
        return f"{self.noun.title()}Request"

    @property
    def put_request(self) -> str:
        """The name of the component of a request whose id is in its URL."""
        return f"{self.noun.title()}PutRequest"

    @property
    def response(self) -> str:
        """The name of the component of its response."""
        return f"{self.noun.title()}Response"


def handler_of(document: Node | None, base: str) -> Handler:
    """Return what is served below ``base``; without a document its events may be followed."""
    if base == "/trainings":
        return Handler(base, "training", "train", "Training", streams=False)
    found = document or {}
    start = _inside(found, "paths", base, "post")
    output = _inside(found, "components", "schemas", "Output")
    streams = document is None or (
        start.get("x-cog-streaming") is True or output.get("x-cog-array-type") == "iterator"
    )
    return Handler(base, "prediction", "predict", "", streams)


def server_document(project: Node | None, handler: Handler, doors: Doors) -> Node:
    """Return the whole document; ``project`` is the one that the build has written."""
    document = copy.deepcopy(project) if project is not None else {}
    document.setdefault("openapi", "3.0.2")
    document.setdefault("info", {"title": "Cog", "version": "0"})
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in _components(schemas, handler).items():
        _add(schemas, name, schema)
    document["paths"] = {**_about(), **_paths(handler, _needs_body(schemas, handler))}
    if doors.tokens:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        for path in sorted(OPEN):
            document["paths"][path]["get"]["security"] = []
        for _, _, operation in operations(document):
            if operation.get("security") != []:
                operation["responses"]["401"] = _problem("A bearer token is needed")
    return document


def operations(document: Node) -> list[tuple[str, str, Node]]:
    """Return path, method and operation of everything in a document."""
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def _inside(node: Node, *keys: str) -> Node:
    for key in keys:
        found = node.get(key)
        node = found if isinstance(found, dict) else {}
    return node


def _add(schemas: Node, name: str, schema: Node) -> None:
    """Put a component in; of one that is there, say what the server takes and gives beyond it."""
    known = schemas.setdefault(name, {})
    told = known.get("properties", {})
    ours = {
        field: rule | {key: value for key, value in told.get(field, {}).items() if key == "title"}
        for field, rule in schema.get("properties", {}).items()
    }
    known.update({**schema, **known})
    if ours:
        known["properties"] = {**told, **ours}


def _needs_body(schemas: Node, handler: Handler) -> bool:
    return bool(_inside(schemas, f"{handler.prefix}Input").get("required"))


def _text(**more: object) -> Node:
    return {"type": "string", **more}


def _ref(name: str) -> Node:
    return {"$ref": _SCHEMAS + name}


def _object(title: str, properties: Node, **more: object) -> Node:
    return {"type": "object", "title": title, "properties": properties, **more}


_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": ID_PATTERN}


def _components(schemas: Node, handler: Handler) -> dict[str, Node]:
    asked, put = _request_fields(schemas, handler)
    needed: Node = {"required": ["input"]} if _needs_body(schemas, handler) else {}
    page = {name: _text(nullable=True) for name in ("previous", "next")}
    results = {"type": "array", "items": _ref(handler.response)}
    return {
        f"{handler.prefix}Input": {"type": "object"},
        f"{handler.prefix}Output": {},
        handler.request: _object(handler.request, asked, **needed),
        handler.put_request: _object(handler.put_request, put, **needed),
        handler.response: _object(handler.response, _response_fields(handler)),
        f"{handler.noun.title()}List": _object("List", {**page, "results": results}),
        f"{handler.prefix}Form": _form(schemas, handler),
        **_ERRORS,
    }


def _form(schemas: Node, handler: Handler) -> Node:
    """Return what the parts of a form may be: the inputs, files as they are."""
    given = schemas.get(f"{handler.prefix}Input", {})
    properties: Node = {}
    for name, schema in given.get("properties", {}).items():
        is_file = schema.get("format") == "uri"
        properties[name] = _text(format="binary") if is_file else schema
    needed = {"required": given["required"]} if given.get("required") else {}
    return _object("Form", properties, **needed)


def _request_fields(schemas: Node, handler: Handler) -> tuple[Node, Node]:
    """Return the fields of a request, and those of one whose id is in its URL."""
    given: Node = _ref(f"{handler.prefix}Input")
    if not _needs_body(schemas, handler):
        given = {"allOf": [given], "nullable": True}
    url = "^([hH][tT][tT][pP][sS]?://[!-\\[\\]-~]+)?$"
    optional: Node = {
        "id": {**_ID, "minLength": 0},
        "context": {"type": "object", "additionalProperties": _text()},
        "webhook": _text(maxLength=8192, pattern=url),
        "webhook_events_filter": {"type": "array", "items": _text(enum=list(KINDS))},
    }
    fields = {name: {**schema, "nullable": True} for name, schema in optional.items()}
    put = {name: schema for name, schema in fields.items() if name != "id"}
    return {**fields, "input": given}, {**put, "input": given}


def _response_fields(handler: Handler) -> Node:
    place = {"position": {"type": "integer"}, "estimated_wait": {"type": "number"}}
    times = ("created_at", "started_at", "completed_at")
    return {
        **{name: _text() for name in ("id", "error", "logs")},
        "status": _text(enum=["starting", "processing", "succeeded", "canceled", "failed"]),
        **{name: _text(format="date-time") for name in times},
        "metrics": {"type": "object"},
        "input": _ref(f"{handler.prefix}Input"),
        "output": _ref(f"{handler.prefix}Output"),
        "queue": _object("Queue", place),
    }


_FAULT: Node = {
    "loc": {"type": "array", "items": {"anyOf": [_text(), {"type": "integer"}]}},
    "msg": _text(),
    "type": _text(),
}
_PROBLEM: Node = {
    "type": _text(),
    "title": _text(),
    "status": {"type": "integer"},
    "detail": _text(),
}
_ERRORS: dict[str, Node] = {
    "ValidationError": _object("ValidationError", _FAULT),
    "HTTPValidationError": _object(
        "HTTPValidationError", {"detail": {"type": "array", "items": _ref("ValidationError")}}
    ),
    "Problem": _object("Problem", _PROBLEM, required=list(_PROBLEM)),
    "Refusal": _object("Refusal", {name: _text() for name in ("error", "status", "detail")}),
}


def _answer(description: str, schema: Node, *types: str, **more: object) -> Node:
    content = {kind: {"schema": schema} for kind in types or ("application/json",)}
    return {"description": description, "content": content, **more}


def _problem(description: str) -> Node:
    return _answer(description, _ref("Problem"), "application/problem+json")


def _header(name: str, description: str, schema: Node) -> Node:
    return {"in": "header", "name": name, "description": description, "schema": schema}


def _about() -> Node:
    def get(operation: str, summary: str, answer: Node, **others: Node) -> Node:
        responses = {"200": answer, **others}
        return {"get": {"operationId": operation, "summary": summary, "responses": responses}}

    free: Node = {"type": "object"}
    gone = _answer("The project has no document", _ref("Refusal"))
    probes = {
        f"/{name}": get(name, summary, _answer("Yes", free), **{"503": _answer("No", free)})
        for name, summary in (
            ("livez", "Whether this process is of use"),
            ("readyz", "Whether predictions may be sent here"),
            ("startupz", "Whether setup has succeeded"),
        )
    }
    page = _answer("Prometheus text", _text(), "text/plain")
    docs = get("docs", "This document for people", _answer("A page", _text(), "text/html"))
    shutdown = {"operationId": "shutdown", "summary": "Stop the server"}
    return {
        "/": get("root__get", "Root", _answer("The other routes", free)),
        "/health-check": get(
            "healthcheck_health_check_get", "Healthcheck", _answer("Health", free)
        ),
        **probes,
        "/metrics": get("metrics", "What Prometheus reads", page),
        "/openapi.json": get("openapi", "This document", _answer("OpenAPI", free), **{"503": gone}),
        "/docs": docs,
        "/shutdown": {"post": {**shutdown, "responses": {"200": _answer("It stops", free)}}},
    }


def _paths(handler: Handler, needs_body: bool) -> Node:  # noqa: FBT001 - one fact about the model
    base, noun, verb = handler.base, handler.noun, handler.verb
    plural = base.removeprefix("/")
    parameter = {"in": "path", "name": handler.id_name, "required": True, "schema": _ID}
    title = {"title": f"{noun.title()} ID"}
    one = {**parameter, "schema": {**title, **_ID}}
    answers = _take_answers(handler)
    take: Node = {
        "parameters": _take_headers(),
        "requestBody": {
            "required": needs_body,
            "content": _bodies(handler.request, handler),
        },
        "responses": answers,
    }
    if handler.streams:
        take["x-cog-streaming"] = True
    show = {
        "200": _shown("It", handler),
        "404": _problem("No such id goes on or is remembered"),
        **({} if handler.streams else {"406": answers["406"]}),
    }
    cancelled = {code: _answer(text, {"type": "object"}) for code, text in _CANCEL.items()}
    pages = {"200": _answer("Newest first", _ref(f"{noun.title()}List"))}
    return {
        base: {
            "post": {
                "operationId": f"{verb}_{plural}_post",
                "summary": verb.title(),
                "description": f"Run a single {noun} on the model",
                **take,
            },
            "get": {
                "operationId": f"list_{plural}",
                "summary": "What goes on and what is remembered",
                "parameters": _LIST,
                "responses": {**pages, "400": _problem("A cursor or limit that is none")},
            },
        },
        f"{base}/{{{handler.id_name}}}": {
            "put": {
                "operationId": f"{verb}_idempotent_put",
                "summary": f"{verb.title()}, once for each id",
                **take,
                "requestBody": {
                    "required": needs_body,
                    "content": _bodies(handler.put_request, handler),
                },
                "parameters": [one, *_take_headers()],
            },
            "get": {
                "operationId": f"get_{noun}",
                "summary": f"Look at a {noun}",
                "parameters": [one, _take_headers()[0]],
                "responses": show,
            },
        },
        f"{base}/{{{handler.id_name}}}/cancel": {
            "post": {
                "operationId": f"cancel_{plural}__{handler.id_name}__cancel_post",
                "summary": "Cancel",
                "parameters": [one],
                "responses": cancelled,
            }
        },
    }


_CANCEL = {"200": "It is being cancelled", "404": "None with this id goes on"}
_LIST = [
    {"in": "query", "name": "cursor", "schema": _text(pattern="^[0-9]{1,19}$")},
    {"in": "query", "name": "limit", "schema": {"type": "integer", "minimum": 1, "maximum": PAGE}},
]


def _bodies(request: str, handler: Handler) -> Node:
    forms = _ref(f"{handler.prefix}Form")
    return {"application/json": {"schema": _ref(request)}, "multipart/form-data": {"schema": forms}}


def _take_headers() -> list[Node]:
    duration = {"type": "number", "minimum": 0}
    return [
        _header("Prefer", "`respond-async`, `wait=SECONDS` (RFC 7240)", _text()),
        _header("Idempotency-Key", "One run for each key", _ID),
        _header("Priority", "`u=0` first to `u=7` last (RFC 9218)", _text()),
        _header("Cog-Queue-Timeout", "Seconds it may wait", duration),
        _header("Cog-Run-Timeout", "Seconds it may run", duration),
    ]


def _shown(what: str, handler: Handler) -> Node:
    answer = _answer(f"{what} as it is now", _ref(handler.response))
    if handler.streams:
        answer["content"] |= {kind: {"schema": _text()} for kind in _STREAMS}
    same = {handler.id_name: "$response.body#/id"}
    answer["links"] = {"look": {"operationId": f"get_{handler.noun}", "parameters": same}}
    return answer


def _take_answers(handler: Handler) -> Node:
    plain = {"text/plain": {"schema": _text()}}
    invalid = _answer("Validation Error", _ref("HTTPValidationError"))
    invalid["content"] |= {**plain, **_problem("")["content"]}
    refusal = _answer("It is not taken", _ref("Refusal"))
    refusal["content"] |= _problem("")["content"]
    answers: Node = {
        "200": _shown("It has ended", handler),
        "202": {**_shown("It was taken", handler)},
        "400": {"description": "The body is not JSON", "content": plain},
        "408": {"description": "The body came too slowly", "content": plain},
        "409": refusal,
        "413": {"description": "The body is too large", "content": plain},
        "415": {"description": "The body's type is not JSON", "content": plain},
        "422": invalid,
        "429": _problem("The queue is full"),
        "503": refusal,
    }
    if not handler.streams:
        answers["406"] = _answer("The model has no events", _ref("Refusal"))
    return answers
