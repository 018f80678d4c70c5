from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit_llb import (
    LLBError,
    Platform,
    State,
    git,
    http,
    image,
    local,
    marshal,
    oci_layout,
)
from buildkit_llb import source as any_source
from buildkit_llb._definition import parse_op
from tests.llb.samples import AMD64, DIGEST

ARM64 = Platform(os="linux", architecture="arm64")


def source(state: State) -> tuple[str, dict[str, str], frozenset[str]]:
    definition = marshal(state, platform=AMD64)
    op = parse_op(definition.ops[0]).source
    return op.identifier, dict(op.attrs), definition.metadata[definition.digests[0]].caps


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.12", "docker.io/library/python:3.12"),
        (f"python@{DIGEST}", f"docker.io/library/python@{DIGEST}"),
        (f"python:3.12@{DIGEST}", f"docker.io/library/python:3.12@{DIGEST}"),
        ("nvidia/cuda:12.4", "docker.io/nvidia/cuda:12.4"),
        ("docker.io/python", "docker.io/library/python:latest"),
        ("index.docker.io/python:3", "docker.io/library/python:3"),
        ("index.docker.io/a/b", "docker.io/a/b:latest"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("ghcr.io/Own3r", None),
        ("Registry/a", "Registry/a:latest"),
        ("r8.im/owner/model@" + DIGEST, "r8.im/owner/model@" + DIGEST),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
        ("a.b/c__d--e.f/g", "a.b/c__d--e.f/g:latest"),
        ("127.0.0.1/x:_t", "127.0.0.1/x:_t"),
    ],
)
def test_image_references_are_read_as_docker_reads_them(given: str, full: str | None) -> None:
    if full is None:
        with pytest.raises(LLBError, match="lowercase"):
            image(given)
    else:
        assert source(image(given))[0] == f"docker-image://{full}"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "Python",
        ":tag",
        "a:",
        "a@",
        "a@sha256:12",
        "a//b",
        "/a",
        "a/",
        "a b",
        "a:b:c",
        "a:" + "t" * 129,
        "-a/b",
        "a..b",
        "é",
        "a:é",
        "x\n",
        "f" * 64,
        "a/" + "b" * 254,
        "docker-image://a",
    ],
)
def test_what_is_no_image_reference_is_refused(reference: str) -> None:
    with pytest.raises(LLBError, match="image"):
        image(reference)


@settings(deadline=None)
@given(st.text(alphabet="abAB019./:@-_[] ", max_size=24))
def test_a_reference_in_full_stays_as_it_is(text: str) -> None:
    try:
        identifier = source(image(text))[0]
    except LLBError:
        return
    assert source(image(identifier.removeprefix("docker-image://")))[0] == identifier


def test_image_options_and_their_caps() -> None:
    _, attrs, caps = source(
        image("a", resolve_mode="pull", record_type="frontend", layer_limit=2, checksum=DIGEST)
    )
    assert attrs == {
        "image.resolvemode": "pull",
        "image.recordtype": "frontend",
        "image.layerlimit": "2",
        "image.checksum": DIGEST,
    }
    assert caps == {
        "source.image",
        "source.image.resolvemode",
        "source.image.layerlimit",
        "source.image.checksum",
    }
    _, attrs, caps = source(image("a", resolve_mode="local"))
    assert attrs == {"image.resolvemode": "local"}
    assert caps == {"source.image"}
    assert source(image("a", resolve_mode="default"))[1] == {}


def test_the_platform_of_an_image_stays_with_what_is_built_on_it() -> None:
    state = image("a", platform=ARM64)
    assert state.platform == ARM64
    run = marshal(state.run(["x"]).root, platform=AMD64)
    assert [parse_op(data).platform.Architecture for data in run.ops] == ["arm64", "arm64", ""]


def test_an_oci_layout_is_named_by_digest() -> None:
    state = oci_layout(f"base@{DIGEST}", session_id="s", store_id="t", layer_limit=1)
    identifier, attrs, caps = source(state)
    assert identifier == f"oci-layout://base@{DIGEST}"
    assert attrs == {"oci.session": "s", "oci.store": "t", "oci.layerlimit": "1"}
    assert caps == {"source.ocilayout"}
    assert parse_op(marshal(state, platform=ARM64).ops[0]).platform.Architecture == "arm64"


def test_local_options_and_their_caps() -> None:
    identifier, attrs, caps = source(
        local(
            "context",
            unique="u",
            include=["a", "b"],
            exclude=["c"],
            follow=["d"],
            shared_key_hint="h",
            differ="none",
            metadata_only=True,
            metadata_only_except=["e"],
        )
    )
    assert identifier == "local://context"
    assert attrs == {
        "local.unique": "u",
        "local.includepattern": '["a","b"]',
        "local.excludepatterns": '["c"]',
        "local.followpaths": '["d"]',
        "local.sharedkeyhint": "h",
        "local.differ": "none",
        "local.metadatatransfer": "true",
        "local.metadatatransferexclude": '["e"]',
    }
    assert caps == {
        "source.local",
        "source.local.unique",
        "source.local.includepatterns",
        "source.local.excludepatterns",
        "source.local.followpaths",
        "source.local.sharedkeyhint",
        "source.local.metadatatransfer",
    }
    required = source(local("context", differ="metadata", differ_required=True))
    assert required[2] == {"source.local", "source.local.differ"}


def test_a_session_says_more_than_a_unique_text() -> None:
    _, attrs, caps = source(local("context", session_id="s", unique="u"))
    assert attrs == {"local.session": "s"}
    assert caps == {"source.local", "source.local.sessionid"}


def test_lists_are_written_as_go_writes_json() -> None:
    patterns = ['a"b\\c', "\n\r\t\b\f\x00\x1f\x7f", "<&>", "\u2028\u2029", "é😀"]
    assert source(local("x", include=patterns))[1]["local.includepattern"] == (
        r'["a\"b\\c","\n\r\t\b\f\u0000\u001f'
        "\x7f"
        r'","\u003c\u0026\u003e","\u2028\u2029","é😀"]'
    )


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_lists_come_back_from_json(patterns: list[str]) -> None:
    written = source(local("x", exclude=patterns))[1]["local.excludepatterns"]
    assert json.loads(written) == patterns
    assert not set(written) & set("<>&\n\u2028")


def test_http_options_and_their_caps() -> None:
    url = "http://example.com/w?x=1"
    assert source(http(url)) == (url, {}, frozenset({"source.http"}))
    _, attrs, caps = source(http(url, mode=0o755, uid=7, gid=0, auth_header_secret="h"))
    assert attrs == {"http.perm": "0755", "http.uid": "7", "http.authheadersecret": "h"}
    assert caps == {
        "source.http",
        "source.http.perm",
        "soruce.http.uidgid",
        "source.http.auth",
    }


@pytest.mark.parametrize(
    ("remote", "identifier", "url"),
    [
        ("https://a.b/c.git", "git://a.b/c.git", "https://a.b/c.git"),
        ("a.b/c", "git://a.b/c", "https://a.b/c"),
        ("https://me:pw@a.b:8443/c/", "git://a.b:8443/c", "https://me:pw@a.b:8443/c/"),
        ("http://a.b/c/../d", "git://a.b/d", "http://a.b/c/../d"),
        ("git://a.b/c%20d", "git://a.b/c d", "git://a.b/c%20d"),
        ("ssh://git@a.b:22/c.git", "git://a.b:22/c.git", "ssh://git@a.b:22/c.git"),
        ("git@a.b:c/d.git", "git://a.b/c/d.git", "git@a.b:c/d.git"),
    ],
)
def test_a_repository_has_one_name_for_every_protocol(
    remote: str, identifier: str, url: str
) -> None:
    given, attrs, _ = source(git(remote))
    assert (given, attrs["git.fullurl"]) == (identifier, url)


@pytest.mark.parametrize(
    ("ref", "subdir", "fragment"),
    [("", "", ""), ("v1", "", "#v1"), ("", "d/e", "#:d/e"), ("v1", "d", "#v1:d")],
)
def test_ref_and_subdir_are_part_of_the_name(ref: str, subdir: str, fragment: str) -> None:
    identifier, _, caps = source(git("https://a.b/c", ref=ref, subdir=subdir))
    assert identifier == f"git://a.b/c{fragment}"
    assert ("source.git.subdir" in caps) == bool(subdir)


def test_git_options_and_their_caps() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    _, attrs, caps = source(
        git(
            "git@a.b:c",
            checksum=commit,
            auth_token_secret="T",
            known_ssh_hosts="a.b ssh-rsa AAAA",
            mount_ssh_sock="agent",
            skip_submodules=True,
            mtime="commit",
            fetch_by_commit=True,
        )
    )
    assert attrs == {
        "git.fullurl": "git@a.b:c",
        "git.authtokensecret": "T",
        "git.authheadersecret": "GIT_AUTH_HEADER",
        "git.knownsshhosts": "a.b ssh-rsa AAAA\n",
        "git.mountsshsock": "agent",
        "git.checksum": commit,
        "git.skipsubmodules": "true",
        "git.mtime": "commit",
        "git.fetchbycommit": "true",
    }
    assert caps == {
        "source.git",
        "source.git.fullurl",
        "source.git.httpauth",
        "source.git.knownsshhosts",
        "source.git.mountsshsock",
        "source.git.checksum",
        "source.git.skipsubmodules",
        "source.git.mtime",
        "source.git.fetchbycommit",
    }
    plain = source(git("ssh://a.b/c"))
    assert plain[1]["git.mountsshsock"] == "default"
    assert "source.git.httpauth" not in plain[2]


def test_a_source_without_a_function_of_its_own() -> None:
    state = any_source(
        f"docker-image+blob://docker.io/library/a@{DIGEST}",
        {"http.filename": "w", "http.perm": "0644"},
        caps={"source.imageblob"},
    )
    identifier, attrs, caps = source(state)
    assert identifier == f"docker-image+blob://docker.io/library/a@{DIGEST}"
    assert attrs == {"http.filename": "w", "http.perm": "0644"}
    assert caps == {"source.imageblob"}
    assert not parse_op(marshal(state, platform=AMD64).ops[0]).HasField("platform")
    by_platform = any_source("docker-image://a", caps={"source.image"}, platform=ARM64)
    assert parse_op(marshal(by_platform, platform=AMD64).ops[0]).platform.Architecture == "arm64"


REFUSED: dict[str, Callable[[], object]] = {
    "resolve mode": lambda: image("a", resolve_mode="never"),  # type: ignore[arg-type] # as from an option
    "layer limit is 0": lambda: image("a", layer_limit=0),
    "image checksum is not a digest": lambda: image("a", checksum="sha256:12"),
    "OCI layout reference is not a digest": lambda: oci_layout("a:tag"),
    "local name is empty": lambda: local(""),
    "differ is not none or metadata": lambda: local("a", differ="all"),  # type: ignore[arg-type] # as from an option
    "a list of patterns is str '*.py', not a list": lambda: local("a", include="*.py"),
    "a list of patterns holds int 1, not a text": lambda: local("a", exclude=[1]),  # type: ignore[list-item] # as from YAML
    "record type": lambda: image("a", record_type="any"),  # type: ignore[arg-type] # as from an option
    "git ref starts with '-'": lambda: git("https://a/b", ref="--upload-pack=x"),
    "or has ':' in it: 'a:b'": lambda: git("https://a/b", ref="a:b"),
    "has mode 0o1000, not in 0..0o777": lambda: http("https://a/b", mode=0o1000),
    "source identifier has no scheme": lambda: any_source("context", caps=()),
    "caps holds int 1, not a text": lambda: any_source("x://y", caps=[1]),  # type: ignore[list-item] # as above
    "k of x://y is int 1, not a text": lambda: any_source("x://y", {"k": 1}, caps=()),  # type: ignore[dict-item] # as above
    "not valid Unicode": lambda: local("a", include=["\udc80"]),
    "URL is empty": lambda: http(""),
    "URL is not http": lambda: http("ftp://a/b"),
    "has a folder in it": lambda: http("https://a/b", filename="c/d"),
    "mode of https://a/b is 0, which": lambda: http("https://a/b", mode=0),
    "owner of https://a/b is -1": lambda: http("https://a/b", uid=-1),
    "checksum of https://a/b is not a digest": lambda: http("https://a/b", checksum="abc"),
    "git remote is empty": lambda: git(""),
    "has a fragment": lambda: git("https://a/b#main"),
    "has a query": lambda: git("https://a/b?x"),
    "none of git, http, https, ssh": lambda: git("file:///a/b"),
    "names no host": lambda: git("https://a"),
    "broken %-escape": lambda: git("https://a/%zz"),
    "is not UTF-8": lambda: git("https://a/%ff"),
    "not a commit in hex": lambda: git("https://a/b", checksum="main"),
    "git mtime": lambda: git("https://a/b", mtime="now"),  # type: ignore[arg-type] # as from an option
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_daemon_would_refuse_is_refused_at_once(message: str) -> None:
    with pytest.raises(LLBError) as caught:
        REFUSED[message]()
    assert message in str(caught.value)
