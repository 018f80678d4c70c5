from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from cog import wire
from cog.server.process import Exit
from cog.server.pulse import PulsePolicy
from cog.server.supervisor import Owner, Phase, Supervisor, WorkerPolicy
from tests.fakes.fake_link import READY, FakeClock, FakeWorkers, settle, until

T = TypeVar("T")

QUICK = WorkerPolicy(first=0.001, limit=3)


def run(steps: Coroutine[None, None, T]) -> T:
    return asyncio.run(asyncio.wait_for(steps, 10))


class Told(Owner):
    """Writes down what the supervisor tells."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.busy = False

    def worker_set_up(self, worker: str, seconds: float) -> None:
        assert seconds > 0

    def worker_ready(self, worker: str, ready: wire.Ready) -> None:
        self.events.append(f"ready {ready.concurrency}")

    def worker_message(self, worker: str, message: wire.ToServer) -> None:
        self.events.append(message.type)

    def worker_busy(self, worker: str) -> bool:
        return self.busy

    def worker_lost(self, worker: str, end: Exit) -> None:
        self.events.append(f"lost: {end.how}")

    def worker_given_up(self, worker: str) -> None:
        self.events.append("given up")


def supervisor(workers: FakeWorkers, policy: WorkerPolicy = QUICK) -> tuple[Supervisor, Told]:
    told = Told()
    return Supervisor("w", workers.launch, told, now=FakeClock().now, policy=policy), told


def test_a_worker_that_says_ready_is_ready() -> None:
    async def steps() -> None:
        one, told = supervisor(FakeWorkers())
        assert (one.phase, one.setup.status) == (Phase.STARTING, "starting")
        one.start()
        await settle()
        assert (one.phase, one.setup.status) == (Phase.READY, "succeeded")
        assert one.setup.completed_at is not None
        assert told.events == ["ready 1"]
        await one.stop()
        assert one.phase is Phase.STOPPED

    run(steps())


def test_what_is_printed_during_setup_is_kept() -> None:
    async def steps() -> None:
        workers = FakeWorkers(ready=None)
        one, told = supervisor(workers)
        one.start()
        await settle()
        workers.link.says(wire.Log(id=None, stream="stdout", data="loading\n"))
        workers.link.says(READY)
        await settle()
        workers.link.says(wire.Log(id=None, stream="stdout", data="later\n"))
        assert str(one.setup.logs) == "loading\n"
        assert told.events == ["log", "ready 1", "log"]
        await one.stop()

    run(steps())


def test_a_failed_setup_is_final() -> None:
    async def steps() -> None:
        workers = FakeWorkers(ready=None)
        one, told = supervisor(workers)
        one.start()
        await settle()
        workers.link.says(wire.SetupFailed(error="RuntimeError: boom"))
        await settle()
        assert (one.phase, one.setup.status) == (Phase.SETUP_FAILED, "failed")
        assert one.trouble == "Setup failed: RuntimeError: boom"
        assert "RuntimeError: boom" in str(one.setup.logs)
        assert told.events == ["given up"]
        assert workers.link.killed
        assert len(workers.links) == 1

    run(steps())


def test_a_worker_that_dies_in_setup_leaves_its_last_words() -> None:
    async def steps() -> None:
        workers = FakeWorkers(ready=None)
        one, _ = supervisor(workers)
        one.start()
        await settle()
        workers.link.dies("was killed by SIGSEGV", "Fatal Python error\n")
        await settle()
        assert one.phase is Phase.SETUP_FAILED
        assert str(one.setup.logs) == (
            "Fatal Python error\nThe worker was killed by SIGSEGV during setup\n"
        )

    run(steps())


def test_a_worker_that_cannot_be_started_is_a_failed_setup() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        workers.error = FileNotFoundError(2, "No such file or directory")
        one, _ = supervisor(workers)
        one.start()
        await settle()
        assert one.phase is Phase.SETUP_FAILED
        assert "cannot be started" in one.trouble

    run(steps())


def test_setup_has_a_time_limit() -> None:
    async def steps() -> None:
        workers = FakeWorkers(ready=None)
        one, told = supervisor(workers, WorkerPolicy(setup_timeout=0.01))
        one.start()
        await until(lambda: told.events)
        assert one.phase is Phase.SETUP_FAILED
        assert one.trouble == "worker setup timed out after 0.01 seconds"
        assert workers.link.killed

    run(steps())


def test_a_dead_worker_is_started_again() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers)
        one.start()
        await settle()
        workers.ready = None
        workers.link.dies("was killed by SIGKILL")
        await settle()
        assert one.phase is Phase.RESTARTING
        assert one.trouble == "The worker was killed by SIGKILL"
        workers.link.says(READY)
        await settle()
        assert (one.phase, one.trouble, len(workers.links)) == (Phase.READY, "", 2)
        assert told.events == ["ready 1", "lost: was killed by SIGKILL", "ready 1"]
        await one.stop()

    run(steps())


def test_a_worker_that_keeps_dying_is_given_up() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers)
        one.start()
        for _ in range(QUICK.limit + 1):
            await until(lambda: one.phase is Phase.READY)
            workers.link.dies("was killed by SIGSEGV")
            await settle()
        assert one.phase is Phase.DEFUNCT
        assert len(workers.links) == QUICK.limit + 1
        assert one.trouble == "The worker died 4 times in a row. The worker was killed by SIGSEGV"
        assert told.events[-1] == "given up"

    run(steps())


def test_setups_that_fail_after_a_restart_count_as_deaths() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, _ = supervisor(workers)
        one.start()
        await settle()
        workers.error = OSError(12, "Cannot allocate memory")
        workers.link.dies("was killed by SIGKILL")
        await until(lambda: one.phase is Phase.DEFUNCT)
        assert "Cannot allocate memory" in one.trouble

    run(steps())


def test_a_finished_prediction_ends_the_row_of_deaths() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, _ = supervisor(workers)
        one.start()
        for count in range(2 * QUICK.limit):
            await until(lambda: one.phase is Phase.READY)
            workers.link.ends("p")
            workers.link.dies("exited with code 1")
            await settle()
            assert len(workers.links) == count + 2
        await one.stop()

    run(steps())


def test_stopping_during_setup_kills() -> None:
    async def steps() -> None:
        workers = FakeWorkers(ready=None)
        one, told = supervisor(workers)
        one.start()
        await settle()
        await one.stop()
        assert workers.link.killed
        assert told.events == []

    run(steps())


def test_stopping_a_ready_worker_is_polite_and_starts_no_other() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers)
        one.start()
        await settle()
        await one.stop()
        assert workers.link.sent == [wire.Shutdown()]
        assert not workers.link.killed
        assert len(workers.links) == 1
        assert told.events == ["ready 1", "lost: exited with code 0"]

    run(steps())


def test_a_worker_that_is_replaced_comes_back_at_once_and_not_as_a_death() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers, WorkerPolicy(first=60, limit=0))
        one.start()
        for count in range(1, 4):
            await settle()
            one.replace("did not stop when told to")
            await settle()
            assert (one.phase, len(workers.links)) == (Phase.READY, count + 1)
        assert "lost: did not stop when told to" in told.events
        await one.stop()
        one.replace("too late")

    run(steps())


PULSE = PulsePolicy(interval=0.001, idle=0.02)


def test_an_idle_worker_that_does_not_answer_is_hung_and_replaced() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers, WorkerPolicy(first=0.001, pulse=PULSE))
        one.start()
        await until(lambda: len(workers.links) == 2)
        assert workers.links[0].killed
        assert wire.Ping(nonce=1) in workers.links[0].sent
        assert told.events[1].startswith("lost: did not answer for ")
        await one.stop()

    run(steps())


def test_a_worker_that_answers_is_not_hung() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers, WorkerPolicy(pulse=PULSE))
        one.start()
        await settle()
        for nonce in range(60):
            await asyncio.sleep(0.001)
            workers.link.says(wire.Pong(nonce=nonce))
        assert told.events == ["ready 1"], "pings are no news to the owner"
        await one.stop()

    run(steps())


def test_a_busy_worker_is_hung_only_if_its_process_is_stopped() -> None:
    async def steps() -> None:
        workers = FakeWorkers()
        one, told = supervisor(workers, WorkerPolicy(first=0.001, pulse=PULSE))
        told.busy = True
        one.start()
        await until(lambda: workers.links and len(workers.link.sent) > 60)
        assert told.events == ["ready 1"]
        workers.link.stopped = True
        await until(lambda: len(workers.links) == 2)
        await one.stop()

    run(steps())


@pytest.mark.parametrize(
    ("silence", "busy", "stopped", "hung"),
    [
        (59, False, False, False),
        (60, False, False, True),
        (1e6, True, False, False),
        (60, True, True, True),
    ],
)
def test_silence_is_judged_by_what_the_worker_does(
    silence: float, *, busy: bool, stopped: bool, hung: bool
) -> None:
    assert PulsePolicy().is_hung(silence, busy=busy, stopped=stopped) is hung


def test_whoever_runs_the_server_may_say_how_long_a_busy_worker_may_be_silent() -> None:
    policy = PulsePolicy(busy=300)
    assert policy.is_hung(300, busy=True, stopped=False)
    assert not policy.is_hung(299, busy=True, stopped=False)


@pytest.mark.parametrize(
    ("deaths", "delay"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 5), (6, None), (7, None)]
)
def test_the_wait_doubles_up_to_its_limit(deaths: int, delay: float | None) -> None:
    assert WorkerPolicy(first=1, longest=5, limit=5).delay(deaths) == delay
