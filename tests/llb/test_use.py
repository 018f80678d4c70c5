"""The library in the hands of somebody who errs: messages, reprs, and values that stay as made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit_llb import (
    Definition,
    Device,
    LinuxResources,
    LLBError,
    Location,
    Metadata,
    Owner,
    Platform,
    Position,
    ProgressGroup,
    ProxyEnv,
    Range,
    SourceInfo,
    State,
    Ulimit,
    bind,
    copy,
    diff,
    image,
    local,
    marshal,
    merge,
    mkdir,
    mkfile,
    scratch,
    secret,
    validate,
)
from tests.llb.samples import AMD64

MISUSED: dict[str, Callable[[State], object]] = {
    "exec args holds int 5, not a text": lambda base: base.run(["x", 5]),  # type: ignore[list-item] # each of these is what a caller might do
    "split it (shlex.split) or give it to a shell": lambda base: base.run("make all"),
    "environment variable A is int 1, not a text": lambda base: base.with_env("A", 1),  # type: ignore[arg-type]
    "content of '/a' is str, not bytes: encode it": lambda _: mkfile("/a", "text"),  # type: ignore[arg-type]
    "has mode str '0755', not a number such as 0o644": lambda _: mkdir("/a", mode="0755"),  # type: ignore[arg-type]
    "copy source is str './src', not a state": lambda _: copy("./src", "/", "/"),  # type: ignore[arg-type]
    "copy patterns is str '*.py', not a list": lambda base: copy(base, "/", "/", include="*.py"),
    "timestamp is float 1.5, not a whole number": lambda _: mkdir("/a", timestamp=1.5),  # type: ignore[arg-type]
    "owner is bool True, not a whole number": lambda _: mkdir("/a", owner=Owner(True)),
    "address of extra host db is no IP address: 'host-gateway'": lambda base: base.run(
        ["x"], extra_hosts=[("db", "host-gateway")]
    ),
    "address of extra host db has a zone": lambda base: base.run(
        ["x"], extra_hosts=[("db", "fe80::1%eth0")]
    ),
    "soft ulimit nofile is 9223372036854775808": lambda base: base.run(
        ["x"], ulimits=[Ulimit("nofile", 2**63, 1)]
    ),
    "exec proxy holds a NUL": lambda base: base.run(["x"], proxy=ProxyEnv(http="\0")),
    "device name is empty": lambda base: base.run(["x"], devices=[Device("")]),
    "exec hostname is not valid Unicode": lambda base: base.run(["x"], hostname="\ud800"),
    "uid of mount '/s' is str '7'": lambda _: secret("/s", id="s", uid="7"),  # type: ignore[arg-type]
    "mount source is str '/src', not a state": lambda _: bind("/a", "/src"),  # type: ignore[arg-type]
    "tree to merge is str 'image', not a state": lambda base: merge([base, "image"]),  # type: ignore[list-item]
    "what to marshal is a command, not a state: take its root": lambda base: marshal(
        base.run(["x"]),  # type: ignore[arg-type]
        platform=AMD64,
    ),
    "copy source is a command, not a state": lambda base: copy(base.run(["x"]), "/", "/"),  # type: ignore[arg-type]
    "tree to compare is a command": lambda base: diff(base, base.run(["x"])),  # type: ignore[arg-type]
    "platform is the text 'linux/amd64': use Platform.parse": lambda base: marshal(
        base,
        platform="linux/amd64",  # type: ignore[arg-type]
    ),
    "platform is int, not a Platform": lambda base: base.with_platform(1),  # type: ignore[arg-type]
    "platform is the text 'linux/arm64'": lambda _: image("a", platform="linux/arm64"),  # type: ignore[arg-type]
    "metadata is 'build', not Metadata(name=...)": lambda base: base.run(["x"], metadata="build"),  # type: ignore[arg-type]
    "metadata is 'files', not Metadata": lambda base: base.file(mkdir("/a"), metadata="files"),  # type: ignore[arg-type]
    "not made by bind, cache, tmpfs, secret or ssh": lambda base: base.run(["x"], mounts=[base]),  # type: ignore[list-item]
    "no output at '/o'; writable bind mounts: /, /out": lambda base: base.run(
        ["x"], mounts=[bind("/out", scratch(), readonly=False)]
    ).output("/o"),
    "platform variant is int 7, not a text": lambda _: Platform(
        os="linux",
        architecture="arm",
        variant=7,  # type: ignore[arg-type]
    ),
    "progress group is empty": lambda _: Metadata(progress_group=ProgressGroup("", "")),
    "vertex description k is int 1, not a text": lambda _: Metadata(description=(("k", 1),)),  # type: ignore[arg-type]
    "limit memory is -1, not in 0..": lambda _: Metadata(linux_resources=LinuxResources(-1)),
    "limit cpuset_cpus is int 0, not a text": lambda _: Metadata(
        linux_resources=LinuxResources(cpuset_cpus=0)  # type: ignore[arg-type]
    ),
    "a position is past": lambda _: Location(
        SourceInfo("f", b""), (Range(Position(1), Position(2**31)),)
    ),
    "file action is State, not made by copy": lambda base: base.file(base),  # type: ignore[arg-type]
    "image config holds no object at 'config'": lambda base: base.with_image_config(
        {"config": "x"}
    ),
    "Env of the image config is dict": lambda base: base.with_image_config(
        {"config": {"Env": {"A": "1"}}}
    ),
    "WorkingDir of the image config is int 1": lambda base: base.with_image_config(
        {"config": {"WorkingDir": 1}}
    ),
}


@pytest.mark.parametrize("message", MISUSED)
def test_a_wrong_value_is_named_where_it_is_given(message: str) -> None:
    with pytest.raises(LLBError) as caught:
        MISUSED[message](image("a"))
    assert message in str(caught.value)


ANY_TEXT = st.text(max_size=5)
ANY_NUMBER = st.one_of(st.integers(), st.integers(2**31 - 1, 2**33), st.integers(2**63 - 1))


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT, ANY_NUMBER, ANY_NUMBER)
def test_what_can_be_made_can_be_marshalled(one: str, two: str, low: int, high: int) -> None:
    """Nothing is left for the encoder to refuse: it would not know whose value it was."""
    makers: list[Callable[[], State]] = [
        lambda: image("a").run([one, two], hostname=one, proxy=ProxyEnv(no=two)).root,
        lambda: image("a").run(["x"], ulimits=[Ulimit(one, low, high)]).root,
        lambda: image("a").run(["x"], devices=[Device(one)], valid_exit_codes=[low]).root,
        lambda: scratch().file(mkdir(one, mode=low, owner=Owner(high, two), timestamp=high)),
        lambda: scratch().file(copy(local(one), one, two, mode=low, include=[two])),
        lambda: image("a", platform=Platform(os=one, architecture=two, os_features=(one, two))),
        lambda: image(
            "a",
            metadata=Metadata(
                name=one,
                description=((one, two),),
                progress_group=ProgressGroup(one, two),
                linux_resources=LinuxResources(low, high, low, high, low, one, two),
                locations=(
                    Location(
                        SourceInfo(one, b"", two), (Range(Position(1, 0), Position(low, high)),)
                    ),
                ),
            ),
        ),
    ]
    for make in makers:
        try:
            state = make()
        except LLBError:
            continue
        marshal(state, platform=AMD64).to_bytes()


def test_reprs_are_short_and_say_what_it_is() -> None:
    base = image("a").with_env("A", "1")
    run = base.run(["make", "all"], mounts=[bind("/o", scratch(), readonly=False)])
    filed = run.root.file(copy(base, "/a", "/b/"), mkdir("/m"))
    assert repr(base.output) == "<output 0 of 'docker-image://docker.io/library/a:latest'>"
    assert repr(run.output("/o").output) == "<output 1 of 'make all'>"
    assert repr(filed.output) == "<output 0 of 'copy /a -> /b/, mkdir /m'>"
    assert repr(merge([base, filed]).output) == "<output 0 of 'merge'>"
    assert repr(diff(base, filed).output) == "<output 0 of 'diff'>"
    named = image("a", metadata=Metadata(name="FROM a"))
    assert repr(named) == (
        "State(output=<output 0 of 'FROM a'>, env=(), cwd='/', user='', platform=None)"
    )
    definition = marshal(base, platform=AMD64)
    assert repr(definition) == f"<Definition: 2 ops, head {definition.head}>"
    assert repr(Definition()) == "<Definition: 0 ops, head None>"
    assert "secret text" not in repr(SourceInfo("f", b"secret text"))


def test_a_repr_does_not_grow_with_the_graph() -> None:
    state = image("a")
    for number in range(50):
        state = state.file(copy(state, "/", f"/{number}"))
    assert len(repr(state)) < 200


def test_lists_that_change_later_change_nothing() -> None:
    args, include, codes, places = ["x"], ["a"], [0], [Range(Position(1), Position(1))]
    location = Location(SourceInfo("f", b""), places)
    state = (
        image("a")
        .run(args, valid_exit_codes=codes, metadata=Metadata(locations=(location,)))
        .root.file(copy(local("l", include=include), "/", "/", include=include))
    )
    before = marshal(state, platform=AMD64)
    for changed in (args, include):
        changed.append("more")
    codes.append(1)
    places.clear()
    assert marshal(state, platform=AMD64) == before


def test_an_image_config_says_what_commands_run_in() -> None:
    config = {
        "os": "linux",
        "architecture": "arm",
        "variant": "v7",
        "config": {
            "Env": ["PATH=/bin", "A=b=c", "EMPTY=", "=x", "BARE"],
            "WorkingDir": "place",
            "User": "me:us",
        },
    }
    state = image("a").with_env("A", "1").with_cwd("/base").with_image_config(config)
    assert state.env == (("PATH", "/bin"), ("A", "b=c"), ("EMPTY", ""), ("BARE", ""))
    assert (state.cwd, state.user) == ("/base/place", "me:us")
    assert state.platform == Platform(os="linux", architecture="arm", variant="v7")


def test_what_an_image_config_does_not_say_stays() -> None:
    state = image("a", platform=AMD64).with_env("A", "1").with_cwd("/x").with_user("me")
    for config in ({}, {"config": None}, {"config": {"Env": None}, "os": "linux"}):
        assert state.with_image_config(config) == state


def test_a_definition_is_valid_for_a_daemon_that_knows_its_caps() -> None:
    definition = marshal(merge([image("a"), image("b")]), platform=AMD64)
    validate(definition)
    validate(definition, caps=definition.caps)
    with pytest.raises(LLBError, match=r"^daemon does not know mergeop, source\.image$"):
        validate(definition, caps=definition.caps - {"mergeop", "source.image"})
    validate(Definition(), caps=())


def test_a_definition_must_fit_into_one_message() -> None:
    files = scratch().file(mkfile("/a", b"\0" * (16 << 20)))
    with pytest.raises(LLBError, match=r"^definition has 167\d+ bytes, more than a message of 16"):
        validate(marshal(files, platform=AMD64))
