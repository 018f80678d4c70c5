"""What is fuzzed: each target takes bytes that a stranger wrote and returns, whatever they are.

``FrontendError`` and ``PatternError`` are answers for people; every other exception is a bug of
ours, and so is a target that takes longer or more memory than ``tests/fuzz/__main__.py`` allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cog_frontend import plan
from cog_frontend.config import config_keys, examine_config, read_config
from cog_frontend.errors import FrontendError
from cog_frontend.ignore import ignore_patterns
from cog_frontend.patterns import Matcher, PatternError, Verdict
from cog_frontend.project import read_project

Target = Callable[[bytes], None]

TESTS = Path(__file__).parents[1]
# Inputs that once found a bug, by target.
CORPUS = Path(__file__).parent / "corpus"

_FILES = {
    "predict.py": b"import cog\nclass P(cog.BasePredictor):\n  def predict(self, a: int): pass\n",
    "requirements.txt": b"six\n",
}
# With a GPU, because what is decided about CUDA reads versions; apart, because names become paths.
_CONFIG = b"build: {python_requirements: requirements.txt, gpu: true, cache: state}"
_LOCK_FILE = plan.LockFile(path="pylock.toml", data=b"")
_PATHS = ("a", "a/b", "a/b/c.py", "README.md", "a/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b")


def config(data: bytes) -> None:
    """A cog.yaml, and the plan of it where it is one."""
    examined = examine_config(data)
    for each in (*examined.problems, *examined.warnings):
        str(each)
    if not examined.problems:
        _plan(_FILES, data)


def _plan(files: Mapping[str, bytes], data: bytes = _CONFIG) -> None:
    config = read_config(data)
    project = read_project(config, ("cog.yaml", data), files.get)
    plan.plan_json(plan.make_plan(config, project, version="1"))


def requirements(data: bytes) -> None:
    """A requirements file that may include itself, and what is told from it."""
    _plan({**_FILES, "requirements.txt": data})


def lock(data: bytes) -> None:
    """A pylock.toml."""
    try:
        _plan({**_FILES, "pylock.toml": data})
    except FrontendError as error:
        str(error)
    found = plan.read_lock(data, plan.target("3.12", "amd64"), file="pylock.toml")
    project = plan.Project(config_file=("cog.yaml", _CONFIG), lock=found, lock_file=_LOCK_FILE)
    plan.plan_json(plan.make_plan(read_config(_CONFIG), project, version="1"))


def ignore(data: bytes) -> None:
    """A .dockerignore, and what it says of a few paths."""
    matcher = Matcher(ignore_patterns(data))
    for path in _PATHS:
        found: Verdict | None = None
        for end in [*(at.start() for at in re.finditer("/", path)), len(path)]:
            found = matcher.judge(path[:end], found)
            matcher.may_match_within(path[:end], excepts=True)


TARGETS: Mapping[str, Target] = {
    each.__name__: each for each in (config, requirements, lock, ignore)
}


# Files of other tests that are like a target's input.
_SEEDS = {
    "config": ("cog.yaml",),
    "requirements": ("requirements.txt",),
    "lock": ("pylock.toml", "resolved.toml"),
    "ignore": (".dockerignore",),
}


def run(target: Target, data: bytes) -> None:
    """Give a target its input; raises what is a bug."""
    try:
        target(data)
    except (FrontendError, PatternError) as error:
        str(error)


def seeds(name: str) -> Iterator[bytes]:
    """Inputs to start a target from: those that found bugs, and files of other tests."""
    for path in sorted((CORPUS / name).glob("*")):
        yield path.read_bytes()
    for file in _SEEDS[name]:
        for path in sorted((TESTS / "cases").glob(f"*/{file}")):
            yield path.read_bytes()
        for path in sorted((TESTS / "errors").glob("*.txt")):
            parts = re.split(rb"^-- (\S+) --\n", path.read_bytes(), flags=re.MULTILINE)[1:]
            if content := dict(zip(parts[::2], parts[1::2], strict=True)).get(file.encode()):
                yield content


def words(name: str) -> Iterator[str]:
    """Words that a fuzzer puts together."""
    if name == "config":
        yield from {part for key in config_keys() for part in key.split(".")}
        yield from ("uri", "checksum", "sha256:" + "0" * 64, "command", "mounts", "secret", "&a")
        yield from ("*a", "!!str ", "- ", ": ", "{", "}", "[", "]", "|\n ", "predict.py:P", "https")
    elif name == "requirements":
        yield from ("-r ", "-c r.txt", "-e ", "--hash=sha256:", "--index-url ", "--trusted-host ")
        yield from (
            "--find-links ",
            " @ ",
            "git+https://",
            "; python_version",
            "==1.0",
            "[a]",
            " #",
        )
        yield from ("\\\n", "file:", "./a.whl", "${A}", "--pre", "torch", "#egg=", "~=1.*")
    elif name == "lock":
        yield from (
            'lock-version = "1.0"\n',
            "[[packages]]\n",
            'name = "a"\n',
            "wheels = [",
            "sdist",
        )
        yield from ("{ url = ", "hashes", "sha256", "marker = ", "vcs", "directory", "path", "size")
        yield from ("a-1-py3-none-any.whl", "https://h/", "archive", "extras", "python_version")
    else:
        yield from ("**", "*", "?", "!", "#", "/", "..", ".", "[a-z]", "[^a]", "\\", "\r\n", "**/")
