"""What is attested when a client asks, through the whole frontend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cog_frontend.attestations import read_attestations
from cog_frontend.gateway.pb import gateway_pb2
from cog_frontend.option_values import OptionError
from cog_frontend.plan import layout
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import GRAPHDRIVER, MODERN, Abilities
from tests.fakes.solver import Run
from tests.frontend.test_cases import frontend, graph, resolver
from tests.frontend.test_session import GOOD, SIX
from tests.sbom.facts import inventory, python

PROJECT = {
    **GOOD,
    "cog.yaml": b"build: {python_packages: [six]}\nrun: predict.py:Predictor\n"
    b"weights: [{name: w, target: /w, source: {uri: w}}]\n",
    "w/model.bin": b"weights",
}
LISTED = f"{layout.BUILD_MADE}/inventory.json"
ASKED = {"attest:sbom": ""}
EACH_STORE = pytest.mark.parametrize(
    "caps", [MODERN, MODERN.without("mergeop", "diffop")], ids=["merge", "chain"]
)


def daemon(run: Run) -> Mapping[str, bytes]:
    if LISTED in run.args:
        return {LISTED: inventory(python=[python("six", "1.17.0")])}
    return resolver(SIX)(run)


def build(options: dict[str, str], caps: Abilities = MODERN) -> FakeBridge:
    return frontend(PROJECT, options, caps=caps, runner=daemon)


def stated(bridge: FakeBridge) -> dict[str, gateway_pb2.Attestation]:
    found = {}
    for platform, statements in bridge.result.attestations.items():
        (found[platform],) = statements.attestation
    return found


def document(bridge: FakeBridge, statement: gateway_pb2.Attestation) -> dict[str, Any]:
    files = bridge.tree(statement.ref.id).files
    assert list(files) == [statement.path.lstrip("/")]
    found: dict[str, Any] = json.loads(next(iter(files.values())).decode())
    return found


@EACH_STORE
def test_an_sbom_is_a_statement_about_the_image(caps: Abilities) -> None:
    bridge = build({**ASKED, "build-arg:SOURCE_DATE_EPOCH": "1700000000"}, caps)
    ((platform, statement),) = stated(bridge).items()
    assert platform == "linux/amd64"
    assert statement.kind == gateway_pb2.InToto
    assert statement.inTotoPredicateType == "https://spdx.dev/Document"
    assert [each.kind for each in statement.inTotoSubjects] == [gateway_pb2.Self]
    assert dict(statement.metadata) == {"reason": b"sbom"}
    found = document(bridge, statement)
    assert found["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert "six" in {each["name"] for each in found["packages"]}


@EACH_STORE
def test_the_step_sees_the_whole_image_and_its_weights(caps: Abilities) -> None:
    bridge = build(ASKED, caps)
    (run,) = (each for each in bridge.solver.ran if LISTED in each.args)
    assert run.name == "[sbom] list what is installed"
    assert run.read("/src/predict.py")
    assert "weights/w=/run/cogkit/weights/0" in run.args
    assert run.read("/run/cogkit/weights/0/w/model.bin") == b"weights"


def test_the_image_is_the_one_that_nobody_asked_about() -> None:
    plain, asked = build({}), build(ASKED)
    assert plain.result.metadata == asked.result.metadata
    assert plain.tree().files == asked.tree().files
    assert not plain.result.attestations
    assert "[sbom]" not in graph(plain)


def test_each_platform_has_a_document() -> None:
    bridge = build({**ASKED, "platform": "linux/amd64,linux/arm64"})
    assert sorted(stated(bridge)) == ["linux/amd64", "linux/arm64"]
    names = {
        package["sourceInfo"]
        for statement in stated(bridge).values()
        for package in document(bridge, statement)["packages"]
        if package["name"] == "image"
    }
    assert names == {"for linux/amd64", "for linux/arm64"}


def test_a_scanner_that_the_client_names_is_the_daemons_to_run() -> None:
    bridge = build({"attest:sbom": "generator=scanner.example/scan:1"})
    assert not bridge.result.attestations


def test_provenance_is_the_daemons_to_make() -> None:
    assert not build({"attest:provenance": "mode=max"}).result.attestations


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"attest:sbom": ""}, "an SBOM"),
        ({"attest:sbom": "generator=scan"}, "an SBOM"),
        ({"attest:provenance": "mode=max"}, "provenance"),
        ({"attest:sbom": "", "attest:provenance": ""}, "an SBOM and provenance"),
    ],
)
@pytest.mark.parametrize(
    "caps",
    [
        GRAPHDRIVER,
        MODERN.without("exporter.image.attestations"),
        MODERN.without("reference.attestations"),
    ],
    ids=["graphdriver", "exporter", "frontend"],
)
def test_a_builder_that_would_drop_them_is_an_error(
    options: dict[str, str], wanted: str, caps: Abilities
) -> None:
    bridge = build(options, caps)
    assert bridge.error.message == (
        f"this builder cannot keep {wanted} with an image; use an engine with the containerd image"
        " store, or a builder of the driver docker-container"
    )


def test_the_least_provenance_is_made_where_it_can_be() -> None:
    options = {"attest:provenance": "mode=min,inline-only=true"}
    assert build(options, GRAPHDRIVER).result.metadata


def test_an_inventory_of_another_version_is_said() -> None:
    def run(run: Run) -> Mapping[str, bytes]:
        return {LISTED: b'{"format": 9}'} if LISTED in run.args else daemon(run)

    bridge = frontend(PROJECT, ASKED, runner=run)
    assert "the toolbox is not of this version of cogkit" in bridge.error.message


def test_options_and_build_arguments_are_read_alike() -> None:
    assert read_attestations({"build-arg:BUILDKIT_ATTEST_SBOM": ""}).sbom
    both = {"build-arg:BUILDKIT_ATTEST_SBOM": "generator=a", "attest:sbom": "generator=b"}
    assert read_attestations(both).scanner == "b"
    assert not read_attestations({}).sbom


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attest:quality": ""}, "option attest:quality: there is no such attestation"),
        (
            {"build-arg:BUILDKIT_ATTEST_QUALITY": ""},
            "option build-arg:BUILDKIT_ATTEST_QUALITY: there is no such attestation",
        ),
        ({"attest:sbom": '"a'}, 'option attest:sbom="a is not key=value,...'),
    ],
)
def test_what_cannot_be_read_names_the_option(options: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_attestations(options)
    assert str(caught.value).startswith(message)
