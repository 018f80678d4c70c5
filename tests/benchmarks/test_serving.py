"""The load generator reads what servers say, and the table what it found; servers need PyPI."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.serving.load import Found, Load
from benchmarks.serving.overload import Overload
from benchmarks.serving.peers import KINDS, PEERS, ROWS, Row
from benchmarks.serving.processes import project
from benchmarks.serving.replies import BadReply, Reader, Reply
from benchmarks.serving.table import Sample, Start, Table

ROOT = Path(__file__).parents[2]

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nhello hello !!"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"9\r\nhello 0\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
)
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\nno"


@given(st.sampled_from([SIZED, CHUNKED]), st.integers(1, 20))
def test_any_cut_of_a_reply_gives_the_same(reply: bytes, size: int) -> None:
    reader = Reader(b"hello")
    for _ in range(2):
        found = [reader.feed(reply[at : at + size]) for at in range(0, len(reply), size)]
        assert found == [None] * (len(found) - 1) + [Reply(200, 2)]


def test_a_marker_is_noticed_before_the_reply_is_whole() -> None:
    reader = Reader(b"hello")
    begin = CHUNKED.index(b"hello")
    reader.feed(CHUNKED[: begin + 2])
    assert not reader.began
    assert reader.feed(CHUNKED[begin + 2 : begin + 5]) is None
    assert reader.began


@pytest.mark.parametrize(
    "data", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", SIZED + b"x", b"no\r\n\r\n"]
)
def test_what_cannot_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(BadReply):
        Reader(b"hello").feed(data)


@contextmanager
def server(*replies: bytes) -> Iterator[int]:
    """Answer each request of a connection with the next reply, the last one for ever."""

    def serve(connection: socket.socket) -> None:
        left = list(replies)
        with connection, suppress(ConnectionError):
            while connection.recv(4096):
                connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def put_load(port: int, **more: object) -> Found:
    request = base64.b64encode(b"GET / HTTP/1.1\r\n\r\n").decode()
    load = Load(port=port, request=request, marker="hello", warm_up=0.0, seconds=0.3)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.load"],
        input=json.dumps(asdict(load) | more),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return Found(**json.loads(done.stdout))


def test_good_replies_are_timed_and_others_counted() -> None:
    with server(SIZED, REFUSED, b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", CHUNKED) as port:
        found = put_load(port, connections=3)
    assert (found.refused, found.wrong, found.example) == (3, 3, "status 500, 0 markers")
    assert found.latencies
    assert len(found.firsts) == len(found.latencies)
    assert all(
        0 < first <= whole for first, whole in zip(found.firsts, found.latencies, strict=True)
    )


def test_too_few_markers_are_wrong() -> None:
    with server(SIZED) as port:
        found = put_load(port, marks=3)
    assert not found.latencies
    assert found.wrong


def test_a_rate_is_kept_whatever_the_server_does() -> None:
    with server(SIZED) as port:
        found = put_load(port, connections=50, rate=100.0)
    assert 0 < len(found.latencies) + found.unsent <= 31


ECHO = ROWS[0]


def sample(peer: str, rate: float) -> Sample:
    found = Found(seconds=1.0, latencies=[0.002] * int(rate), firsts=[0.001] * int(rate))
    return Sample.of(peer, ECHO, found, 0.5, 50_000_000)


def test_the_table_has_medians_and_ratios_to_those_that_isolate() -> None:
    table = Table(1.0)
    for peer, rates in {
        "cogkit": (900, 1000, 5000), "coglet": (100, 50, 10), "Mosec": (500, 500, 400),
        "Litestar": (3000, 2000, 2000),
    }.items():  # fmt: skip
        table.samples += [sample(peer, rate) for rate in rates]
    table.starts.append(Start(peer="cogkit", kind="echo", seconds=0.5, memory=40_000_000))
    text = table.text(["cogkit", "coglet"])
    assert "| echo | 1 | cogkit | 1,000 | 0 | 2.00 | 2.00 | 1.00 | 500 | 50 |" in text
    assert text.index("Litestar") < text.index("| cogkit |") < text.index("Mosec")
    assert "| echo | 1 | 20.0 | 2.0 (Mosec) |" in text
    assert "| cogkit | 0.50 | 40 |" in text
    assert json.loads(table.json())["samples"][0]["rate"] == 900


def test_a_peer_that_never_answered_has_no_ratio() -> None:
    table = Table(1.0, samples=[sample("cogkit", 100), sample("coglet", 0)])
    assert "| echo | 1 | - | - |" in table.text([])


def test_an_overload_is_told() -> None:
    found = Overload(
        seconds=60, capacity=90, goodput=88.2, refused=800, wrong=0, growth=(50_000_000, 51_000_000)
    )
    text = Table(0.0, overload=found).text([])
    assert "goodput 88/s (98%), refused 800/s, wrong 0; memory 50.0 MB" in text


def test_every_kind_has_an_app_of_each_peer(tmp_path: Path) -> None:
    for peer in PEERS:
        folder = project(peer, tmp_path)
        if not peer.is_cog:
            assert all(f'"{kind}"' in (folder / "app.py").read_text() for kind in KINDS)
            continue
        for kind in KINDS:
            assert (folder / kind / f"{kind}.py").is_file()
            document = json.loads((folder / kind / ".cog/openapi_schema.json").read_text())
            assert list(document["components"]["schemas"]["Input"]["properties"]) == ["s"]


def test_a_request_is_the_same_question_to_each_peer() -> None:
    row = Row(name="stream", kind="stream", connections=1)
    for peer in PEERS:
        head, _, body = peer.request(row.kind, row.text).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"Accept: text/event-stream" in head
        given = json.loads(body)
        assert (given["input"] if peer.is_cog else given) == {"s": "bob"}
