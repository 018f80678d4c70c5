from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cog.server import body
from cog.server.body import ClientGone, Intake, Overloaded
from cog.server.request import MAX_BODY, BadRequest


class Client:
    """Sends the parts it is given, ``pause`` seconds apart."""

    def __init__(self, *parts: bytes, pause: float = 0, ends: bool = True) -> None:
        self._messages = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        if ends and self._messages:
            self._messages[-1]["more_body"] = False
        self._pause = pause
        self._gone = asyncio.Event()

    async def receive(self) -> Any:
        await asyncio.sleep(self._pause)
        if not self._messages:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        return self._messages.pop(0)

    def leave(self) -> None:
        self._gone.set()


def run(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(steps(), 20))


@pytest.mark.parametrize(
    ("parts", "announced", "whole"),
    [
        ([b"abc"], b"3", b"abc"),
        ([b"a", b"bc"], b"3", b"abc"),
        ([b"a", b"bc", b""], None, b"abc"),
        ([b""], None, b""),
        ([], b"0", b""),
        ([b"abc"], b"nonsense", b"abc"),
    ],
)
def test_a_body_is_read_whole(parts: list[bytes], announced: bytes | None, whole: bytes) -> None:
    async def steps() -> None:
        assert await Intake().read(Client(*parts).receive, announced) == whole

    run(steps)


def test_what_was_announced_is_enough() -> None:
    async def steps() -> None:
        client = Client(b"a", b"b", ends=False)
        assert await Intake().read(client.receive, b"2") == b"ab"

    run(steps)


@pytest.mark.parametrize("announced", [b"%d" % (MAX_BODY + 1), None])
def test_a_body_has_a_size(announced: bytes | None) -> None:
    async def steps() -> None:
        client = Client(bytes(MAX_BODY), b"x")
        with pytest.raises(BadRequest) as caught:
            await Intake().read(client.receive, announced)
        assert caught.value.status == 413

    run(steps)


@pytest.mark.parametrize("parts", [[], [b"{"]])
def test_availability_slowloris_body_silence(
    parts: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "IDLE", 0.05)

    async def steps() -> None:
        with pytest.raises(BadRequest) as caught:
            await Intake().read(Client(*parts, ends=False).receive, b"10")
        assert caught.value.status == 408

    run(steps)


def test_availability_slowloris_body_drop_by_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "IDLE", 0.1)
    monkeypatch.setattr(body, "SLOWEST", 1000)

    async def steps() -> None:
        client = Client(*[b"x"] * 1000, pause=0.01)
        with pytest.raises(BadRequest) as caught:
            await Intake().read(client.receive, b"1000")
        assert caught.value.status == 408

    run(steps)


def test_availability_bodies_have_a_bound_together_and_give_it_back() -> None:
    async def steps() -> None:
        intake = Intake(max_held=10)
        first = Client(b"12345678", ends=False)
        reading = asyncio.ensure_future(intake.read(first.receive, None))
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await intake.read(Client(b"1", b"23", b"4").receive, None)
        first.leave()
        with pytest.raises(ClientGone):
            await reading
        assert await intake.read(Client(b"12345", b"12345").receive, None) == b"1234512345"

    run(steps)
