from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import buildkit_llb
from buildkit_llb import dot, dump, image, marshal
from tests.llb.samples import AMD64

# Each would be paid for by every build.
HEAVY = {
    "json",
    "urllib.parse",
    "asyncio",
    "logging",
    "subprocess",
    "tempfile",
    "email",
    "http",
    "ipaddress",
    "argparse",
}


def test_every_public_name_is_there_and_sorted() -> None:
    assert all(hasattr(buildkit_llb, name) for name in buildkit_llb.__all__)
    assert len(set(buildkit_llb.__all__)) == len(buildkit_llb.__all__)


def test_a_definition_is_shown_from_a_file_or_a_pipe(tmp_path: Path) -> None:
    definition = marshal(image("a").run(["make"]).root, platform=AMD64)
    (tmp_path / "graph.pb").write_bytes(definition.to_bytes())

    def shown(*words: str, given: bytes = b"") -> tuple[int, str, str]:
        argv = [sys.executable, "-m", "buildkit_llb", *words]
        env = {"PYTHONPATH": str(Path(buildkit_llb.__file__).parents[1])}
        done = subprocess.run(argv, input=given, capture_output=True, check=False, env=env)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    assert shown(given=definition.to_bytes()) == (0, dump(definition), "")
    assert shown(str(tmp_path / "graph.pb"), "--dot") == (0, dot(definition), "")
    code, out, err = shown(given=b"\xff\xff\xff")
    assert (code, out, err.startswith("definition of 3 bytes cannot be read")) == (1, "", True)
    code, out, err = shown(str(tmp_path / "none"))
    assert (code, out, "No such file" in err) == (1, "", True)


def test_the_import_loads_nothing_that_it_does_not_need() -> None:
    code = f"import sys; sys.path[:] = {sys.path!r}; import buildkit_llb; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "buildkit_llb._marshal" in printed.split()
    assert not HEAVY & set(printed.split())
