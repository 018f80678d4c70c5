from __future__ import annotations

import asyncio

import pytest

from cog import wire
from cog.server.health import UserHealthcheck, state
from cog.server.supervisor import Phase


@pytest.mark.parametrize(
    ("phase", "busy", "user_error", "wanted"),
    [
        (Phase.STARTING, True, "", "STARTING"),
        (Phase.READY, False, "", "READY"),
        (Phase.READY, True, "", "BUSY"),
        (Phase.READY, True, "sick", "UNHEALTHY"),
        (Phase.RESTARTING, True, "sick", "STARTING"),
        (Phase.SETUP_FAILED, True, "", "SETUP_FAILED"),
        (Phase.DEFUNCT, True, "", "DEFUNCT"),
        (Phase.STOPPED, True, "", "UNKNOWN"),
    ],
)
def test_one_state_from_what_is_known(
    phase: Phase, user_error: str, wanted: str, *, busy: bool
) -> None:
    assert state(phase, busy=busy, user_error=user_error) == wanted


def test_a_healthcheck_without_an_answer_is_a_failed_one() -> None:
    async def steps() -> None:
        asked: list[int] = []
        check = UserHealthcheck(asked.append, timeout=0.01)
        for nonce in (1, 2):
            assert await check.error() == "Healthcheck failed: no answer within 0.01 seconds"
            assert asked[-1] == nonce
        check.answered(wire.Health(nonce=2, ok=True))

    asyncio.run(steps())


def test_an_answer_to_an_older_question_is_dropped() -> None:
    async def steps() -> None:
        check = UserHealthcheck(lambda _: None, timeout=5)
        asking = asyncio.ensure_future(check.error())
        await asyncio.sleep(0)
        check.answered(wire.Health(nonce=7, ok=False, error="old"))
        assert not asking.done()
        check.abandon()
        assert await asking == "Healthcheck failed: the worker ended"

    asyncio.run(steps())
