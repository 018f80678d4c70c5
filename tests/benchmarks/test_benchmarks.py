"""What the benchmark works out and prints; the builds themselves need an engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from benchmarks import phases, samples
from benchmarks.dockerfile import dockerfile
from benchmarks.report import Report
from cog_frontend.gateway import Result
from cog_frontend.plan import model
from cog_frontend.rpc import RpcError
from cog_frontend.trace import KEY, Trace
from tests.fakes.bridge import SERVICE, FakeBridge


def one_round(
    *, frontend: float, dockerfile: float, container: float, error: float
) -> Mapping[str, float]:
    return {
        samples.FRONTEND: frontend,
        samples.DOCKERFILE: dockerfile,
        samples.CONTAINER: container,
        samples.PARSE_ERROR: error,
    }


ROUNDS = [
    one_round(frontend=0.8, dockerfile=0.5, container=0.35, error=0.25),
    one_round(frontend=1.8, dockerfile=1.4, container=1.30, error=1.10),
    one_round(frontend=0.9, dockerfile=0.5, container=0.40, error=0.20),
]


def test_a_comparison_pairs_the_builds_of_one_round() -> None:
    found = samples.compare(ROUNDS, samples.FRONTEND, samples.DOCKERFILE)
    assert found.difference == pytest.approx(0.4)
    assert found.ratio == pytest.approx(1.6)


def test_the_floor_is_the_dockerfile_and_what_the_container_adds() -> None:
    found = samples.compare_with_floor(ROUNDS)
    # Floors: 0.6, 1.6 and 0.7.
    assert found.difference == pytest.approx(0.2)
    assert found.ratio == pytest.approx(0.9 / 0.7)


def plan(*steps: model.Step, labels: tuple[tuple[str, str], ...] = ()) -> model.Plan:
    return model.Plan(
        base=model.Base(ref="python:3.12-slim", python="3.12"),
        layers=(model.Layer(name="one", steps=steps),),
        image=model.ImageSettings(
            env=(("A", "x y"),),
            path=("/opt/venv/bin",),
            entrypoint=("/tini", "--"),
            command=("python", "-I"),
            workdir="/src",
            ports=("5000/tcp",),
            labels=labels,
        ),
    )


def test_a_dockerfile_has_the_steps_and_settings_of_the_plan() -> None:
    text = dockerfile(
        plan(
            model.Exec(args=("python3", "-m", "venv"), title="[one] venv"),
            model.Write(
                files=(model.File(path="/a", data=b"1\n2\n", mode=0o755),), title="[one] w"
            ),
            model.Copy(source="toolbox", path="/runtime/3.12", dest="/opt/cog", title="[one] c"),
            model.Copy(source="project", path="/", dest="/src", title="[one] c"),
            labels=(("run.cog.config", '{"a":"$b\\\\"}'),),
        ),
        "example.com/frontend:1-toolbox",
    )
    assert (
        text
        == r"""FROM python:3.12-slim
RUN ["python3", "-m", "venv"]
COPY --chmod=755 <<'END_OF_FILE' /a
1
2
END_OF_FILE
COPY --from=example.com/frontend:1-toolbox /runtime/3.12 /opt/cog
COPY / /src
ENV PATH=/opt/venv/bin:$PATH
ENV A="x y"
LABEL run.cog.config="{\"a\":\"\$b\\\\\"}"
EXPOSE 5000/tcp
WORKDIR /src
ENTRYPOINT ["/tini", "--"]
CMD ["python", "-I"]
"""
    )


def test_a_command_that_a_dockerfile_would_run_otherwise_is_refused() -> None:
    step = model.Exec(args=("uv",), title="[one] uv", env=(("A", "1"),))
    with pytest.raises(ValueError, match="uv"):
        dockerfile(plan(step), "toolbox")


def stamps(**offsets: float) -> dict[str, str]:
    """Times as BuildKit writes them, in seconds after the client began at Unix time 1000."""
    return {name: f"1970-01-01T00:16:{40 + offset:09.6f}789Z" for name, offset in offsets.items()}


def progress(*vertices: tuple[str, float, float]) -> str:
    lines = [{"statuses": [{"id": "transferring"}]}] + [
        {"vertexes": [{"digest": "sha256:1", "name": name, **stamps(started=begin, completed=end)}]}
        for name, begin, end in vertices
    ]
    return "\n".join(map(json.dumps, lines)) + "\n"


def readings(*times: float) -> Callable[[], float]:
    """A clock that shows these times, one per reading."""
    return iter(times).__next__


def trace() -> str:
    """The trace of a build that begins its ``main`` 0.3 s after the client began."""
    clock = readings(5.0, 5.0, 5.001, 5.01, 5.02, 5.025, 5.03, 5.031, 5.033, 5.04)
    traced = Trace(clock, readings(0.05, 0.11, 0.12), epoch=1000.3, age=0.1)
    fake = FakeBridge(files={"context": {}})
    traced.mark("main")
    transport = traced.watch(fake)
    ping = transport.start(f"{SERVICE}Ping", b"")
    traced.mark("imports")
    ping.result()
    solve = transport.start(f"{SERVICE}Solve", b"")
    with pytest.raises(RpcError, match="refs"):
        solve.result()
    return traced.annotate(Result()).metadata[KEY].decode()


IMAGE = "docker-image://example.com/cogkit/frontend:dev@sha256:1"
VERTICES = (
    ("[internal] load build definition from cog.yaml", 0.1, 0.12),
    (IMAGE, 0.13, 0.15),
    (IMAGE, 0.15, 0.151),
    ("[source] copy the project to /src", 0.36, 0.36),
    ("exporting to image", 0.4, 0.5),
)


def build(*vertices: tuple[str, float, float]) -> phases.Build:
    return phases.Build(began=1000.0, ended=1000.6, progress=progress(*vertices), trace=trace())


def test_the_phases_add_up_to_the_whole_build() -> None:
    found = phases.phases(build(*VERTICES))
    assert [(each.name, round(each.seconds * 1000)) for each in found if not each.indent] == [
        ("buildx until the first step", 100),
        ("read the syntax line, find the frontend's image", 51),
        ("start the container", 49),
        ("start Python, import the transport", 100),
        ("frontend at work", 40),
        ("Return, stop the container, check every step", 60),
        ("export", 100),
        ("buildx after the export", 100),
    ]
    assert sum(each.seconds for each in found if not each.indent) == pytest.approx(0.6, abs=1e-4)


def test_the_frontends_own_parts_add_up_too() -> None:
    found = phases.phases(build(*VERTICES))
    parts = {each.name: round(each.seconds * 1000) for each in found if each.indent}
    assert parts == {
        "import the rest": 10,
        "wait for the daemon": 7,
        "convert and marshal the graph": 5,
        "everything else": 18,
    }
    assert sum(parts.values()) == 40


def test_a_vertex_shown_with_the_times_of_an_earlier_build_is_left_out() -> None:
    old = ("[base] FROM docker.io/library/python:3.12-slim", -30.0, -29.0)
    assert phases.phases(build(old, *VERTICES)) == phases.phases(build(*VERTICES))


@pytest.mark.parametrize("missing", ["docker-image://", "exporting"])
def test_a_record_that_lacks_something_is_refused(missing: str) -> None:
    left = [vertex for vertex in VERTICES if not vertex[0].startswith(missing)]
    with pytest.raises(phases.IncompleteTrace, match="no frontend image or no export"):
        phases.phases(build(*left))


def test_every_call_has_when_it_was_sent_and_how_long_it_kept_us_waiting() -> None:
    ping, solve = phases.rpcs(build(*VERTICES))
    assert (ping.name, round(ping.sent, 6), round(ping.waited, 6)) == ("Ping", 0.001, 0.005)
    assert (solve.name, round(solve.sent, 6), round(solve.waited, 6)) == ("Solve", 0.03, 0.002)


def test_cpu_time_is_told_for_each_stretch() -> None:
    found = phases.processor(build(*VERTICES))
    assert [round(each.seconds, 3) for each in found] == [0.05, 0.06, 0.01]


def report() -> Report:
    found = phases.phases(build(*VERTICES))
    return Report(
        engine="28.5.2",
        load=(0.5, 1.25),
        rounds=ROUNDS,
        phases=phases.median_phases([found, found, found]),
        rpcs=phases.median_rpcs([phases.rpcs(build(*VERTICES))]),
        processor=phases.median_phases([phases.processor(build(*VERTICES))]),
    )


def test_the_text_shows_medians_differences_and_ratios() -> None:
    lines = [" ".join(line.split()) for line in report().text().splitlines()]
    assert "cogkit's frontend 900 800" in lines
    assert "frontend - dockerfile +400 1.60" in lines
    assert "frontend - floor +200 1.29" in lines
    assert "wait for the daemon 7.0" in lines
    assert "Solve 30.0 2.0" in lines


def test_the_json_holds_every_measurement() -> None:
    document = json.loads(report().json())
    assert document["variants"]["frontend"]["all_ms"] == [800.0, 1800.0, 900.0]
    assert document["comparisons"]["frontend - floor"] == {"difference_ms": 200.0, "ratio": 1.286}
    assert document["calls"][0] == {"name": "Ping", "sent_ms": 1.0, "waited_ms": 5.0}
    assert sum(each["ms"] for each in document["cpu"]) == pytest.approx(120.0)
