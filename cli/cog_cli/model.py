"""A running model, spoken to over its HTTP API; how long to wait is judged, not slept, here."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from cog_cli.errors import CliError

_POLL_SECONDS = 0.1


class Readiness(Enum):
    """What a health answer means for a prediction."""

    READY = auto()
    WAIT = auto()
    BROKEN = auto()


# Statuses of Cog's /health-check. BUSY has no free slot, but a place in the queue.
_READINESS = {
    "READY": Readiness.READY,
    "BUSY": Readiness.READY,
    "UNKNOWN": Readiness.WAIT,
    "STARTING": Readiness.WAIT,
    "SETUP_FAILED": Readiness.BROKEN,
    "DEFUNCT": Readiness.BROKEN,
    "UNHEALTHY": Readiness.BROKEN,
}


@dataclass(frozen=True, slots=True)
class Clock:
    """The time in seconds, and a way to let some pass."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Model:
    """The server at ``host:port``."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Where a person finds it."""
        host = "localhost" if self.host in {"0.0.0.0", "127.0.0.1", "::"} else self.host  # noqa: S104 # compared, not listened on
        return f"http://{host}:{self.port}"

    def health(self) -> dict[str, Any] | None:
        """Return the health answer, None while nothing answers."""
        try:
            _, body = self._request("GET", "/health-check", None, timeout=10)
            answer = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def predict(self, inputs: dict[str, object], route: str = "/predictions") -> dict[str, Any]:
        """Run one prediction, or what ``route`` is for, to its end; return the server's answer.

        CliError when the inputs are refused or the server is gone.
        """
        body = json.dumps({"input": inputs}).encode()
        try:
            status, content = self._request("POST", route, body, timeout=None)
            answer = json.loads(content)
        except (OSError, http.client.HTTPException) as error:
            raise CliError(
                f"the model's server went away during the prediction: {error}"
            ) from error
        except ValueError as error:
            raise CliError(f"the model's server gave no JSON (HTTP {status})") from error
        if status != 200 or not isinstance(answer, dict):
            raise CliError(refusal(status, answer))
        return answer

    def _request(
        self, method: str, path: str, body: bytes | None, *, timeout: float | None
    ) -> tuple[int, bytes]:
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104 # compared, not listened on
        connection = http.client.HTTPConnection(host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def refusal(status: int, answer: object) -> str:
    """Return the line for an HTTP answer that is no prediction.

    Shapes: FastAPI's ``detail`` list, which Cog keeps, Cog's ``error`` and RFC 9457's ``detail``.
    """
    if isinstance(answer, dict):
        detail = answer.get("detail") or answer.get("error") or answer.get("title")
        if isinstance(detail, list):
            return "; ".join(_located(each) for each in detail)
        if detail:
            return f"the prediction was refused: {detail}"
    return f"the prediction was refused (HTTP {status})"


def _located(problem: object) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    name = [str(part) for part in problem.get("loc", ()) if part not in {"body", "input"}]
    return f'invalid input "{".".join(name)}": {problem.get("msg", "refused")}'


def wait_until_ready(
    model: Model, clock: Clock, *, seconds: float, has_ended: Callable[[], bool]
) -> None:
    """Return once the model is ready; CliError when it breaks, ends or takes too long."""
    deadline = clock.now() + seconds
    while True:
        health = model.health()
        match _readiness(health):
            case Readiness.READY:
                return
            case Readiness.BROKEN:
                raise CliError(setup_failure(health or {}))
            case Readiness.WAIT:
                pass
        if health is None and has_ended():
            raise CliError("the container ended before the model was ready; see its log above")
        if clock.now() > deadline:
            raise CliError(
                f"the model was not ready after {seconds:g} seconds; raise --setup-timeout"
            )
        clock.sleep(_POLL_SECONDS)


def _readiness(health: dict[str, Any] | None) -> Readiness:
    return _READINESS.get(str(health.get("status")), Readiness.WAIT) if health else Readiness.WAIT


def setup_failure(health: dict[str, Any]) -> str:
    """Return what to say of a model that will not become ready; its whole log was shown."""
    if health.get("status") == "SETUP_FAILED":
        logs = str((health.get("setup") or {}).get("logs") or "").strip()
        reason = logs.splitlines()[-1].strip().removeprefix("Setup failed: ") if logs else ""
        what = "the model's setup failed"
    else:
        reason = str(health.get("user_healthcheck_error") or "")
        what = f"the model is {health.get('status')}"
    return f"{what}; see its log above" + (f" ({reason})" if reason else "")
