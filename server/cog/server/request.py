"""Reads the body of a prediction request: bytes in, a request out, or the answer to refuse with.

Status codes and the shape of the texts are those of Cog's server (``axum`` and ``serde_json``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import blake2b

import msgspec
import orjson

from cog.server.guard import Guard, UrlRefused
from cog.server.keywords import Fault
from cog.server.schema import InputSchema
from cog.server.webhook import Kind

MAX_BODY = 100 * 1024 * 1024
"""Bytes of a request body, as in Cog's server (``crates/coglet``)."""

MAX_DEPTH = 128
"""Levels of nested lists and objects, the limit of ``serde_json``."""


MAX_ID = 256
"""Characters of an id or an idempotency key: they are kept, logged and sent back."""

MAX_ECHO = 64 * 1024
"""Bytes of a body whose input is sent back with the answer.

Cog's documents show ``input`` in the answer; its server leaves it out. A picture that a client has
just sent is not worth sending back, a prompt is.
"""


class BadRequest(Exception):
    """A body that is not a prediction request; ``status`` and the text are the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class InvalidInput(Exception):
    """The input does not fit the schema; ``faults`` holds everything found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.msg for fault in faults))
        self.faults = faults


class InvalidRequest(Exception):
    """A field beside the input has a value that it cannot have; ``fault`` says which and why."""

    def __init__(self, place: str, msg: str) -> None:
        super().__init__(msg)
        self.fault = Fault((place,), msg)


class PredictionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for; other fields of the body are ignored.

    ``input`` may be any JSON value, which the input schema has yet to check; None is no input.
    """

    id: str | None = None
    input: object = None
    context: dict[str, str] | None = None
    webhook: str | None = None
    webhook_events_filter: list[Kind] | None = None


_DECODER = msgspec.json.Decoder(PredictionRequest)


def parse_request(content_type: bytes | None, body: bytes) -> PredictionRequest:
    """Return the request in a body; no body and no content type is a request without input.

    Raises BadRequest: 415 for a content type that is not JSON, 400 for what is not JSON, 422 for
    fields of the wrong type; InvalidRequest.
    """
    if content_type is None and not body:
        return PredictionRequest()
    if content_type is not None and not _is_json(content_type):
        raise BadRequest(415, "Expected request with `Content-Type: application/json`")
    try:
        request = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        text = f"Failed to deserialize the JSON body into the target type: {error}"
        raise BadRequest(422, text) from error
    except (ValueError, RecursionError) as error:
        text = f"Failed to parse the request body as JSON: {error}"
        raise BadRequest(400, text) from error
    # The body itself is the first level, the input the second.
    if _deeper_than(request.input, MAX_DEPTH - 1):
        raise BadRequest(400, "Failed to parse the request body as JSON: recursion limit exceeded")
    if request.id:
        _check_name("id", request.id)
    if request.webhook:
        try:
            Guard().check_text(request.webhook)
        except UrlRefused as error:
            raise InvalidRequest("webhook", str(error)) from error
    return request


def with_id(request: PredictionRequest, given: str) -> PredictionRequest:
    """Return the request with the id of its URL; raises InvalidRequest."""
    if request.id is not None and request.id != given:
        raise InvalidRequest("id", "prediction ID must match the ID supplied in the URL")
    _check_name("id", given)
    return msgspec.structs.replace(request, id=given)


def check_key(key: str) -> str:
    """Return an ``Idempotency-Key``; raises InvalidRequest."""
    if not key:
        raise InvalidRequest("Idempotency-Key", "is empty")
    _check_name("Idempotency-Key", key)
    return key


def fingerprint(request: PredictionRequest) -> bytes:
    """Return what tells requests apart that came under one id: equal input and context, equal
    bytes, whatever the order of their keys.
    """
    what = {"input": request.input, "context": request.context}
    try:
        text = orjson.dumps(what, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer over 64 bits
        text = json.dumps(what, sort_keys=True).encode()
    return blake2b(text, digest_size=16).digest()


ID_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
"""What an id may be, as a pattern: no character in it ends a line or commands a terminal."""

_ID = re.compile(ID_PATTERN[:-1] + r"\Z")


def _check_name(place: str, name: str) -> None:
    # It goes into logs, headers and URLs: nothing in it may end a line or command a terminal.
    if len(name) > MAX_ID:
        raise InvalidRequest(place, f"longer than {MAX_ID} characters")
    if not _ID.match(name):
        raise InvalidRequest(place, "holds a control character")


def checked_input(given: object, schema: InputSchema | None) -> tuple[dict[str, object], list[str]]:
    """Return the input without the names that the schema does not list, and those names.

    No input is an empty one. Raises InvalidInput. Without a schema every object is valid.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        kind = msgspec.json.encode(given)[:200].decode("utf-8", "replace")
        raise InvalidInput([Fault(("__root__",), f'{kind} is not of type "object"')])
    if schema is None:
        return given, []
    unknown = schema.unknown(given)
    known = {name: value for name, value in given.items() if name not in unknown}
    if faults := schema.faults(known):
        raise InvalidInput(faults)
    return known, unknown


def _is_json(content_type: bytes) -> bool:
    kind = content_type.partition(b";")[0].strip().lower()
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    )


_Box = list[object] | dict[str, object]


def _deeper_than(value: object, levels: int) -> bool:
    boxes: list[_Box] = [value] if isinstance(value, list | dict) else []
    for _ in range(levels):
        boxes = [item for box in boxes for item in _inside(box) if isinstance(item, list | dict)]
        if not boxes:
            return False
    return bool(boxes)


def _inside(box: _Box) -> Iterable[object]:
    return box.values() if isinstance(box, dict) else box
