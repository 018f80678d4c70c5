from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server.events import Completed, Event, Feed, Logged, Missed, Output, Reader, Started
from tests.fakes.fake_link import settle

END = Completed("succeeded")


def run(steps: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, 10))


async def everything(reader: Reader) -> list[Event]:
    found: list[Event] = []
    while not reader.over:
        found += await reader.next()
    return found


def filled(*events: Event) -> Feed:
    feed = Feed()
    for event in events:
        feed.add(event)
    return feed


def test_events_are_numbered_from_1_and_read_from_any_number_on() -> None:
    feed = filled(Started(), Output(0, "a"), END)
    assert feed.last == 3
    assert feed.after(0) == [Started(), Output(0, "a"), END]
    assert feed.after(2) == [END]
    assert feed.after(3) == []
    assert repr(feed) == "<Feed 3 events, closed>"


def test_readers_at_any_pace_are_given_the_same_events() -> None:
    async def steps() -> None:
        feed = Feed()
        early, late = feed.follow(), feed.follow()
        reading = asyncio.ensure_future(everything(early))
        sent: list[Event] = [Started(), *(Output(n, n) for n in range(5)), END]
        for event in sent:
            feed.add(event)
            await settle()
        assert await reading == sent
        assert late.take() == sent
        assert late.over
        assert await everything(feed.follow(after=4)) == sent[4:]

    run(steps())


def test_events_that_came_at_once_are_one_piece() -> None:
    async def steps() -> None:
        feed = Feed()
        reading = asyncio.ensure_future(feed.follow().next())
        await settle()
        feed.add(Started())
        feed.add(Output(0, "a"))
        assert await reading == [Started(), Output(0, "a")]

    run(steps())


def test_waiting_has_an_end() -> None:
    async def steps() -> None:
        reader = Feed().follow()
        assert await reader.next(timeout=0.001) == []
        assert not reader.over

    run(steps())


def test_a_reader_that_rests_is_woken_by_the_end_alone() -> None:
    async def steps() -> None:
        feed = filled(Started())
        reader = feed.follow()
        resting = asyncio.ensure_future(reader.rest(60))
        await settle()
        feed.add(Output(0, "a"))
        await settle()
        assert not resting.done()
        feed.add(END)
        await resting
        await reader.rest(60)
        assert await reader.next() == [Started(), Output(0, "a"), END]

    run(steps())


def test_a_rest_is_over_in_time_and_the_reader_reads_on() -> None:
    async def steps() -> None:
        feed = Feed()
        reader = feed.follow()
        await reader.rest(0.001)
        reading = asyncio.ensure_future(reader.next())
        await settle()
        feed.add(Started())
        assert await reading == [Started()]

    run(steps())


def test_a_reader_that_gives_up_loses_nothing_and_leaves_nothing_behind() -> None:
    async def steps() -> None:
        feed = Feed()
        reader = feed.follow()
        reading = asyncio.ensure_future(reader.next())
        await settle()
        reading.cancel()
        await asyncio.wait({reading})
        feed.add(Started())
        assert await reader.next() == [Started()]

    run(steps())


@pytest.mark.parametrize(("after", "seen"), [(-5, 0), (0, 0), (1, 1), (2, 2), (99, 2)])
def test_a_number_that_never_was_is_the_nearest_one(after: int, seen: int) -> None:
    assert filled(Started(), END).follow(after).seen == seen


def test_nothing_follows_the_end() -> None:
    with pytest.raises(AssertionError, match="nothing follows the end"):
        filled(END).add(Started())


def test_a_reader_that_is_too_slow_is_told_that_it_missed_events() -> None:
    feed = Feed(events=4)
    reader = feed.follow()
    for number in range(100):
        feed.add(Output(number, number))
        assert len(feed.kept()) <= 5
    with pytest.raises(Missed, match=r"^events 1 to \d+ have been dropped$"):
        reader.take()
    assert feed.after(99) == [Output(99, 99)]
    assert feed.dropped + len(feed.kept()) == 100


def test_log_text_is_bounded_too() -> None:
    feed = Feed(text=10)
    for number in range(5):
        feed.add(Logged("stdout", str(number) * 4))
    assert feed.kept() == (Logged("stdout", "3333"), Logged("stdout", "4444"))
    feed.add(Logged("stdout", "x" * 100))
    assert feed.kept() == (Logged("stdout", "x" * 100),), "the latest is always kept"


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 8), st.integers(0, 40))
def test_what_is_kept_is_always_the_end_of_what_happened(
    texts: list[int], bound: int, most: int
) -> None:
    events: list[Event] = [Logged("stdout", "x" * size) for size in texts]
    feed = Feed(events=bound, text=most)
    for event in events:
        feed.add(event)
    kept = feed.kept()
    assert list(kept) == events[len(events) - len(kept) :]
    assert feed.last == len(events)
    assert feed.after(feed.dropped) == list(kept)
    assert len(kept) <= bound * 5 // 4
    assert len(kept) <= 1 or sum(texts[feed.dropped :]) <= most


def test_the_feed_of_what_has_ended_replays() -> None:
    feed = filled(Started(), END)
    again = Feed.of(feed.kept(), feed.dropped)
    assert again.after(1) == [END]
    assert again.closed
