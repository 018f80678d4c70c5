"""COG_CA_CERT on the command's own machine: files become text, mistakes are told before a build."""

from __future__ import annotations

import pytest

from cog_cli.certificates import MAX_BYTES
from tests.cli.conftest import World

ONE = "-----BEGIN CERTIFICATE-----\nMDEx\n-----END CERTIFICATE-----\n"
TWO = ONE.replace("MDEx", "MDIy")


def passed(world: World) -> str | None:
    """What the build was given; None where it was given nothing."""
    given = dict(pair for request in world.builder.requests for pair in request.build_args)
    return given.get("COG_CA_CERT")


@pytest.fixture
def project(world: World) -> World:
    world.write("cog.yaml", "build: {python_version: '3.12'}\n")
    world.write("ca/b.pem", TWO)
    world.write("ca/a.crt", ONE)
    world.write("ca/readme.txt", "no certificate")
    world.write("empty/readme.txt", "")
    return world


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ca/a.crt", ONE),
        ("ca", f"{ONE}\n{TWO}"),
        (ONE, ONE.strip()),
        ("LS0tLS1CRUdJTg==", "LS0tLS1CRUdJTg=="),
        ("LS0t" * 200, "LS0t" * 200),
        ("  ", None),
    ],
)
def test_every_form_reaches_the_frontend(project: World, value: str, expected: str | None) -> None:
    project.env["COG_CA_CERT"] = value
    assert project.cog("build") == 0
    assert passed(project) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/gone/ca.pem", "COG_CA_CERT=/gone/ca.pem: there is no such file or folder"),
        ("gone.crt", "COG_CA_CERT=gone.crt: there is no such file or folder"),
        ("empty", "COG_CA_CERT=empty: no .crt or .pem file is in that folder"),
        (ONE + "x" * MAX_BYTES, "COG_CA_CERT holds more than 96 KiB"),
    ],
)
def test_a_mistake_is_told_before_anything_is_built(
    project: World, value: str, expected: str
) -> None:
    project.env["COG_CA_CERT"] = value
    assert project.cog("build") == 2
    assert expected in " ".join(project.stderr.split())
    assert passed(project) is None
