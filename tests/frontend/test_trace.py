"""The trace of a build: what is in it, that it reaches the client, that others pay nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from threading import Timer
from typing import Any

import pytest

from cog_frontend.gateway import Bridge, Result
from cog_frontend.rpc import RpcError
from cog_frontend.rpc.server import Server
from cog_frontend.session import serve
from cog_frontend.trace import KEY, Trace, process_age
from tests.fakes.bridge import SERVICE, FakeBridge, FakeImage


def ticking(step: float) -> Callable[[], float]:
    """A clock that goes on by ``step`` whenever it is read."""
    now = [100.0 - step]

    def read() -> float:
        now[0] += step
        return now[0]

    return read


def trace() -> Trace:
    return Trace(ticking(1.0), ticking(0.25), epoch=1000.5, age=0.04)


def document(traced: Trace) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(traced.document())
    return found


def test_a_call_has_the_time_it_was_sent_and_the_time_spent_waiting() -> None:
    traced = trace()
    bridge = Bridge(traced.watch(FakeBridge()))
    bridge.ping()
    assert document(traced)["rows"] == [
        {"what": "sent", "name": "Ping", "at": 1.0, "call": 1, "bytes": 0},
        {"what": "waited", "name": "Ping", "at": 2.0, "call": 1, "seconds": 1.0},
    ]


def test_two_calls_under_way_have_their_own_numbers() -> None:
    traced = trace()
    transport = traced.watch(FakeBridge())
    first, second = (transport.start(f"{SERVICE}Ping", b"") for _ in range(2))
    second.result()
    first.result()
    rows = document(traced)["rows"]
    assert [(row["what"], row["call"]) for row in rows] == [
        ("sent", 1),
        ("sent", 2),
        ("waited", 2),
        ("waited", 1),
    ]


def test_a_wait_that_ends_with_an_error_is_noted_and_the_error_goes_on() -> None:
    traced = trace()
    fake = FakeBridge(fail={"Ping": RpcError(2, "no")})
    with pytest.raises(RpcError, match="no"):
        Bridge(traced.watch(fake)).ping()
    assert [row["what"] for row in document(traced)["rows"]] == ["sent", "waited"]


def test_a_mark_tells_the_time_and_the_cpu_time() -> None:
    traced = trace()
    traced.mark("imports")
    assert document(traced) == {
        "epoch": 1000.5,
        "age": 0.04,
        "rows": [{"what": "mark", "name": "imports", "at": 1.0, "cpu": 100.0}],
    }


def test_the_result_carries_the_trace_up_to_its_return() -> None:
    result = trace().annotate(Result(metadata={"other": b"1"}))
    assert result.metadata["other"] == b"1"
    (row,) = json.loads(result.metadata[KEY])["rows"]
    assert row["name"] == "return"


def test_exporters_hand_the_key_to_the_client() -> None:
    assert KEY.startswith("frontend.")


SOURCE = "registry.example.com/cogkit/frontend:1"
SOURCE_OPTION = {"BUILDKIT_FRONTEND_OPT_0": f"source={SOURCE}"}
PATIENCE = 30.0  # seconds, for what must happen and would otherwise hang the run


def project() -> FakeBridge:
    files = {"cog.yaml": b"build:\n  python_version: '3.12'\n"}
    return FakeBridge(
        files={"dockerfile": files, "context": files},
        images={
            "docker.io/library/python:3.12-slim": FakeImage(),
            f"{SOURCE}-toolbox-3.12": FakeImage(files={"runtime/3.12/serve.py": b""}),
        },
    )


def sent(metadata: Mapping[str, bytes]) -> list[str]:
    return [row["name"] for row in json.loads(metadata[KEY])["rows"] if row["what"] == "sent"]


def test_a_traced_build_returns_the_same_image_and_its_trace() -> None:
    plain, traced = project(), project()
    serve(Bridge(plain), SOURCE_OPTION)
    rows = trace()
    serve(Bridge(rows.watch(traced)), SOURCE_OPTION, finish=rows.annotate)
    metadata = dict(traced.result.metadata)
    assert {"Solve", "ReadFile", "ResolveSourceMeta"} <= set(sent(metadata))
    del metadata[KEY]
    assert metadata == dict(plain.result.metadata)


def process(fake: FakeBridge, **environment: str) -> None:
    """Run the frontend in a process of its own, as its image does."""
    with subprocess.Popen(
        [sys.executable, "-m", "cog_frontend"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**SOURCE_OPTION, **environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as child:
        guard = Timer(PATIENCE, child.kill)
        guard.start()
        assert child.stdin is not None
        assert child.stdout is not None
        Server(os.dup(child.stdout.fileno()), os.dup(child.stdin.fileno()), fake.handlers()).serve()
        guard.cancel()
        guard.join()
    assert child.returncode == 0


def test_the_build_argument_switches_the_trace_on() -> None:
    fake = project()
    process(fake, BUILDKIT_FRONTEND_OPT_1="build-arg:COGKIT_TRACE=1")
    metadata = fake.result.metadata
    marks = [row for row in json.loads(metadata[KEY])["rows"] if row["what"] == "mark"]
    assert [mark["name"] for mark in marks] == ["main", "imports", "return"]
    assert sent(metadata)[0] == "Ping"
    assert 0 < json.loads(metadata[KEY])["age"] < PATIENCE


def test_without_the_build_argument_there_is_no_trace() -> None:
    fake = project()
    process(fake, BUILDKIT_FRONTEND_OPT_1="build-arg:COGKIT_TRACE=0")
    assert KEY not in fake.result.metadata


def test_a_build_that_is_not_traced_does_not_load_the_trace() -> None:
    code = "import sys, cog_frontend.__main__, cog_frontend.session; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert "cog_frontend.session" in loaded
    assert "cog_frontend.trace" not in loaded


STAT = b"7 (a) b (c) R " + b" ".join(str(number).encode() for number in range(4, 53))


def test_the_age_of_a_process_counts_from_field_22_of_its_stat() -> None:
    stat = STAT.replace(b" 22 ", b" 1250 ")
    assert process_age(stat, uptime=13.0, ticks=100) == pytest.approx(0.5)


def test_the_age_survives_a_program_name_with_blanks_and_brackets() -> None:
    assert process_age(STAT, uptime=1.0, ticks=100) == pytest.approx(0.78)
