"""What every store of predictions promises, whatever it keeps them in.

A new implementation is added to `STORES` and passes all of it unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cog.server.events import Completed
from cog.server.store import BadCursor, Keep, MemoryStore, Record, Store
from tests.fakes.slow_store import SlowStore

NOW = datetime.fromisoformat("2026-01-01T00:00:00+00:00")

Make = Callable[[Keep, Callable[[], float]], Store]
STORES: dict[str, Make] = {"memory": MemoryStore, "slow": SlowStore}


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Subject:
    """A store that is asked without a loop of one's own."""

    def __init__(self, make: Make, keep: Keep) -> None:
        self.clock = Clock()
        self.store = make(keep, self.clock)
        self._loop = asyncio.new_event_loop()

    def add(
        self,
        record_id: str,
        key: str = "",
        fingerprint: bytes = b"",
        replacing: Record | None = None,
    ) -> Record | None:
        record = Record(record_id, NOW, key, fingerprint)
        return self._loop.run_until_complete(self.store.add(record, replacing))

    def remove(self, record: Record) -> None:
        self._loop.run_until_complete(self.store.remove(record))

    def find(self, record_id: str) -> Record | None:
        return self._loop.run_until_complete(self.store.find(record_id))

    def page(self, cursor: str | None = None, limit: int = 100) -> tuple[list[str], str | None]:
        page = self._loop.run_until_complete(self.store.page(cursor, limit))
        return [record.id for record in page.records], page.cursor

    def end(self, record_id: str, document: bytes = b"{}") -> Record:
        before = self.find(record_id)
        assert before is not None
        record = before._replace(
            status="succeeded", document=document, events=(Completed("succeeded"),)
        )
        self._loop.run_until_complete(self._end(record))
        return record

    async def _end(self, record: Record) -> None:
        kept = asyncio.get_running_loop().create_future()
        self.store.end(record, lambda: kept.set_result(None))
        await kept

    def close(self) -> None:
        self._loop.close()


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Subject]]:
    made: list[Subject] = []

    def subject(keep: Keep | None = None) -> Subject:
        made.append(Subject(STORES[request.param], keep or Keep()))
        return made[-1]

    yield subject
    for one in made:
        one.close()


def test_what_is_added_is_found(make: Callable[..., Subject]) -> None:
    store = make()
    assert store.find("a") is None
    assert store.add("a", key="k", fingerprint=b"f") is None
    assert store.find("a") == Record("a", NOW, "k", b"f")


def test_an_id_is_given_once(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a", fingerprint=b"first")
    assert store.add("a", fingerprint=b"second") == Record("a", NOW, "", b"first")


def test_a_key_is_given_once_also_after_the_end(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a", key="k")
    assert store.add("b", key="k") == Record("a", NOW, "k")
    ended = store.end("a")
    assert store.add("b", key="k") == ended
    assert store.find("b") is None
    assert store.add("b", key="other") is None


def test_an_empty_key_is_none(make: Callable[..., Subject]) -> None:
    store = make()
    assert store.add("a") is None
    assert store.add("b") is None


def test_an_id_whose_key_is_new_is_still_taken(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a", key="k")
    assert store.add("a", key="new") == Record("a", NOW, "k")


def test_the_end_replaces_what_was_known(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a", key="k")
    record = store.end("a", b'{"id":"a"}')
    assert store.find("a") == record
    assert record.ended


def test_what_is_removed_frees_its_id_and_its_key(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a", key="k")
    store.remove(Record("a", NOW, "k"))
    store.remove(Record("never", NOW))
    assert store.find("a") is None
    assert store.add("a", key="k") is None


def test_another_under_its_id_is_not_removed(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a", fingerprint=b"new")
    store.remove(Record("a", NOW, fingerprint=b"old"))
    assert store.find("a") == Record("a", NOW, fingerprint=b"new")


def test_a_record_is_replaced_by_the_first_who_wants_to(make: Callable[..., Subject]) -> None:
    store = make()
    store.add("a")
    old = store.end("a")
    assert store.add("a", fingerprint=b"1", replacing=old) is None
    assert store.add("a", fingerprint=b"2", replacing=old) == Record("a", NOW, fingerprint=b"1")
    store.end("a")
    assert store.page() == (["a"], None)


def test_the_list_is_newest_first_in_pages(make: Callable[..., Subject]) -> None:
    store = make()
    assert store.page() == ([], None)
    for name in "abcde":
        store.add(name)
    store.end("b")
    first, cursor = store.page(limit=2)
    assert first == ["e", "d"]
    store.add("f")
    store.remove(Record("d", NOW))
    second, cursor = store.page(cursor, limit=2)
    assert second == ["c", "b"]
    assert store.page(cursor, limit=2) == (["a"], None)
    assert store.page(limit=5) == (["f", "e", "c", "b", "a"], None)


@pytest.mark.parametrize("cursor", ["x", "-1", "", "9" * 40, "\N{FULLWIDTH DIGIT FIVE}"])
def test_a_cursor_of_nobody_is_refused(make: Callable[..., Subject], cursor: str) -> None:
    with pytest.raises(BadCursor):
        make().page(cursor)


def test_what_has_ended_is_kept_for_a_while_and_what_goes_on_always(
    make: Callable[..., Subject],
) -> None:
    store = make(Keep(age=10))
    for name in "abc":
        store.add(name, key=name)
    store.end("a")
    store.clock.seconds = 5
    store.end("b")
    store.clock.seconds = 10.5
    assert store.page()[0] == ["c", "b"]
    assert store.find("a") is None
    store.clock.seconds = 1000
    assert store.page()[0] == ["c"]
    assert store.add("a", key="a") is None, "key and id are free again"


def test_of_what_has_ended_the_latest_are_kept(make: Callable[..., Subject]) -> None:
    store = make(Keep(count=2))
    for name in "abcd":
        store.add(name)
    for name in "cba":
        store.end(name)
    assert store.page()[0] == ["d", "b", "a"]


def test_of_what_has_ended_no_more_is_kept_than_fits(make: Callable[..., Subject]) -> None:
    store = make(Keep(size=10_000))
    for number in range(20):
        store.add(str(number))
        store.end(str(number), b"x" * 1000)
        assert store.find(str(number)) is not None
    kept, _ = store.page()
    assert kept == [str(number) for number in range(19, 19 - len(kept), -1)]
    assert 1 < len(kept) <= 10


def test_what_never_fits_still_ends(make: Callable[..., Subject]) -> None:
    store = make(Keep(size=10))
    store.add("a")
    store.end("a", b"x" * 1000)
    assert store.page() == ([], None)


NAMES = st.sampled_from(["a", "b", "c", "d"])


class StoreMachine(RuleBasedStateMachine):
    """Any order of calls: a dictionary of what is known says the same."""

    subject: Subject

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Record] = {}

    @initialize(name=st.sampled_from(sorted(STORES)))
    def begin(self, name: str) -> None:
        self.subject = Subject(STORES[name], Keep())

    @rule(name=NAMES, key=st.sampled_from(["", "k1", "k2"]))
    def add(self, name: str, key: str) -> None:
        same_key = [record for record in self.known.values() if key and record.key == key]
        wanted = same_key[0] if same_key else self.known.get(name)
        assert self.subject.add(name, key) == wanted
        if wanted is None:
            self.known[name] = Record(name, NOW, key)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self.subject.remove(self.known.pop(name, Record(name, NOW, "never")))

    @rule(name=NAMES, other=NAMES, key=st.sampled_from(["", "k1"]))
    def replace(self, name: str, other: str, key: str) -> None:
        before = self.known.get(other, Record(other, NOW, "never"))
        in_the_way = [
            record
            for record in self.known.values()
            if record.id == name or (key and record.key == key)
        ]
        found = self.subject.add(name, key, replacing=before)
        if any(record != before for record in in_the_way):
            assert found in in_the_way
            assert found != before
        else:
            assert found is None
            for record in in_the_way:
                del self.known[record.id]
            self.known[name] = Record(name, NOW, key)

    @rule(name=NAMES)
    def end(self, name: str) -> None:
        if name in self.known and not self.known[name].ended:
            self.known[name] = self.subject.end(name)

    @invariant()
    def everything_known_is_found(self) -> None:
        if hasattr(self, "subject"):
            for name in "abcd":
                assert self.subject.find(name) == self.known.get(name)
            assert self.subject.page()[0] == list(reversed(self.known))

    def teardown(self) -> None:
        if hasattr(self, "subject"):
            self.subject.close()


StoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_any_order_of_calls_keeps_the_promises = StoreMachine.TestCase
