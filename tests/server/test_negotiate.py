from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server.negotiate import (
    LONGEST_WAIT,
    Prefer,
    parse_prefer,
    preferred_form,
    seconds,
    urgency,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", Prefer()),
        ("respond-async", Prefer(respond_async=True)),
        ("RESPOND-ASYNC", Prefer(respond_async=True)),
        ("respond-async, wait=5", Prefer(respond_async=True, wait=5)),
        ("wait=5 , Respond-Async; x=y", Prefer(respond_async=True, wait=5)),
        ('wait="5"', Prefer(wait=5)),
        ("wait = 5", Prefer(wait=5)),
        ("wait=0", Prefer(wait=0)),
        ("wait=1.5", Prefer(wait=1.5)),
        ("wait=5, wait=9", Prefer(wait=5)),
        ("wait=99999", Prefer(wait=LONGEST_WAIT)),
        ("wait", Prefer()),
        ("wait=-1", Prefer()),
        ("wait=nan", Prefer()),
        ("wait=soon", Prefer()),
        ("not-respond-async", Prefer()),
        ("respond-asynchronously", Prefer()),
        ('foo; bar="respond-async, wait=5"', Prefer()),
        ('foo="a\\"b, respond-async", wait=3', Prefer(wait=3)),
        ("return=minimal,respond-async", Prefer(respond_async=True)),
    ],
)
def test_prefer_is_read_as_rfc_7240_has_it(text: str, meant: Prefer) -> None:
    assert parse_prefer(text) == meant


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("application/json", "json"),
        ("text/event-stream", "sse"),
        ("TEXT/Event-Stream;charset=utf-8", "sse"),
        ("application/json, text/event-stream", "sse"),
        ("text/event-stream, application/json", "sse"),
        ("application/json, text/event-stream;q=0.5", "json"),
        ("text/event-stream;q=0", "json"),
        ("text/event-stream; q=0.9, */*;q=0.1", "sse"),
        ("application/x-ndjson", "ndjson"),
        ("application/jsonl, application/json;q=0.1", "ndjson"),
        ("text/html", "json"),
        ("text/event-stream;q=x", "json"),
        ("text/event-stream-not", "json"),
    ],
)
def test_the_form_is_the_one_the_client_likes_best(accept: str, form: str) -> None:
    assert preferred_form(accept) == form


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("u=0", 0),
        ("u=7, i", 7),
        ("i,u=2", 2),
        ("u=3;x", 3),
        ("u=8", None),
        ("u=10", None),
        ("", None),
    ],
)
def test_urgency_is_that_of_rfc_9218(text: str, meant: int | None) -> None:
    assert urgency(text) == meant


@given(st.text())
def test_no_header_is_too_odd(text: str) -> None:
    prefer = parse_prefer(text)
    assert prefer.wait is None or 0 <= prefer.wait <= LONGEST_WAIT
    assert preferred_form(text) in {"json", "sse", "ndjson"}
    assert urgency(text) in {None, *range(8)}
    assert seconds(text) is None or seconds(text) >= 0  # type: ignore[operator] # not None here
