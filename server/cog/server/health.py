"""What ``GET /health-check`` says: one state from what is known, and the document around it.

States and keys are Cog's (``crates/coglet/src/transport/http/routes.rs``); DEFUNCT, which Cog
declares and never uses, means that the worker keeps dying, and ``error`` says how.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cog import wire
from cog.server.supervisor import Phase, Setup

CHECK_TIMEOUT = 10.0
"""Seconds for the user's healthcheck and the way there and back, as in Cog."""

_STATES: dict[Phase, str] = {
    Phase.STARTING: "STARTING",
    Phase.READY: "READY",
    Phase.RESTARTING: "STARTING",
    Phase.SETUP_FAILED: "SETUP_FAILED",
    Phase.DEFUNCT: "DEFUNCT",
    Phase.STOPPED: "UNKNOWN",
}


def state(phase: Phase, *, busy: bool, user_error: str) -> str:
    """Return the health state; a failing healthcheck outranks being busy."""
    if phase is not Phase.READY:
        return _STATES[phase]
    if user_error:
        return "UNHEALTHY"
    return "BUSY" if busy else "READY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All that the health document tells; ``user_error`` and ``trouble`` are empty if well."""

    phase: Phase
    busy: bool
    setup: Setup
    version: dict[str, str]
    user_error: str = ""
    trouble: str = ""
    draining: bool = False

    @property
    def state(self) -> str:
        """The state as Cog names it."""
        return state(self.phase, busy=self.busy, user_error=self.user_error)

    @property
    def why(self) -> str:
        """Why the model takes no predictions, empty if it does or will soon."""
        if self.draining:
            return "the server is shutting down"
        return self.user_error or self.trouble

    @property
    def is_alive(self) -> bool:
        """Whether it is of use to keep this process: false where no worker will come again."""
        return self.phase is not Phase.DEFUNCT

    @property
    def has_started(self) -> bool:
        """Whether setup has succeeded, once."""
        return self.phase not in {Phase.STARTING, Phase.SETUP_FAILED}

    @property
    def is_ready(self) -> bool:
        """Whether predictions should be sent here: a worker runs them, and it is well."""
        return self.phase is Phase.READY and not self.user_error and not self.draining

    def document(self) -> dict[str, object]:
        """Return the JSON object."""
        setup = self.setup
        times = {"started_at": setup.started_at, "completed_at": setup.completed_at}
        document: dict[str, object] = {
            "status": self.state,
            "setup": {
                **{name: time.isoformat() for name, time in times.items() if time is not None},
                "status": setup.status,
                "logs": str(setup.logs),
            },
            "version": self.version,
        }
        if self.user_error:
            document["user_healthcheck_error"] = self.user_error
        if self.trouble:
            document["error"] = self.trouble
        return document


class UserHealthcheck:
    """Asks a worker to run the user's ``healthcheck``; callers at the same time share one answer.

    ``ask`` sends the question with its nonce.
    """

    def __init__(self, ask: Callable[[int], None], timeout: float = CHECK_TIMEOUT) -> None:
        self._ask = ask
        self._timeout = timeout
        self._nonce = 0
        self._answer: asyncio.Future[str] | None = None

    async def error(self) -> str:
        """Return what is wrong, empty if nothing."""
        if self._answer is None or self._answer.done():
            self._nonce += 1
            self._answer = asyncio.get_running_loop().create_future()
            self._ask(self._nonce)
        answer = self._answer
        await asyncio.wait({answer}, timeout=self._timeout)
        if not answer.done():
            answer.set_result(f"Healthcheck failed: no answer within {self._timeout:g} seconds")
        return answer.result()

    def answered(self, message: wire.Health) -> None:
        """The worker has answered; a late answer to an older question is dropped."""
        if self._answer is not None and not self._answer.done() and message.nonce == self._nonce:
            self._answer.set_result("" if message.ok else f"Healthcheck failed: {message.error}")

    def abandon(self) -> None:
        """The worker is gone and will not answer."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("Healthcheck failed: the worker ended")
