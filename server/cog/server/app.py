"""The application: every route and every error translated to HTTP in one place.

Paths, status codes and bodies are Cog's (``crates/coglet/src/transport/http/routes.rs``); answers
Cog does not have are RFC 9457 problem documents.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from litestar import Litestar, Request, Response, post, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from cog.server.encoding import encode_json
from cog.server.logs import LOGGER
from cog.server.pool import AtCapacity, Closed, IdInUse, QueueFull
from cog.server.request import BadRequest, InvalidInput
from cog.server.routes import prediction_route
from cog.server.service import NotReady, Service
from cog.server.settings import Mode

NOT_READY = (
    "Setup has not finished yet. Wait until it has finished, or GET /health-check for status."
)
AT_CAPACITY = "At capacity - all prediction slots busy"

_log = logging.getLogger(LOGGER)

_Request = Request[Any, Any, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the routes speak to; ``openapi`` is the project's document, None if it has none."""

    service: Service
    mode: Mode
    version: str
    openapi: dict[str, object] | None
    on_shutdown: Callable[[], None]


def create_app(site: Site) -> Litestar:
    """Return the application; nothing of it is global."""
    noun = "trainings" if site.mode == "train" else "predictions"
    return Litestar(
        [*_about(site, noun), prediction_route(site.service, f"/{noun}")],
        exception_handlers=_exception_handlers(site.service),
        openapi_config=None,
        logging_config=None,
    )


def _about(site: Site, noun: str) -> list[HTTPRouteHandler]:
    @_get("/")
    async def root() -> Response[bytes]:
        return _json(
            {
                "cog_version": site.version,
                "openapi_url": "/openapi.json",
                "shutdown_url": "/shutdown",
                "healthcheck_url": "/health-check",
                f"{noun}_url": f"/{noun}",
            }
        )

    @_get("/health-check")
    async def health_check() -> Response[bytes]:
        health = await site.service.health({"cogkit": site.version, "python_sdk": site.version})
        return _json(health.document())

    @_get("/openapi.json")
    async def openapi() -> Response[bytes]:
        if site.openapi is None:
            return _json({"error": "OpenAPI schema not available"}, 503)
        return _json(site.openapi)

    @post("/shutdown", status_code=200)
    async def shutdown() -> Response[bytes]:
        site.on_shutdown()
        return _json({})

    return [root, health_check, openapi, shutdown]


def _get(path: str) -> Callable[[Callable[[], Awaitable[Response[bytes]]]], HTTPRouteHandler]:
    return route(path, http_method=[HttpMethod.GET, HttpMethod.HEAD])


def _json(content: object, status: int = 200, **headers: str) -> Response[bytes]:
    return Response(
        encode_json(content), status_code=status, media_type="application/json", headers=headers
    )


def _problem(status: int, detail: str, **headers: str) -> Response[bytes]:
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    response = _json(content, status, **headers)
    response.media_type = "application/problem+json"
    return response


def _exception_handlers(service: Service) -> ExceptionHandlersMap:
    def bad_request(_: _Request, error: BadRequest) -> Response[bytes]:
        text = str(error).encode("utf-8", "replace")
        return Response(text, status_code=error.status, media_type="text/plain")

    def invalid_input(_: _Request, error: InvalidInput) -> Response[bytes]:
        detail = [
            {"loc": ["body", "input", *fault.loc], "msg": fault.msg, "type": fault.type}
            for fault in error.faults
        ]
        return _json({"detail": detail}, 422)

    def not_ready(_: _Request, error: NotReady) -> Response[bytes]:
        why = {"detail": str(error)} if str(error) else {}
        return _json({"error": NOT_READY, "status": "failed", **why}, 503)

    def at_capacity(_: _Request, __: AtCapacity) -> Response[bytes]:
        return _json({"error": AT_CAPACITY, "status": "failed"}, 409)

    def queue_full(_: _Request, error: QueueFull) -> Response[bytes]:
        return _problem(429, str(error), **{"Retry-After": str(service.retry_after())})

    def id_in_use(_: _Request, error: IdInUse) -> Response[bytes]:
        return _problem(409, str(error))

    def closed(_: _Request, error: Closed) -> Response[bytes]:
        return _problem(503, str(error))

    return {
        BadRequest: bad_request,
        InvalidInput: invalid_input,
        NotReady: not_ready,
        AtCapacity: at_capacity,
        QueueFull: queue_full,
        IdInUse: id_in_use,
        Closed: closed,
        HTTPException: _http_error,
        Exception: _bug,
    }


def _http_error(_: _Request, error: HTTPException) -> Response[bytes]:
    return _problem(error.status_code, error.detail, **(error.headers or {}))


def _bug(request: _Request, error: Exception) -> Response[bytes]:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(500, "The server failed to answer; its log says why.")
