"""The model's own ``healthcheck``, run beside predictions and with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cog import wire
from cog.worker.failure import error_text

TIMEOUT = 5.0
"""Seconds until an answer is given without the model's; Cog's limit."""


class HealthChecker:
    """Answers `wire.Healthcheck`; one check runs at a time and answers all that asked meanwhile.

    ``probe`` runs the model's check and returns its result (None: the model has none, which is
    healthy); ``answer`` is called in other threads.
    """

    def __init__(
        self,
        probe: Callable[[], object] | None,
        answer: Callable[[wire.Health], None],
        timeout: float = TIMEOUT,
    ) -> None:
        self._probe = probe
        self._answer = answer
        self._timeout = timeout
        self._lock = threading.Lock()
        self._waiting: dict[int, threading.Timer] = {}
        self._running = False

    def __repr__(self) -> str:
        state = "running" if self._running else "idle"
        return f"<HealthChecker {state}, {len(self._waiting)} waiting>"

    def check(self, nonce: int) -> None:
        """Ask for one answer with ``nonce``; returns at once."""
        if self._probe is None:
            self._answer(wire.Health(nonce=nonce, ok=True))
            return
        timer = threading.Timer(self._timeout, self._give_up, (nonce,))
        timer.daemon = True
        with self._lock:
            self._waiting[nonce] = timer
            start, self._running = not self._running, True
        timer.start()
        if start:
            threading.Thread(target=self._run, name="cog-health", daemon=True).start()

    def _run(self) -> None:
        error = self._judge()
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._running = False
        for nonce, timer in waiting.items():
            timer.cancel()
            self._answer(wire.Health(nonce=nonce, ok=not error, error=error))

    def _judge(self) -> str:
        assert self._probe is not None
        try:
            healthy = bool(self._probe())
        except BaseException as error:
            return error_text(error)
        return "" if healthy else "user-defined healthcheck returned False"

    def _give_up(self, nonce: int) -> None:
        with self._lock:
            timed_out = self._waiting.pop(nonce, None) is not None
        if timed_out:
            error = f"timed out after {self._timeout} seconds"
            self._answer(wire.Health(nonce=nonce, ok=False, error=error))
