"""All workers together: one supervisor each, and what their phases mean for the whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from cog import wire
from cog.server.health import UserHealthcheck
from cog.server.supervisor import Launch, Owner, Phase, Setup, Supervisor, WorkerPolicy

_WHOLE = (Phase.READY, Phase.RESTARTING, Phase.STARTING, Phase.STOPPED, Phase.DEFUNCT)
"""The phase of the whole is the first of these in which any worker is, else SETUP_FAILED."""


class Workers:
    """The workers by name, each started by its own ``launch``."""

    def __init__(
        self,
        launches: Mapping[str, Launch],
        owner: Owner,
        *,
        now: Callable[[], datetime],
        policy: WorkerPolicy,
    ) -> None:
        self._supervisors = {
            name: Supervisor(name, launch, owner, now=now, policy=policy)
            for name, launch in launches.items()
        }
        self._checks = {
            name: UserHealthcheck(self._asking(supervisor))
            for name, supervisor in self._supervisors.items()
        }

    def __iter__(self) -> Iterator[Supervisor]:
        return iter(self._supervisors.values())

    def __getitem__(self, worker: str) -> Supervisor:
        return self._supervisors[worker]

    @property
    def phase(self) -> Phase:
        """Where the whole stands: as well as its best worker."""
        phases = {supervisor.phase for supervisor in self}
        return next((phase for phase in _WHOLE if phase in phases), Phase.SETUP_FAILED)

    @property
    def may_run(self) -> bool:
        """Whether any worker runs predictions or may come to."""
        return self.phase in {Phase.READY, Phase.RESTARTING, Phase.STARTING}

    @property
    def trouble(self) -> str:
        """Why not all work; empty if all do. One that works again has none."""
        told = {one.worker: one.trouble for one in self if one.trouble}
        if len(self._supervisors) == 1:
            return next(iter(told.values()), "")
        return "; ".join(f"{worker}: {trouble}" for worker, trouble in told.items())

    @property
    def setup(self) -> Setup:
        """The setup to show: that of the first worker in the phase of the whole."""
        phase = self.phase
        return next(one for one in self if one.phase is phase).setup

    @property
    def ready(self) -> wire.Ready | None:
        """What the first worker that has been ready said of the model."""
        return next((one.ready for one in self if one.ready is not None), None)

    def phases(self) -> Counter[Phase]:
        """Return how many workers stand where."""
        return Counter(one.phase for one in self)

    def start(self) -> None:
        """Start them all; returns at once."""
        for supervisor in self:
            supervisor.start()

    async def stop(self) -> None:
        """End them all for good."""
        await asyncio.gather(*(supervisor.stop() for supervisor in self))

    async def user_error(self) -> str:
        """Return what the user's healthcheck finds wrong in any worker, empty if nothing."""
        asked = [
            self._checks[one.worker].error()
            for one in self
            if one.phase is Phase.READY and one.ready is not None and one.ready.has_healthcheck
        ]
        return next(filter(None, await asyncio.gather(*asked)), "")

    def answered(self, worker: str, message: wire.Health) -> None:
        """A worker has answered the user's healthcheck."""
        self._checks[worker].answered(message)

    def abandon_check(self, worker: str) -> None:
        """A worker is gone and will not answer."""
        self._checks[worker].abandon()

    @staticmethod
    def _asking(supervisor: Supervisor) -> Callable[[int], None]:
        return lambda nonce: supervisor.send(wire.Healthcheck(nonce=nonce))

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {phase.value}" for phase, count in self.phases().items())
        return f"<Workers {counts}>"
