"""Routes for machines that watch: is it alive, is it ready, has it started; and the metrics.

Unlike Cog's ``/health-check``, which always answers 200, the status code is the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from cog.server.encoding import encode_json
from cog.server.health import Health
from cog.server.metrics import CONTENT_TYPE, Figures, exposition

if TYPE_CHECKING:
    from cog.server.service import Service
    from cog.server.tally import WebhookTally


def probe_routes(service: Service, webhooks: WebhookTally, version: str) -> list[HTTPRouteHandler]:
    """Return the handlers of ``/livez``, ``/readyz``, ``/startupz`` and ``/metrics``."""

    @get("/livez")
    async def livez() -> Response[bytes]:
        return _verdict(service.condition(), "is_alive")

    @get("/readyz")
    async def readyz() -> Response[bytes]:
        return _verdict(await service.health({}), "is_ready")

    @get("/startupz")
    async def startupz() -> Response[bytes]:
        return _verdict(service.condition(), "has_started")

    @get("/metrics")
    async def metrics() -> Response[bytes]:
        figures = Figures(
            tally=service.tally, webhooks=webhooks, level=service.level(), version=version
        )
        return Response(exposition(figures), media_type=CONTENT_TYPE)

    return [livez, readyz, startupz, metrics]


def _verdict(health: Health, question: str) -> Response[bytes]:
    answer: bool = getattr(health, question)
    body: dict[str, object] = {"status": health.state}
    if not answer and health.why:
        body["error"] = health.why
    return Response(
        encode_json(body), status_code=200 if answer else 503, media_type="application/json"
    )
