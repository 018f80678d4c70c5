"""The application: the gate, the prediction routes, and Litestar for every other one.

Paths, status codes and bodies are Cog's (``crates/coglet/src/transport/http/routes.rs``); answers
Cog does not have are RFC 9457 problem documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from litestar import Litestar, Request, Response, post, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from cog.server.docs import docs_page
from cog.server.form import Forms
from cog.server.gate import Doors, Gate, client_of, is_lifespan
from cog.server.openapi import Handler, handler_of, server_document
from cog.server.predictions import Predictions
from cog.server.probes import probe_routes
from cog.server.problems import reply_to
from cog.server.reply import Reply, json_reply
from cog.server.schema import InputSchema
from cog.server.scratch import Scratch
from cog.server.service import Service
from cog.server.settings import Mode
from cog.server.webhook import Webhooks

_Request = Request[Any, Any, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the routes speak to; ``openapi`` is the project's document, None if it has none."""

    service: Service
    scratch: Scratch
    schema: InputSchema | None
    webhooks: Webhooks
    doors: Doors
    mode: Mode
    version: str
    openapi: dict[str, object] | None
    on_shutdown: Callable[[], None]


def create_app(site: Site) -> ASGIApp:
    """Return the application; nothing of it is global."""
    base = "/trainings" if site.mode == "train" else "/predictions"
    handler = handler_of(site.openapi, base)
    predictions = Predictions(
        base,
        site.service,
        site.webhooks,
        Forms(site.scratch, site.schema),
        streams=handler.streams,
        client_of=partial(client_of, doors=site.doors),
    )
    litestar = Litestar(
        [
            *_about(site, base, handler),
            *probe_routes(site.service, site.webhooks.tally, site.version),
        ],
        exception_handlers={Exception: partial(_answer_error, site.service)},
        openapi_config=None,
        logging_config=None,
    )
    return cast("ASGIApp", Gate(_Front(predictions, litestar), site.doors))


class _Front:
    """Sends a request to the prediction routes or to Litestar."""

    def __init__(self, predictions: Predictions, others: Litestar) -> None:
        self._predictions = predictions
        self._others = others
        self._below = f"{predictions.base}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = "" if is_lifespan(scope) else scope["path"]
        if path == self._predictions.base or path.startswith(self._below):
            await self._predictions(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def _about(site: Site, base: str, handler: Handler) -> list[HTTPRouteHandler]:
    noun = base.removeprefix("/")
    document = json_reply(server_document(site.openapi, handler, site.doors))
    page = docs_page(base)

    @_get("/")
    async def root() -> Response[bytes]:
        return _response(
            json_reply(
                {
                    "cog_version": site.version,
                    "docs_url": "/docs",
                    "openapi_url": "/openapi.json",
                    "shutdown_url": "/shutdown",
                    "healthcheck_url": "/health-check",
                    f"{noun}_url": base,
                    f"{noun}_idempotent_url": f"{base}/{{{handler.id_name}}}",
                    f"{noun}_cancel_url": f"{base}/{{{handler.id_name}}}/cancel",
                }
            )
        )

    @_get("/health-check")
    async def health_check() -> Response[bytes]:
        health = await site.service.health({"cogkit": site.version, "python_sdk": site.version})
        return _response(json_reply(health.document()))

    @_get("/openapi.json")
    async def openapi() -> Response[bytes]:
        if site.openapi is None:
            return _response(json_reply({"error": "OpenAPI schema not available"}, 503))
        return _response(document)

    @_get("/docs")
    async def docs() -> Response[bytes]:
        return _response(page)

    @post("/shutdown", status_code=200)
    async def shutdown() -> Response[bytes]:
        site.on_shutdown()
        return _response(json_reply({}))

    return [root, health_check, openapi, docs, shutdown]


def _get(path: str) -> Callable[[Callable[[], Awaitable[Response[bytes]]]], HTTPRouteHandler]:
    return route(path, http_method=[HttpMethod.GET, HttpMethod.HEAD])


def _response(reply: Reply) -> Response[bytes]:
    headers = {"x-content-type-options": "nosniff"}
    headers |= {name.decode(): value.decode() for name, value in reply.headers}
    return Response(
        reply.body,
        status_code=reply.status,
        media_type=reply.content_type.decode(),
        headers=headers,
    )


def _answer_error(service: Service, _: _Request, error: Exception) -> Response[bytes]:
    return _response(reply_to(error, service.retry_after))
