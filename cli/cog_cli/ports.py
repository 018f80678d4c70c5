"""What ``cog exec --publish`` means."""

from __future__ import annotations

from collections.abc import Iterable

from cog_cli.errors import UsageProblem


def parse_ports(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Read ``[HOST:]PORT`` values; without a host only this machine reaches it. UsageProblem."""
    return tuple(map(_port, texts))


def _port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16) or (colon and not host):
        raise UsageProblem(f"--publish {text} is not PORT or HOST:PORT")
    return host or "127.0.0.1", int(port)
