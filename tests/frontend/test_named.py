"""Named contexts: whatever stands in the place of an image."""

from __future__ import annotations

import base64
import json

import pytest

from buildkit_llb import Platform, marshal, mkfile, scratch
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import MODERN
from tests.frontend.test_cases import frontend, graph
from tests.frontend.test_session import GOOD

BASE = "context:python:3.13-slim"
DIGEST = "sha256:" + "a" * 64
LINUX = Platform(os="linux", architecture="amd64")
OWN = {"etc/own": b"own", "usr/bin/python3": b""}


def build(options: dict[str, str], **more: object) -> FakeBridge:
    bridge = frontend(GOOD, options, **more)  # type: ignore[arg-type]  # by name
    assert bridge.result.ref.id
    assert bridge.build_error is None
    return bridge


def has_own(bridge: FakeBridge) -> bool:
    return "etc/own" in bridge.tree().files


def test_an_image_in_the_place_of_the_base() -> None:
    bridge = build({BASE: "docker-image://python:3.12-slim"})
    assert "docker.io/library/python:3.12-slim" in bridge.resolved
    assert "docker.io/library/python:3.13-slim" not in bridge.resolved


@pytest.mark.parametrize("key", ["context:python:3.13-slim::linux/amd64", BASE])
def test_a_folder_in_the_place_of_the_base(key: str) -> None:
    folder = {**OWN, "left.bin": b"", ".dockerignore": b"*.bin\n"}
    bridge = build({key: "local:mine"}, more={"mine": folder})
    assert has_own(bridge)
    assert "left.bin" not in bridge.tree().files


def test_a_folder_has_a_session_and_a_key_of_its_own() -> None:
    options = {BASE: "local:mine", "local-sessionid:mine": "s9", "sharedkey:localdir:mine": "k9"}
    text = graph(build(options, more={"mine": OWN}))
    assert "s9" in text
    assert "context:python:3.13-slim-k9" in text


def test_the_context_of_one_platform_wins() -> None:
    options = {BASE: "local:none", f"{BASE}::linux/amd64": "local:mine"}
    assert has_own(build(options, more={"mine": OWN}))


def test_what_another_build_made_in_the_place_of_the_base() -> None:
    made = marshal(scratch().file(mkfile("/own", b"own")), platform=LINUX)
    config = json.dumps({"config": {"Env": ["PATH=/bin", "MADE=yes"]}}).encode()
    metadata = {"containerimage.config": base64.b64encode(config).decode()}
    bridge = build(
        {BASE: "input:base", "input-metadata:base": json.dumps(metadata)}, inputs={"base": made}
    )
    assert bridge.tree().files["own"] == b"own"
    image = json.loads(bridge.result.metadata["containerimage.config"])
    assert "MADE=yes" in image["config"]["Env"]


def test_an_image_of_a_folder_in_the_place_of_the_base() -> None:
    bridge = frontend(GOOD, {BASE: f"oci-layout://store:latest@{DIGEST}"}, layouts={DIGEST: OWN})
    assert has_own(bridge)
    assert f"oci-layout://docker.io/library/python:3.13-slim@{DIGEST}" in graph(bridge)
    assert "store:latest" not in graph(bridge)


def test_a_repository_in_the_place_of_the_base() -> None:
    remotes = {"git://example.com/base.git#v1": OWN}
    assert has_own(build({BASE: "https://example.com/base.git#v1"}, remotes=remotes))


def test_nothing_in_the_place_of_the_toolbox_is_an_empty_tree() -> None:
    bridge = frontend(GOOD, {"context:cogkit-toolbox": "docker-image://scratch"})
    assert bridge.build_error is not None  # nothing to copy from
    assert "runtime" in bridge.build_error.message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({BASE: "ftp://x"}, "option context:python:3.13-slim=ftp://x must be docker-image://,"),
        (
            {BASE: "oci-layout://x"},
            "option context:python:3.13-slim=oci-layout://x names no digest",
        ),
        ({BASE: "input:gone"}, "option context:python:3.13-slim: the client handed in no gone"),
        ({BASE: "docker-image://UPPER"}, "invalid image reference"),
    ],
)
def test_contexts_that_cannot_be_used_are_named(options: dict[str, str], expected: str) -> None:
    assert expected in frontend(GOOD, options).error.message


@pytest.mark.parametrize("text", ["{", "[]", '{"containerimage.config": "%"}'])
def test_a_config_that_cannot_be_read_names_its_input(text: str) -> None:
    made = marshal(scratch().file(mkfile("/own", b"own")), platform=LINUX)
    options = {BASE: "input:base", "input-metadata:base": text}
    message = frontend(GOOD, options, inputs={"base": made}).error.message
    assert message == "option input-metadata:base is not JSON of base64"


def test_a_daemon_that_hands_nothing_in_is_no_error() -> None:
    assert frontend(GOOD, caps=MODERN.without("frontend.inputs")).result.ref.id
