"""Any order of what can happen to a service: nothing is lost, nothing ends twice or changes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cog import wire
from cog.server.admission import OtherRequest
from cog.server.events import Completed, Started
from cog.server.live import Live, Terms, Tracked
from cog.server.pool import Bound, PoolError
from cog.server.request import PredictionRequest
from cog.server.service import NotReady, Service
from cog.server.store import Keep, MemoryStore
from cog.server.supervisor import WorkerPolicy
from tests.fakes.fake_link import READY, FakeLink, FakeWorkers, settle, surroundings
from tests.fakes.slow_store import SlowStore

NAMES = st.sampled_from([None, "a", "b", "c", "d"])
TERMS = st.builds(
    Terms,
    client=st.sampled_from(["x", "y"]),
    priority=st.sampled_from([0, 3]),
    key=st.sampled_from(["", "", "k"]),
    join=st.booleans(),
    fingerprint=st.sampled_from([b"", b"1", b"2"]),
)
STATUS = st.sampled_from(["succeeded", "failed", "canceled"])


class ServiceMachine(RuleBasedStateMachine):
    """Two workers with two slots each, a queue of three, and everything that may happen."""

    store: type[MemoryStore] = MemoryStore

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.workers = {f"w{n}": FakeWorkers(replace(READY, concurrency=2)) for n in (1, 2)}
        self.taken: list[Live] = []
        self.joined: list[Tracked] = []
        self.refused = 0
        self.ends: dict[int, bytes] = {}
        self.service = self.run(self.begin())

    def run(self, steps: Coroutine[Any, Any, Any]) -> Any:
        async def settled() -> Any:
            result = await steps
            await settle()
            return result

        return self.loop.run_until_complete(settled())

    async def begin(self) -> Service:
        around = surroundings(FakeWorkers(), self.folder)
        service = Service(
            replace(
                around,
                launches={name: one.launch for name, one in self.workers.items()},
                store=self.store(Keep(), lambda: 0.0),
            ),
            bound=Bound(count=3),
            policy=WorkerPolicy(first=0, limit=10**9),
        )
        service.start()
        await settle()
        return service

    async def tell(self, link: FakeLink, message: wire.ToServer) -> None:
        link.says(message)

    def running(self) -> list[tuple[FakeLink, str]]:
        """What the workers run, if they are to be believed."""
        return [
            (one.link, name)
            for one in self.workers.values()
            for name in one.link.predictions
            if not one.link.exited.done()
        ]

    @rule(asked=st.lists(st.tuples(NAMES, TERMS), min_size=1, max_size=3))
    def submit_at_once(self, asked: list[tuple[str | None, Terms]]) -> None:
        known = {live.id for live in self.taken if not live.ended.done()}
        outcomes = self.run(self.ask_all(asked))
        for (_, terms), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, PoolError | NotReady | OtherRequest)
                self.refused += 1
            elif outcome.is_new:
                assert isinstance(outcome.tracked, Live)
                assert outcome.tracked.id not in known, "an id that goes on is not given again"
                known.add(outcome.tracked.id)
                self.taken.append(outcome.tracked)
            else:
                assert terms.join or terms.key
                self.joined.append(outcome.tracked)

    async def ask_all(self, asked: list[tuple[str | None, Terms]]) -> list[Any]:
        requests = (
            self.service.submit(PredictionRequest(id=name, input={}), terms)
            for name, terms in asked
        )
        return await asyncio.gather(*requests, return_exceptions=True)

    @precondition(lambda self: self.running())
    @rule(data=st.data(), status=STATUS, items=st.integers(0, 2))
    def a_worker_ends_one(
        self,
        data: st.DataObject,
        status: Literal["succeeded", "failed", "canceled"],
        items: int,
    ) -> None:
        link, name = data.draw(st.sampled_from(self.running()))
        for number in range(items):
            self.run(self.tell(link, wire.Output(id=name, index=number, value=number)))
        self.run(self.tell(link, wire.Done(id=name, status=status, predict_time=0.1)))

    @rule(name=st.sampled_from(["w1", "w2"]))
    def a_worker_dies(self, name: str) -> None:
        async def die() -> None:
            if not self.workers[name].link.exited.done():
                self.workers[name].link.dies("was killed by SIGKILL")

        self.run(die())

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "expire", "overrun", "overdue"]))
    def somebody_or_time_intervenes(self, data: st.DataObject, what: str) -> None:
        live = data.draw(st.sampled_from(self.taken))

        async def intervene() -> None:
            match what:
                case "cancel":
                    await self.service.cancel(live.id)
                case "expire" if not live.ended.done():
                    self.service.expire(live, "late")
                case "overrun" if not live.ended.done():
                    self.service.overrun(live, "too long")
                case "overdue" if not live.ended.done():
                    self.service.overdue(live)

        self.run(intervene())

    @invariant()
    def what_has_ended_stays_as_it_is_and_is_found(self) -> None:
        latest = {live.id: live for live in self.taken}
        for number, live in enumerate(self.taken):
            if not live.ended.done():
                assert latest[live.id] is live
                continue
            assert self.ends.setdefault(number, live.document()) == live.document()
            events = live.feed.after(0)
            assert sum(isinstance(event, Completed) for event in events) == 1
            assert isinstance(events[-1], Completed)
            assert sum(isinstance(event, Started) for event in events) <= 1
            if latest[live.id] is live:
                found: Tracked | None = self.run(self.service.find(live.id))
                assert found is not None
                assert found.document() == live.document()

    @invariant()
    def everything_taken_is_somewhere(self) -> None:
        level = self.service.level()
        on = sum(not live.ended.done() for live in self.taken)
        assert sum(level.queue_depths.values()) + level.slots_busy == on
        assert sum(self.service.tally.ended.values()) == len(self.taken) - on
        assert sum(self.service.tally.refused.values()) <= self.refused

    def teardown(self) -> None:
        async def drain() -> None:
            stopping = asyncio.ensure_future(self.service.stop(None, asyncio.Event()))
            while not stopping.done():
                await settle()
                for link, name in self.running():
                    link.says(wire.Done(id=name, status="succeeded"))
            await stopping

        self.run(asyncio.wait_for(drain(), 20))
        assert all(live.ended.done() for live in self.taken), "what was taken has ended"
        assert all(one.ended.done() for one in self.joined), "nobody waits for what never comes"
        assert list(self.folder.glob("*/*")) == []
        self.loop.close()
        shutil.rmtree(self.folder)


class SlowServiceMachine(ServiceMachine):
    """The same with a store that answers later."""

    store = SlowStore


ServiceMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_any_order_of_events_keeps_the_promises = ServiceMachine.TestCase
SlowServiceMachine.TestCase.settings = ServiceMachine.TestCase.settings
test_any_order_of_events_keeps_the_promises_with_a_slow_store = SlowServiceMachine.TestCase
