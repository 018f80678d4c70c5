"""What the server may say to the outside and how: read once from the environment and the flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cog.server.guard import Guard, UrlRefused, parse_allowed
from cog.server.webhook import WebhookPolicy, parse_secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """Whom the server opens connections to, and what it sends there.

    ``upload_url`` is where output files go; empty: they are part of the answer.
    """

    guard: Guard = field(default_factory=Guard)
    webhooks: WebhookPolicy = field(default_factory=WebhookPolicy)
    user_agent: str = ""
    upload_url: str = ""


def load_outbound(environ: Mapping[str, str], upload_url: str, interval: float) -> Outbound:
    """Return what these say; ``interval`` is the throttle of webhooks in seconds.

    Raises ValueError with one line for the person who started us.
    """

    def parsed(name: str) -> str:
        return environ.get(name, "").strip()

    try:
        allowed = parse_allowed(parsed("COG_ALLOW_PRIVATE_URLS"))
    except ValueError as error:
        raise ValueError(
            f"COG_ALLOW_PRIVATE_URLS: expected true, false or networks such as 10.0.0.0/8: {error}"
        ) from error
    try:
        secrets = parse_secrets(parsed("COG_WEBHOOK_SECRET"))
    except ValueError as error:
        raise ValueError(f"COG_WEBHOOK_SECRET: {error}") from error
    return Outbound(
        guard=Guard(allowed, frozenset({_origin(upload_url)} if upload_url else ())),
        webhooks=WebhookPolicy(
            auth_token=parsed("WEBHOOK_AUTH_TOKEN"),
            secrets=secrets,
            interval=interval,
        ),
        user_agent=parsed("COG_USER_AGENT"),
        upload_url=upload_url,
    )


def _origin(url: str) -> tuple[str, int]:
    try:
        Guard().check_text(url)
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme.lower(), 80)
    except (UrlRefused, ValueError) as error:
        raise ValueError(f"--upload-url {url!r}: {error}") from error
    if not parts.hostname:
        raise ValueError(f"--upload-url {url!r}: the URL has no host")
    return parts.hostname, port
