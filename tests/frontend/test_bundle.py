"""What the image's start-up code promises: a program runs from the bundle as it does from files.

Every check runs in processes of their own: bundling changes how a whole interpreter imports.
"""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"

# What the ENTRYPOINT gives, and no site-packages.
PYTHON = (sys.executable, "-E", "-s", "-S", "-B")

PROGRAM = {
    "cog_frontend/__init__.py": "",
    "cog_frontend/__main__.py": """\
        import gc, json, sys
        from cog_frontend import values

        def main():
            from cog_frontend.deep import fault

            loaders = {n: type(sys.modules[n].__loader__).__name__ for n in sys.modules
                       if n.startswith("cog_frontend")}
            print(json.dumps({"loaders": loaders, "gc": gc.isenabled()}))
    """,
    "cog_frontend/values.py": """\
        from dataclasses import dataclass, field

        @dataclass(frozen=True, slots=True, kw_only=True)
        class Point:
            x: int
            y: list[int] = field(default_factory=list, compare=False)

        @dataclass(order=True)
        class Version:
            major: int
            minor: int = 0
    """,
    "cog_frontend/patterns.py": """\
        import re

        WORDS = re.compile(r"(?P<first>[a-z\\u00e0-\\u0233]+)(?:,(?P<second>\\d+))?", re.IGNORECASE)
        BYTES = re.compile(rb"^-- (\\S+) --", re.MULTILINE)
    """,
    "cog_frontend/deep/__init__.py": "",
    "cog_frontend/deep/fault.py": """\
        def fail():
            # a line of its own
            raise LookupError("on purpose")
    """,
}

# Runs as `python -c`, with or without the bundle installed.
DESCRIBE = """
import inspect, json
from cog_frontend.values import Point, Version

def told(action):
    try:
        return repr(action())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def freeze():
    Point(x=1).x = 2

print(json.dumps({
    "repr": told(lambda: Point(x=1, y=[2])),
    "equal": [Point(x=1, y=[1]) == Point(x=1), Point(x=1) == Point(x=2), Version(1) == Point(x=1)],
    "hash": hash(Point(x=1)) == hash(Point(x=1, y=[3])),
    "unhashable": told(lambda: hash(Version(1))),
    "order": repr(sorted([Version(2), Version(1, 5), Version(1)])),
    "missing": told(lambda: Point()),
    "positional": told(lambda: Point(1)),
    "unknown": told(lambda: Point(x=1, z=2)),
    "frozen": told(freeze),
    "slots": Point.__slots__,
    "own default": Point(x=1).y is not Point(x=1).y,
    "signature": str(inspect.signature(Point)),
    "annotations": repr(Point.__init__.__annotations__),
    "names": [Point.__init__.__qualname__, Point.__repr__.__module__],
    "file": Point.__init__.__code__.co_filename,
    "doc": Version.__doc__,
}))
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A folder made as the image's is: bytecode only, start-up code beside the program."""

    app: Path

    @property
    def bundle(self) -> Path:
        return self.app.parent / "bundle"

    def start(self) -> Any:
        return json.loads(self.python(str(self.app / "start.pyc"), str(self.bundle)).stdout)

    def run(self, code: str, *, bundled: bool) -> subprocess.CompletedProcess[str]:
        """Run ``code`` with the program on the path, its modules from the bundle or from disk."""
        install = f"import start; start.Bundle({str(self.bundle)!r}).install()\n" * bundled
        return self.python(
            "-c", f"import sys; sys.path.insert(0, {str(self.app)!r})\n{install}{code}"
        )

    def tool(self, command: str, *packages: str) -> subprocess.CompletedProcess[str]:
        return self.python(str(self.app / "bundle.pyc"), command, str(self.bundle), *packages)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*PYTHON, *arguments), capture_output=True, text=True, check=False, timeout=60
        )


def write(app: Path, files: dict[str, str]) -> None:
    """Add modules to a folder, as bytecode only."""
    for name, text in files.items():
        path = app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    assert compileall.compile_dir(app, quiet=1, legacy=True, stripdir=str(app.parent))
    for source in app.rglob("*.py"):
        source.unlink()


def make_image(folder: Path) -> Image:
    """Write the program, the start-up code and the bundle."""
    image = Image(folder / "app")
    tools = {name: (FRONTEND / name).read_text() for name in ("start.py", "bundle.py")}
    write(image.app, {**PROGRAM, **tools})
    done = image.tool("write", "cog_frontend")
    assert (done.returncode, done.stderr) == (0, "")
    return image


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A program with its bundle, to be read."""
    return make_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """A program with its bundle, to be changed."""
    return make_image(tmp_path)


def test_the_program_starts_from_the_bundle_with_the_collector_off(bundled: Image) -> None:
    started = bundled.start()
    assert started["gc"] is False
    assert set(started["loaders"]) == {
        "cog_frontend", "cog_frontend.__main__", "cog_frontend.values",
        "cog_frontend.deep", "cog_frontend.deep.fault",
    }  # fmt: skip
    assert set(started["loaders"].values()) == {"BundledLoader"}


def test_modules_need_no_files(image: Image) -> None:
    shutil.rmtree(image.app / "cog_frontend")
    done = image.run("import cog_frontend.values as v; print(v.Version(3))", bundled=True)
    assert done.stdout == "Version(major=3, minor=0)\n", done.stderr


def test_modules_look_as_if_read_from_their_files(bundled: Image) -> None:
    code = dedent("""
        import cog_frontend.deep.fault, sys
        for name in ("cog_frontend", "cog_frontend.deep.fault"):
            m = sys.modules[name]
            s = m.__spec__
            print(m.__name__, m.__package__, m.__file__, getattr(m, "__path__", None), m.__cached__,
                  s.name, s.origin, s.parent, s.has_location, s.submodule_search_locations,
                  s.loader.get_filename(name), s.loader.is_package(name))
    """)
    plain = bundled.run(code, bundled=False).stdout
    assert f"{bundled.app}/cog_frontend/deep/fault.pyc" in plain
    assert bundled.run(code, bundled=True).stdout == plain


def test_what_the_bundle_lacks_comes_from_disk(image: Image) -> None:
    write(image.app, {"cog_frontend/late.py": "VALUE = 7\n", "other.py": "VALUE = 8\n"})
    code = dedent("""
        import cog_frontend.late as late, other
        print(late.VALUE, other.VALUE, type(late.__loader__).__name__)
    """)
    assert image.run(code, bundled=True).stdout == "7 8 SourcelessFileLoader\n"


def test_a_missing_module_is_missing_as_ever(bundled: Image) -> None:
    done = bundled.run("import cog_frontend.nowhere", bundled=True)
    assert "ModuleNotFoundError: No module named 'cog_frontend.nowhere'" in done.stderr


def test_dataclasses_behave_as_without_the_bundle(bundled: Image) -> None:
    plain = bundled.run(DESCRIBE, bundled=False)
    assert plain.returncode == 0, plain.stderr
    described = bundled.run(DESCRIBE, bundled=True)
    assert json.loads(described.stdout) == json.loads(plain.stdout)
    assert json.loads(plain.stdout)["repr"] == "Point(x=1, y=[2])"


def test_known_texts_are_not_compiled_again(bundled: Image) -> None:
    code = dedent("""
        def refuse(text):
            raise SystemExit(f"compiled {text}")

        vars(start)["compile_text"] = refuse
        from cog_frontend.values import Point
        print(Point(x=1))
    """)
    assert bundled.run(code, bundled=True).stdout == "Point(x=1, y=[])\n"


def test_an_unknown_text_is_compiled_as_it_would_be(bundled: Image) -> None:
    code = dedent("""
        from dataclasses import dataclass

        @dataclass(frozen=True)
        class Unheard:
            of: int = 3

        print(Unheard(), Unheard.__init__.__annotations__, Unheard.__init__.__code__.co_filename)
    """)
    plain = bundled.run(code, bundled=False).stdout
    assert plain.startswith("Unheard(of=3) ")
    assert bundled.run(code, bundled=True).stdout == plain


def test_patterns_behave_as_without_the_bundle(bundled: Image) -> None:
    code = dedent("""
        import copy, pickle, re
        from cog_frontend.patterns import BYTES, WORDS

        found = WORDS.match("Été,7")
        print(ascii([found.groupdict(), found.lastgroup, found.span("second"), WORDS, BYTES]))
        print(WORDS.groupindex, WORDS.groups, WORDS.flags, BYTES.findall(b"-- a --\\n-- b --"))
        print(pickle.loads(pickle.dumps(WORDS)) == WORDS, WORDS == re.compile(WORDS.pattern, re.I))
        print(re.compile("un(known)", re.ASCII | re.X).sub(r"<\\1>", "unknown"))
    """)
    plain = bundled.run(code, bundled=False).stdout
    assert "'second': '7'" in plain
    assert "<known>" in plain
    assert bundled.run(code, bundled=True).stdout == plain


def test_known_patterns_are_not_parsed_again(bundled: Image) -> None:
    code = dedent("""
        import re

        def fail(*_):
            raise AssertionError("parsed")

        re._parser.parse = fail
        import cog_frontend.patterns
        print("imported")
        re.compile("unknown")
    """)
    assert bundled.run(code, bundled=False).stdout == ""
    served = bundled.run(code, bundled=True)
    assert served.stdout == "imported\n"
    assert "AssertionError: parsed" in served.stderr


def test_check_refuses_a_bundle_that_lacks_a_pattern(image: Image) -> None:
    write(image.app, {"more/__init__.py": "import re\nMORE = re.compile('[m]ore')\n"})
    done = image.tool("check", "more")
    assert done.returncode == 1
    assert "re compiles a pattern that the bundle lacks: '[m]ore'" in done.stderr


def test_a_traceback_names_file_and_line(bundled: Image) -> None:
    code = "from cog_frontend.deep.fault import fail; fail()"
    plain, served = (bundled.run(code, bundled=bundle) for bundle in (False, True))
    where = 'File "app/cog_frontend/deep/fault.py", line 3, in fail'
    assert where in served.stderr
    assert served.stderr.splitlines()[-1] == "LookupError: on purpose"
    assert where in plain.stderr


def test_a_start_without_its_bundle_fails_aloud(image: Image) -> None:
    image.bundle.unlink()
    done = image.python(str(image.app / "start.pyc"), str(image.bundle))
    assert done.returncode
    assert "FileNotFoundError" in done.stderr


def test_the_same_program_gives_the_same_bytes(image: Image) -> None:
    before = image.bundle.read_bytes()
    assert image.tool("write", "cog_frontend").returncode == 0
    assert image.bundle.read_bytes() == before


def test_check_passes_what_write_wrote(bundled: Image) -> None:
    done = bundled.tool("check", "cog_frontend")
    assert (done.returncode, done.stderr) == (0, "")


def test_check_refuses_a_bundle_that_lacks_a_module(image: Image) -> None:
    write(image.app, {"cog_frontend/late.py": ""})
    done = image.tool("check", "cog_frontend")
    assert (done.returncode, done.stderr) == (1, "not from the bundle: cog_frontend.late\n")


def test_check_refuses_a_bundle_that_lacks_a_text(image: Image) -> None:
    write(
        image.app,
        {
            "more/__init__.py": """\
                from dataclasses import dataclass

                @dataclass
                class More:
                    than: int = 1
            """
        },
    )
    done = image.tool("check", "more")
    assert done.returncode == 1
    assert "dataclasses executes a text that the bundle lacks:\ndef __create_fn__(" in done.stderr


def test_a_program_whose_dataclasses_execute_nothing_gets_no_bundle(image: Image) -> None:
    """As a Python would look whose ``dataclasses`` makes its methods in another way."""
    write(image.app, {"plain/__init__.py": ""})
    image.bundle.unlink()
    done = image.tool("write", "plain")
    assert done.returncode == 1
    assert done.stderr.startswith("dataclasses executes no text any more")
    assert not image.bundle.exists()


def test_a_module_that_cannot_be_imported_gives_no_bundle(image: Image) -> None:
    write(image.app, {"cog_frontend/broken.py": "import no_such_module\n"})
    image.bundle.unlink()
    done = image.tool("write", "cog_frontend")
    assert "No module named 'no_such_module'" in done.stderr
    assert not image.bundle.exists()
