from __future__ import annotations

import json
import struct
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog import wire
from cog.wire import frames

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
SECONDS = st.floats(min_value=0, max_value=1e9)

TO_WORKER: st.SearchStrategy[wire.ToWorker] = st.one_of(
    st.builds(
        wire.Predict,
        id=TEXT,
        input=OBJECTS,
        context=st.dictionaries(TEXT, TEXT, max_size=2),
        dir=TEXT,
    ),
    st.builds(wire.Cancel, id=TEXT),
    st.builds(wire.Healthcheck, nonce=st.integers()),
    st.builds(wire.Ping, nonce=st.integers()),
    st.builds(wire.Shutdown),
)
TO_SERVER: st.SearchStrategy[wire.ToServer] = st.one_of(
    st.builds(
        wire.Ready,
        concurrency=st.integers(1, 9),
        is_async=st.booleans(),
        streaming=st.booleans(),
        python=TEXT,
        has_healthcheck=st.booleans(),
        file_inputs=st.lists(TEXT, max_size=2),
    ),
    st.builds(wire.SetupFailed, error=TEXT, traceback=TEXT),
    st.builds(
        wire.Log, id=st.none() | TEXT, stream=st.sampled_from(get_args(wire.Stream)), data=TEXT
    ),
    st.builds(wire.Output, id=TEXT, index=st.integers(0, 9), value=JSON),
    st.builds(
        wire.Metric, id=TEXT, name=TEXT, value=JSON, mode=st.sampled_from(get_args(wire.MetricMode))
    ),
    st.builds(
        wire.Done,
        id=TEXT,
        status=st.sampled_from(get_args(wire.Status)),
        output=JSON,
        is_iterator=st.booleans(),
        error=TEXT,
        predict_time=SECONDS,
        metrics=OBJECTS,
    ),
    st.builds(wire.Pong, nonce=st.integers()),
    st.builds(wire.Health, nonce=st.integers(), ok=st.booleans(), error=TEXT),
)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def frame(body: object, texts: bytes = b"") -> bytes:
    data = json.dumps(body).encode()
    return struct.pack("!II", len(data), len(texts)) + data + texts


def receive_one(body: object) -> wire.ToServer:
    (message,) = wire.Receiver(wire.TO_SERVER).receive(frame(body))
    return message


@given(st.lists(TO_SERVER, max_size=4), st.integers(1, 9))
def test_any_cut_of_the_stream_gives_the_same_messages_to_the_server(
    sent: list[wire.ToServer], size: int
) -> None:
    receiver = wire.Receiver(wire.TO_SERVER)
    data = b"".join(map(wire.encode, sent))
    assert [message for part in cut(data, size) for message in receiver.receive(part)] == sent
    receiver.close()


@given(st.lists(TO_WORKER, max_size=4), st.integers(1, 9))
def test_any_cut_of_the_stream_gives_the_same_messages_to_the_worker(
    sent: list[wire.ToWorker], size: int
) -> None:
    receiver = wire.Receiver(wire.TO_WORKER)
    data = b"".join(map(wire.encode, sent))
    assert [message for part in cut(data, size) for message in receiver.receive(part)] == sent
    receiver.close()


@given(st.binary(max_size=40), st.integers(1, 5))
def test_arbitrary_bytes_give_messages_or_a_frame_error_whatever_the_cut(
    data: bytes, size: int
) -> None:
    def outcome(parts: list[bytes]) -> tuple[list[wire.ToServer], bool]:
        receiver = wire.Receiver(wire.TO_SERVER)
        messages: list[wire.ToServer] = []
        try:
            for part in parts:
                messages.extend(receiver.receive(part))
        except wire.FrameError:
            return messages, True
        return messages, False

    assert outcome(cut(data, size)) == outcome([data])


def test_bytes_are_taken_even_if_nobody_iterates() -> None:
    receiver = wire.Receiver(wire.TO_SERVER)
    data = wire.encode(wire.Health(nonce=1, ok=True))
    receiver.receive(data[:5])
    assert list(receiver.receive(data[5:])) == [wire.Health(nonce=1, ok=True)]


def test_messages_before_a_fault_arrive_and_the_fault_stays() -> None:
    receiver = wire.Receiver(wire.TO_SERVER)
    messages = receiver.receive(wire.encode(wire.Health(nonce=1, ok=True)) + frame({"type": "?"}))
    assert next(messages) == wire.Health(nonce=1, ok=True)
    with pytest.raises(wire.FrameError, match="unknown message"):
        next(messages)
    with pytest.raises(wire.FrameError, match="unknown message"):
        list(receiver.receive(wire.encode(wire.Health(nonce=2, ok=True))))


def test_a_message_of_the_other_direction_is_refused() -> None:
    with pytest.raises(wire.FrameError, match="unknown message"):
        list(wire.Receiver(wire.TO_SERVER).receive(wire.encode(wire.Shutdown())))


def test_a_stream_that_ends_inside_a_frame_is_an_error() -> None:
    receiver = wire.Receiver(wire.TO_SERVER)
    receiver.receive(b"\0\0")
    with pytest.raises(wire.FrameError, match="ended inside a frame"):
        receiver.close()


def test_a_length_over_the_limit_is_refused_before_anything_is_kept() -> None:
    for lengths in ((wire.MAX_FRAME + 1, 0), (1, wire.MAX_FRAME)):
        data = struct.pack("!II", *lengths)
        with pytest.raises(wire.FrameError, match=f"limit {wire.MAX_FRAME}"):
            list(wire.Receiver(wire.TO_SERVER).receive(data))


def test_a_message_over_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    message = wire.Log(id=None, stream="stdout", data="x" * 100)
    size = len(wire.encode(message)) - 8
    monkeypatch.setattr(frames, "MAX_FRAME", size)
    assert list(wire.Receiver(wire.TO_SERVER).receive(wire.encode(message))) == [message]
    monkeypatch.setattr(frames, "MAX_FRAME", size - 1)
    with pytest.raises(ValueError, match=f"message of {size} bytes, limit {size - 1}"):
        wire.encode(message)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_outside_json_are_not_sent(value: object) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        wire.encode(wire.Output(id="p", index=0, value=value))


def test_text_that_is_not_unicode_arrives_with_question_marks() -> None:
    data = wire.encode(wire.Log(id=None, stream="stdout", data="a\udc80b"))
    (message,) = wire.Receiver(wire.TO_SERVER).receive(data)
    assert message == wire.Log(id=None, stream="stdout", data="a?b")


def test_fields_with_defaults_may_be_left_out() -> None:
    assert receive_one({"type": "done", "id": "p", "status": "failed"}) == wire.Done(
        id="p", status="failed"
    )


@pytest.mark.parametrize(
    "body",
    [
        [],
        "log",
        None,
        {},
        {"type": None},
        {"type": ["log"]},
        {"type": "health"},
        {"type": "health", "nonce": "1", "ok": True},
        {"type": "health", "nonce": True, "ok": True},
        {"type": "health", "nonce": 1, "ok": 1},
        {"type": "health", "nonce": 1, "ok": True, "more": 1},
        {"type": "log", "id": 5, "stream": "stdout", "data": ""},
        {"type": "log", "id": None, "stream": "stdin", "data": ""},
        {"type": "log", "id": None, "stream": ["stdout"], "data": ""},
        {"type": "done", "id": "p", "status": "processing"},
        {"type": "done", "id": "p", "status": "failed", "predict_time": "1"},
        {"type": "done", "id": "p", "status": "failed", "predict_time": float("nan")},
        {"type": "done", "id": "p", "status": "failed", "metrics": []},
        {"type": "metric", "id": "p", "name": "a", "value": 1, "mode": "incr"},
    ],
    ids=str,
)
def test_a_message_that_is_not_what_it_says_is_refused(body: Any) -> None:
    with pytest.raises(wire.FrameError):
        receive_one(body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_a_frame_that_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(wire.FrameError):
        list(wire.Receiver(wire.TO_SERVER).receive(struct.pack("!II", len(body), 0) + body))


def no_file(value: dict[str, str]) -> object:
    raise AssertionError(f"taken for a file: {value}")


TRICKY = st.recursive(
    JSON,
    lambda inner: st.dictionaries(
        st.sampled_from(["__file__", "___file__", "____file__", "name", "x__file__"]), inner
    ),
    max_leaves=5,
)


@given(TRICKY)
def test_no_value_of_a_user_is_taken_for_a_file(value: object) -> None:
    assert wire.unescape(wire.escape(value), no_file) == value


def test_a_file_value_reaches_its_reader() -> None:
    file = wire.file_value("/tmp/p/a.png", name="a.png", mime="image/png")
    assert wire.is_file_value(file)
    assert wire.unescape({"x": [file]}, lambda found: found["__file__"]) == {"x": ["/tmp/p/a.png"]}


def test_name_and_type_of_a_file_are_optional() -> None:
    assert wire.file_value("/tmp/p/a") == {"__file__": "/tmp/p/a"}


@pytest.mark.parametrize("value", [{"__file__": 5}, {"file": "/x"}, "__file__", None])
def test_other_values_are_no_files(value: object) -> None:
    assert not wire.is_file_value(value)


LONG = "x" * wire.LONG_TEXT


@pytest.mark.parametrize(
    "output",
    [
        LONG,
        "é" * wire.LONG_TEXT,
        {"a": LONG, "b": 1, "c": LONG + "!"},
        [1, LONG, [LONG]],
        {"a": {"b": LONG}},
        {"texts": LONG},
        [LONG + "\n\0"],
    ],
    ids=lambda output: repr(output)[:20],
)
@pytest.mark.parametrize("size", [1000, 10**9])
def test_long_texts_travel_beside_the_json(output: object, size: int) -> None:
    done = wire.Done(id="p", status="succeeded", output=output)
    receiver = wire.Receiver(wire.TO_SERVER, msgspec.json.decode)
    for data in (wire.encode(done), wire.encode(done, msgspec.json.encode)):
        found = [message for part in cut(data, size) for message in receiver.receive(part)]
        assert found == [done]
    predict = wire.Predict(id="p", input={"s": output})
    assert list(wire.Receiver(wire.TO_WORKER).receive(wire.encode(predict))) == [predict]


def test_a_message_with_long_texts_keeps_its_own_value() -> None:
    given: dict[str, object] = {"s": LONG}
    wire.encode(wire.Predict(id="p", input=given))
    assert given == {"s": LONG}


def test_long_text_that_is_not_unicode_arrives_with_question_marks() -> None:
    done = wire.Done(id="p", status="succeeded", output=LONG + "\ud800")
    (found,) = wire.Receiver(wire.TO_SERVER).receive(wire.encode(done))
    assert found == wire.Done(id="p", status="succeeded", output=LONG + "?")


@pytest.mark.parametrize(
    ("texts", "data"),
    [
        ([[["output"], 2]], b"a"),
        ([[["output"], 1]], b"ab"),
        ([[["output"], -1]], b""),
        ([[["output"], 1]], b"\xff"),
        ([[["error"], 1]], b"a"),
        ([[["output", "k"], 1]], b"a"),
        ([[["output", 0, 1], 1]], b"a"),
        ([[[], 1]], b"a"),
        ([7], b"a"),
        (None, b"a"),
        ("x", b""),
    ],
)
def test_texts_that_belong_nowhere_are_refused(texts: object, data: bytes) -> None:
    body = {"type": "done", "id": "p", "status": "succeeded", "output": None, "texts": texts}
    with pytest.raises(wire.FrameError, match="text"):
        list(wire.Receiver(wire.TO_SERVER).receive(frame(body, data)))
