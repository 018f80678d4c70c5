"""``cache: state``: a builder that starts empty finds in a registry what cache mounts lose."""

from __future__ import annotations

import pytest

from integration.conftest import CAN_MAKE, Workplace
from integration.engine.fresh import fresh_engine
from integration.frontend_images import run_docker
from integration.index import sdist, serving, wheel
from integration.model import build

SETUP = "from setuptools import setup\nsetup(name='{name}', version='1.0', py_modules=['{name}'])\n"
NAMES = ("one", "two", "three")
BUILT = ("first", "second")
OFFERED = dict(
    (
        *(wheel(name, "1.0", {f"{name}.py": f"NAME = '{name}'\n".encode()}) for name in NAMES),
        *(
            sdist(name, "1.0", {"setup.py": SETUP.format(name=name).encode(), f"{name}.py": b""})
            for name in BUILT
        ),
    )
)
CACHE = "type=registry,ref={registry}/cogkit-test/cache:{tag}"


@pytest.mark.skipif(not CAN_MAKE, reason="empties an engine: only one of our own")
@pytest.mark.parametrize("cache", ["state", "mount"])
def test_an_empty_builder_fetches_only_what_is_new(one_place: Workplace, cache: str) -> None:
    engine = one_place.engine
    with serving(engine, OFFERED) as index:
        project = one_place.project(
            {
                "cog.yaml": f"""\
build:
  python_version: "3.12"
  python_requirements: requirements.txt
  python_index: ["{index.url}"]
  cache: {cache}
""",
                "requirements.txt": "one\ntwo\nfirst\n",
            }
        )
        at = CACHE.format(registry=engine.registry, tag=f"{cache}-{index.host}")
        with fresh_engine(engine) as empty:
            first = build(empty, project, "first", ("--cache-to", f"{at},mode=max"))
            assert first.code == 0, first.output
        before = len(index.asked)
        (project / "requirements.txt").write_text("one\ntwo\nthree\nfirst\nsecond\n")
        with fresh_engine(engine) as empty:
            second = build(empty, project, "second", ("--cache-from", at))
            assert second.code == 0, second.output
            script = "import one, two, three, first, second; print(three.NAME)"
            run = ("run", "--rm", "--entrypoint", "python", "second", "-c", script)
            assert run_docker(empty, *run) == "three"
        files = [
            (agent, path.rpartition("/")[2].partition("-")[0])
            for agent, path in zip(index.agents[before:], index.asked[before:], strict=True)
            if path.startswith("/files/") and not path.endswith(".metadata")
        ]
        # uv looks into source archives to resolve; what is installed the builder itself fetches.
        by_uv = {name for agent, name in files if agent.startswith("uv/")}
        by_builder = {name for agent, name in files if not agent.startswith("uv/")}
        if cache == "state":
            assert by_builder == {"three", "second"}
            assert by_uv <= set(BUILT)
            assert " + first==1.0" not in second.output
            assert " + second==1.0" in second.output
        else:
            assert by_uv == {*NAMES, *BUILT}
