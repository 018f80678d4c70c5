"""No string of the user's reaches a shell but ``build.run`` itself, and none becomes an option.

Hostile strings stand in every place of a project that takes text; every exec op that the daemon is
asked for is looked at. A place refuses a string or hands it on as one argument, one variable, a
file or a mount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildkit_llb.pb import ops_pb2 as pb
from cog_frontend.config import examine_config
from cog_frontend.errors import ProjectError
from cog_frontend.plan.requirements import read_requirements
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import GRAPHDRIVER, MODERN, Abilities
from tests.frontend.test_cases import frontend, resolver

# Found in whatever a place makes of the text: no place changes letters.
MARK = "zqxj"
ATOMS = (
    *("-", "--", "--index-url=http://evil", "-oDir=/", "'", '"', "$(id)", "`id`", ";", "\n", "|"),
    *("&&", " ", "\\", "${IFS}", "\t", "*", "/", "..", "=", ":", "@", "#", "%0a", "a", "1.0", "é"),
)
PREDICT = b"import cog\nclass P(cog.BasePredictor):\n  def predict(self, a: int) -> int: return a\n"
COMMAND = "echo '\"$(runs)\"' -- ; `as`\nit stands"
DIGEST = "0" * 64

hostile = st.tuples(
    st.lists(st.sampled_from(ATOMS), max_size=4), st.lists(st.sampled_from(ATOMS), max_size=4)
).map(lambda halves: f"{''.join(halves[0])}{MARK}{''.join(halves[1])}")

Put = Callable[[str], dict[str, Any]]


def in_build(key: str, make: Callable[[str], object]) -> Put:
    return lambda text: {"build": {key: make(text)}}


def weight(text: str, **more: object) -> dict[str, Any]:
    return {"weights": [{"target": "/w", "source": text, **more}]}


# Every key of cog.yaml that takes a text, and how it stands there.
PLACES: dict[str, Put] = {
    "requirements": in_build("python_requirements", str),
    "packages": in_build("python_packages", lambda text: [text]),
    "index": in_build("python_index", lambda text: [f"https://{text}"]),
    "index path": in_build("python_index", lambda text: [f"https://example.com/{text}"]),
    "index name": in_build(
        "python_index",
        lambda text: [{"url": "https://example.com", "name": text, "secret": text}],
    ),
    "system": in_build("system_packages", lambda text: [text]),
    "copy": in_build("copy", lambda text: [text]),
    "copy to": in_build("copy", lambda text: [{"source": "predict.py", "target": f"/{text}"}]),
    "ssh": in_build("ssh", str),
    "base": in_build("base", str),
    "user": in_build("user", str),
    "label": in_build("labels", lambda text: {text: "x"}),
    "label value": in_build("labels", lambda text: {"a": text}),
    "lock": in_build("lock", lambda text: f"{text}/pylock.toml"),
    "python": in_build("python_version", lambda text: f"3.12{text}"),
    "cuda": in_build("cuda", str),
    "sdk": in_build("sdk_version", str),
    "mount": in_build(
        "run",
        lambda text: [
            {"command": "true", "mounts": [{"type": "secret", "id": text, "target": f"/{text}"}]}
        ],
    ),
    "predictor": lambda text: {"run": f"{text}.py:P"},
    "predictor name": lambda text: {"run": f"predict.py:{text}"},
    "image": lambda text: {"image": text},
    "variable": lambda text: {"environment": [text]},
    "value": lambda text: {"environment": [f"A={text}"]},
    "pip's index": lambda text: {"environment": [f"PIP_INDEX_URL={text}"]},
    "weights": weight,
    "weights' folder": lambda text: weight("a", target=f"/{text}"),
    "weights' name": lambda text: weight("a", name=text),
    "weights' patterns": lambda text: weight("a", source={"uri": "a", "include": [text]}),
    "download": lambda text: weight(
        "", source={"uri": f"https://example.com/{text}", "checksum": f"sha256:{DIGEST}"}
    ),
}
# Options that take a text; those of numbers and words refuse every other.
OPTIONS = (
    *("build-arg:COG_CA_CERT", "build-arg:COGKIT_TOOLBOX", "build-arg:BUILDKIT_CACHE_MOUNT_NS"),
    *("build-arg:HTTP_PROXY", "build-arg:UNKNOWN", "label:a", "hostname", "cgroup-parent"),
    *("no-cache", "cache-from", "context:cogkit-x", "contextsubdir", "local-sessionid:context"),
)
LINES = (
    "{}", "{}==1", "six=={}", "six[{}]", "six; python_version > '{}'", "six @ https://h/{}",
    "--index-url {}", "--trusted-host {}", "-r {}", "-c {}", "-e {}", "--find-links https://{}",
    "six --hash=sha256:{}", "./{}.whl", "git+https://h/{}", "--no-binary={}", "-{}",
    "torch==2.4.0 --extra-index-url=https://{}",
)  # fmt: skip


def accepted(place: str, text: str) -> dict[str, Any]:
    """The config with a text in one place; empty where the place refuses it."""
    config = PLACES[place](text)
    data = yaml.safe_dump(config).encode()
    try:
        return {} if examine_config(data).problems else config
    except ProjectError:
        return {}


def accepted_line(line: str, text: str) -> str:
    """A requirement line with a text in it; empty where it is refused."""
    written = f"{line.format(text)}\n"
    try:
        read_requirements("r.txt", {"r.txt": written.encode()}.get)
    except ProjectError:
        return ""
    return written


def laid_together(configs: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {"run": "predict.py:P", "build": {}}
    for config in configs:
        whole["build"] |= config.get("build", {})
        whole |= {key: value for key, value in config.items() if key != "build"}
    if "python_requirements" in whole["build"]:
        whole["build"].pop("python_packages", None)
    whole["build"]["run"] = [*whole["build"].get("run", []), COMMAND]
    return whole


configs = st.lists(
    st.builds(accepted, st.sampled_from(sorted(PLACES)), hostile), min_size=1, max_size=6
).map(laid_together)


def lock(name: str, texts: Mapping[str, str]) -> bytes:
    """A lock of one package with hostile texts in it, as an index could make uv write it."""
    shown = {key: yaml.dump(text, default_style='"', width=9999).strip() for key, text in
             texts.items()}  # fmt: skip
    return (
        f'lock-version = "1.0"\n[[packages]]\nname = {shown["name"]}\nversion = {shown["version"]}'
        f"\n{name} = {{ url = {shown['url']}, hashes = {{ sha256 = '{DIGEST}' }} }}\n"
    ).encode()


locks = st.builds(
    lock,
    st.sampled_from(["sdist", "archive"]),
    st.fixed_dictionaries(
        {
            "name": hostile.filter(str.isascii),
            "version": hostile.filter(str.isascii),
            "url": hostile.filter(str.isascii).map(lambda text: f"https://h/{text}-1.tar.gz"),
        }
    ),
)


def execs(bridge: FakeBridge) -> Iterator[pb.ExecOp]:
    for solve in bridge.solves:
        for encoded in solve.definition.ops:
            op = pb.Op.FromString(encoded)
            if op.WhichOneof("op") == "exec":
                yield op.exec


def check(args: list[str]) -> None:
    """What is the user's in a command is an argument of its own, or the value of an option."""
    if args[:1] == ["/bin/sh"] and args[2] == COMMAND:
        assert args == ["/bin/sh", "-ec", COMMAND]
        return
    assert MARK not in args[0]
    for before, argument in pairwise(args):
        if before in {"-c", "-ec"}:
            assert MARK not in argument, "the user's text is in a script"
        if argument.startswith("-") and "--" not in args[: args.index(argument)]:
            assert MARK not in argument.partition("=")[0], "the user's text is an option"
        elif MARK in argument and before.startswith("-") and before != "--":
            assert "=" in before, "the user's text is the value of an option, apart from it"


def look(bridge: FakeBridge) -> None:
    assert bridge.returned is not None
    if bridge.returned.HasField("error"):
        assert "internal error" not in bridge.returned.error.message
    for each in execs(bridge):
        check(list(each.meta.args))


FILES = {"predict.py": PREDICT, "a": b""}


@dataclass(frozen=True, slots=True)
class Given:
    """A project of hostile texts, and the build that is asked of it."""

    files: dict[str, bytes]
    options: dict[str, str]
    filename: str
    caps: Abilities
    resolved: bytes


@st.composite
def builds(draw: st.DrawFn) -> Given:
    config = draw(configs)
    lines = draw(st.lists(st.builds(accepted_line, st.sampled_from(LINES), hostile), max_size=3))
    build = config["build"]
    if lines and "python_packages" not in build:
        build.setdefault("python_requirements", "requirements.txt")
    build["cache"] = draw(st.sampled_from(["mount", "state"]))
    filename = draw(hostile | st.just("cog.yaml"))
    data = yaml.safe_dump(config).encode()
    path = build.get("python_requirements", "requirements.txt").strip()
    return Given(
        files={**FILES, "cog.yaml": data, filename: data, path: "".join(lines).encode()},
        options=draw(st.dictionaries(st.sampled_from(OPTIONS), hostile, max_size=1)),
        filename=filename,
        caps=draw(st.sampled_from([MODERN, GRAPHDRIVER])),
        resolved=draw(locks),
    )


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(builds())
def test_no_text_of_the_users_is_a_script_or_an_option(given: Given) -> None:
    look(
        frontend(
            given.files,
            given.options,
            caps=given.caps,
            filename=given.filename,
            runner=resolver(given.resolved),
        )
    )


@pytest.mark.parametrize("place", PLACES)
def test_every_place_takes_some_text(place: str) -> None:
    """Or the property above would say nothing about it."""
    plain = {
        "cuda": "12.4", "sdk": "0.16.0", "python": "", "variable": f"{MARK}=1",
    }.get(place, f"{MARK}.example.com/a/b" if place == "index" else MARK)  # fmt: skip
    assert accepted(place, plain)


def test_the_users_texts_are_in_what_was_looked_at() -> None:
    config = laid_together(
        [
            accepted("system", f"{MARK}=1"),
            accepted("packages", f"{MARK}==1"),
            accepted("index path", f"{MARK}$(id)"),
            accepted("value", f"{MARK};$(id)"),
        ]
    )
    bridge = frontend({**FILES, "cog.yaml": yaml.safe_dump(config).encode()})
    look(bridge)
    seen = [argument for each in execs(bridge) for argument in each.meta.args if MARK in argument]
    assert {f"{MARK}=1", f"--index=https://example.com/{MARK}$(id)"} <= set(seen)
    assert any(COMMAND in each.meta.args for each in execs(bridge))


@pytest.mark.parametrize(
    "args",
    [
        ["/bin/sh", "-c", f"apt-get install {MARK}"],
        ["/bin/sh", "-c", "$@", "apt", f"-o{MARK}"],
        ["uv", "pip", f"--{MARK}=x"],
        ["uv", "--index", MARK],
        [MARK],
    ],
)
def test_what_must_not_be_would_be_seen(args: list[str]) -> None:
    with pytest.raises(AssertionError):
        check(args)
