"""Every error of the server as an answer: the one place where they are translated to HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable

from litestar.exceptions import HTTPException

from cog.server.admission import OtherRequest
from cog.server.body import Overloaded
from cog.server.keywords import Fault
from cog.server.logs import LOGGER
from cog.server.pool import AtCapacity, Closed, IdInUse, QueueFull
from cog.server.reply import Reply, json_reply, problem, text_reply
from cog.server.request import BadRequest, InvalidInput, InvalidRequest
from cog.server.service import NotReady
from cog.server.store import BadCursor

NOT_READY = (
    "Setup has not finished yet. Wait until it has finished, or GET /health-check for status."
)
AT_CAPACITY = "At capacity - all prediction slots busy"

_log = logging.getLogger(LOGGER)


class NotAcceptable(Exception):
    """The client wants events of a model that has none; the text is Cog's."""


class NotFound(Exception):
    """There is nothing here."""


class WrongMethod(Exception):
    """There is something here, but not for this method; ``allowed`` names the others."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__("the method is not allowed here")
        self.allowed = allowed


def reply_to(error: Exception, retry_after: Callable[[], int]) -> Reply:
    """Return the answer to a request that raised ``error``; what is unknown is a bug: 500.

    ``retry_after`` gives the seconds after which a refused client may come back.
    """
    for kind, reply in _REPLIES:
        if isinstance(error, kind):
            return reply(error, retry_after)
    _log.error("A request failed", exc_info=error)
    return problem(500, "The server failed to answer; its log says why.")


def _bad_request(error: BadRequest, _: Callable[[], int]) -> Reply:
    reply = text_reply(str(error), error.status)
    # What is left of the body will not be read.
    return reply._replace(headers=((b"connection", b"close"),)) if error.status == 408 else reply


def _faults(where: tuple[str, ...], faults: list[Fault]) -> Reply:
    detail = [
        {"loc": [*where, *fault.loc], "msg": fault.msg, "type": fault.type} for fault in faults
    ]
    return json_reply({"detail": detail}, 422)


def _invalid_input(error: InvalidInput, _: Callable[[], int]) -> Reply:
    return _faults(("body", "input"), error.faults)


def _invalid_request(error: InvalidRequest, _: Callable[[], int]) -> Reply:
    return _faults(("body",), [error.fault])


def _not_ready(error: NotReady, _: Callable[[], int]) -> Reply:
    why = {"detail": str(error)} if str(error) else {}
    return json_reply({"error": NOT_READY, "status": "failed", **why}, 503)


def _at_capacity(_: AtCapacity, __: Callable[[], int]) -> Reply:
    return json_reply({"error": AT_CAPACITY, "status": "failed"}, 409)


def _queue_full(error: QueueFull, retry_after: Callable[[], int]) -> Reply:
    return problem(429, str(error), ((b"retry-after", b"%d" % retry_after()),))


def _overloaded(error: Overloaded, _: Callable[[], int]) -> Reply:
    return problem(503, str(error), ((b"retry-after", b"1"),))


def _not_acceptable(error: NotAcceptable, _: Callable[[], int]) -> Reply:
    return json_reply({"error": str(error)}, 406)


def _wrong_method(error: WrongMethod, _: Callable[[], int]) -> Reply:
    return problem(405, str(error), ((b"allow", ", ".join(error.allowed).encode()),))


def _http_error(error: HTTPException, _: Callable[[], int]) -> Reply:
    headers = tuple((k.encode(), str(v).encode()) for k, v in (error.headers or {}).items())
    return problem(error.status_code, error.detail, headers)


def _plain(status: int) -> Callable[..., Reply]:
    return lambda error, _: problem(status, str(error))


_REPLIES: tuple[tuple[type[Exception], Callable[..., Reply]], ...] = (
    (BadRequest, _bad_request),
    (InvalidInput, _invalid_input),
    (InvalidRequest, _invalid_request),
    (NotReady, _not_ready),
    (AtCapacity, _at_capacity),
    (QueueFull, _queue_full),
    (Overloaded, _overloaded),
    (IdInUse, _plain(409)),
    (OtherRequest, _plain(409)),
    (Closed, _plain(503)),
    (BadCursor, _plain(400)),
    (NotAcceptable, _not_acceptable),
    (NotFound, _plain(404)),
    (WrongMethod, _wrong_method),
    (HTTPException, _http_error),
)
