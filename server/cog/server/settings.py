"""What the HTTP process is told from outside: environment and flags in, one frozen value out.

Names and defaults of Cog's server are kept (``python/cog/server/http.py`` and ``crates/coglet`` of
Cog). As there, a number that makes no sense is not fatal: the default holds, and ``warnings`` says
so.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from cog.server.events import FEED_EVENTS
from cog.server.gate import Doors, load_doors
from cog.server.outbound import Outbound, load_outbound
from cog.server.pool import Bound
from cog.server.pulse import PulsePolicy
from cog.server.store import Keep
from cog.server.supervisor import WorkerPolicy
from cog.server.surroundings import CANCEL_GRACE, Limits

Mode = Literal["predict", "train"]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
MAX_WORKERS = 64
"""More than any machine has GPUs: a number beyond it is a slip."""

_REFS: dict[str, str] = {"predict": "COG_PREDICT_TYPE_STUB", "train": "COG_TRAIN_TYPE_STUB"}


class SettingsError(Exception):
    """The process cannot start so; one line for the person who started it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the HTTP process takes from its surroundings; times are in seconds."""

    ref: str
    """The handler, ``predict.py:Predictor``."""
    host: str = "0.0.0.0"  # noqa: S104 # a container is reached from outside or not at all
    port: int = 5000
    mode: Mode = "predict"
    concurrency: int = 0
    """Predictions at once in one worker; 0: what the handler says, else one."""
    workers: int | None = 1
    """How many; None: one for each visible GPU, at least one."""
    bound: Bound = field(default_factory=Bound)
    """Of what waits. Cog has no queue: a count of 0 gives its 409."""
    limits: Limits = field(default_factory=Limits)
    policy: WorkerPolicy = field(default_factory=WorkerPolicy)
    keep: Keep = field(default_factory=Keep)
    drain_timeout: float | None = None
    """How long accepted predictions may go on after SIGTERM; None: until they end, as in Cog."""
    drain_delay: float = 0.0
    """How long new ones are still taken after SIGTERM, though the server says it is not ready."""
    await_explicit_shutdown: bool = False
    """SIGTERM is ignored; only ``POST /shutdown`` and SIGINT end the process."""
    log_level: int = logging.INFO
    log_style: Literal["json", "console"] = "json"
    outbound: Outbound = field(default_factory=Outbound)
    doors: Doors = field(default_factory=Doors)
    warnings: tuple[str, ...] = ()


def load_settings(environ: Mapping[str, str], argv: Sequence[str]) -> Settings:
    """Return the settings for ``argv`` (without the program's name).

    Raises SettingsError; SystemExit for ``--help`` and flags that do not parse.
    """
    flags = _parser().parse_args(argv)
    mode: Mode = "train" if flags.x_mode == "train" else "predict"
    ref = environ.get(_REFS[mode], "").strip()
    if not ref:
        raise SettingsError(
            f"{_REFS[mode]} is not set: it names what to serve, such as predict.py:Predictor"
        )
    env = _Environment(environ)
    interval = env.number("COG_THROTTLE_RESPONSE_INTERVAL", float, 0.5, least=0)
    try:
        outbound = load_outbound(environ, flags.upload_url or "", interval)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return Settings(
        ref=ref,
        host=flags.host,
        port=_port(environ.get("PORT", "").strip() or "5000"),
        mode=mode,
        concurrency=env.number("COG_MAX_CONCURRENCY", int, 0, least=0),
        workers=_workers(flags.workers or environ.get("COG_WORKERS", "").strip() or "1"),
        bound=env.bound(),
        limits=env.limits(),
        policy=env.policy(),
        keep=env.keep(),
        drain_timeout=_first(
            flags.drain_timeout, env.number("COG_DRAIN_TIMEOUT", float, None, least=0)
        ),
        drain_delay=env.number("COG_DRAIN_DELAY", float, 0.0, least=0),
        await_explicit_shutdown=flags.await_explicit_shutdown,
        log_level=env.level(verbose=flags.verbose),
        log_style="console" if environ.get("LOG_FORMAT") == "console" else "json",
        outbound=outbound,
        doors=load_doors(environ, flags.host),
        warnings=tuple(env.warnings),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cog.server.http", allow_abbrev=False)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 # see Settings
    parser.add_argument("--threads", type=int, help="accepted for Cog's sake, without effect")
    parser.add_argument("--upload-url", help="where to PUT output files: URL/NAME")
    parser.add_argument("--workers", help="workers to start: a number, or auto: one for each GPU")
    parser.add_argument(
        "--drain-timeout",
        type=_seconds,
        help="seconds that accepted predictions may take to end after SIGTERM",
    )
    parser.add_argument(
        "--await-explicit-shutdown",
        type=_boolean,
        nargs="?",
        const=True,
        default=False,
        help="ignore SIGTERM; end on POST /shutdown",
    )
    parser.add_argument("--x-mode", choices=["predict", "train"], default="predict")
    return parser


def _boolean(text: str) -> bool:
    # Cog reads every text as true, "false" too.
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in words:
        raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")
    return words[text.lower()]


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds from 0, got {text!r}")
    return value


def _first(flag: float | None, variable: float | None) -> float | None:
    return variable if flag is None else flag


def _workers(text: str) -> int | None:
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_WORKERS):
        raise SettingsError(
            f"the number of workers is {text!r}: expected 1 to {MAX_WORKERS}, or auto"
        )
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise SettingsError(f"PORT is {text!r}: expected a number from 1 to 65535")
    return int(text)


N = TypeVar("N", int, float)
D = TypeVar("D", int, float, None)


class _Environment:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.warnings: list[str] = []

    def number(self, name: str, parse: Callable[[str], N], default: D, *, least: float) -> N | D:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            value = parse(text)
        except ValueError:
            value = None
        # A NaN is not at least anything.
        if value is None or not least <= value < float("inf"):
            self.warnings.append(f"{name} is {text!r}: expected a number from {least}; ignored")
            return default
        return value

    def bound(self) -> Bound:
        default = Bound()
        return Bound(
            count=self.number("COG_QUEUE_CAPACITY", int, default.count, least=0),
            size=self.number("COG_QUEUE_BYTES", int, default.size, least=0),
        )

    def limits(self) -> Limits:
        grace = self.number("COG_CANCEL_GRACE", float, CANCEL_GRACE, least=0)
        return Limits(
            queue_timeout=self.time("COG_QUEUE_TIMEOUT"),
            run_timeout=self.time("COG_RUN_TIMEOUT"),
            cancel_grace=grace or None,
            feed_events=self.number("COG_STREAM_HISTORY_CAPACITY", int, FEED_EVENTS, least=1),
        )

    def policy(self) -> WorkerPolicy:
        default = WorkerPolicy()
        return WorkerPolicy(
            setup_timeout=self.time("COG_SETUP_TIMEOUT"),
            limit=self.number("COG_RESTART_LIMIT", int, default.limit, least=0),
            pulse=PulsePolicy(busy=self.time("COG_HANG_TIMEOUT")),
        )

    def keep(self) -> Keep:
        default = Keep()
        return Keep(
            count=self.number("COG_KEEP_COUNT", int, default.count, least=0),
            size=self.number("COG_KEEP_BYTES", int, default.size, least=0),
            age=self.number("COG_KEEP_SECONDS", float, default.age, least=0),
        )

    def time(self, name: str) -> float | None:
        """Return a limit in seconds; 0 is none."""
        return self.number(name, float, None, least=0) or None

    def level(self, *, verbose: bool) -> int:
        text = self._environ.get("COG_LOG_LEVEL", "").strip().lower()
        if text and text not in _LEVELS:
            known = ", ".join(_LEVELS)
            self.warnings.append(f"COG_LOG_LEVEL is {text!r}: expected one of {known}; ignored")
        return logging.DEBUG if verbose else _LEVELS.get(text, logging.INFO)
