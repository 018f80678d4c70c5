"""Reads the body of a prediction request: bytes in, a request out, or the answer to refuse with.

Status codes and the shape of the texts are those of Cog's server (``axum`` and ``serde_json``).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cog.server.keywords import Fault
from cog.server.schema import InputSchema

MAX_BODY = 100 * 1024 * 1024
"""Bytes of a request body, as in Cog's server (``crates/coglet``)."""

MAX_DEPTH = 128
"""Levels of nested lists and objects, the limit of ``serde_json``."""


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


class PredictionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for; other fields of the body are ignored.

    ``input`` may be any JSON value, which the input schema has yet to check; None is no input.
    """

    id: str | None = None
    input: object = None
    context: dict[str, str] | None = None


_DECODER = msgspec.json.Decoder(PredictionRequest)


def parse_request(content_type: str | None, body: bytes) -> PredictionRequest:
    """Return the request in a body; no body and no content type is a request without input.

    Raises BadRequest: 415 for a content type that is not JSON, 400 for what is not JSON, 422 for
    fields of the wrong type.
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
    return request


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


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
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
