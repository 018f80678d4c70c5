"""COG_CA_CERT: the forms it may have, and what is done with it."""

from __future__ import annotations

import base64

import pytest

from cog_frontend.certificates import read_certificates
from cog_frontend.errors import FrontendError
from cog_frontend.plan import trust
from cog_frontend.plan.model import Base, Exec, Files
from tests.frontend.test_cases import frontend, graph


def pem(content: bytes, kind: str = "CERTIFICATE") -> str:
    body = base64.encodebytes(b"\x30" + content).decode()
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n"


ONE, TWO = pem(b"one"), pem(b"two" * 40)
FILES = {"ca/company.pem": f"{ONE}{TWO}".encode(), "not.pem": b"hello"}


def read(value: str) -> list[str]:
    return [each.decode() for each in read_certificates(value, FILES.get)]


@pytest.mark.parametrize(
    "value",
    [
        ONE + TWO,
        f"Subject: one\n{ONE}\n# two\n{TWO}",
        (ONE + TWO).replace("\n", "\r\n"),
        (ONE + TWO).replace("\n", " "),
        (ONE + TWO).replace("\n", "\\n"),
        base64.b64encode((ONE + TWO).encode()).decode(),
        base64.encodebytes((ONE + TWO).encode()).decode(),
        ONE + TWO + ONE,
        ONE.replace("CERTIFICATE", "TRUSTED CERTIFICATE") + TWO,
        "ca/company.pem",
    ],
)
def test_every_form_gives_each_certificate_once(value: str) -> None:
    found = read(value)
    assert "".join(found).replace("\n", "") == (ONE + TWO).replace("\n", "")
    assert all(max(map(len, each.splitlines())) <= 64 for each in found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/etc/company.pem", "/etc/company.pem is neither a PEM certificate"),
        ("ca/../../company.pem", "is neither a PEM certificate"),
        ("gone.pem", "is neither a PEM certificate"),
        ("not.pem", "holds no PEM certificate"),
        (pem(b"key", "RSA PRIVATE KEY") + ONE, "holds a private key"),
        (pem(b"req", "CERTIFICATE REQUEST"), "holds no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "is not base64 of DER"),
        ("-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n", "is not base64 of DER"),
        ("x" * 500, "x... is neither"),
    ],
)
def test_what_is_no_certificate_is_refused(value: str, expected: str) -> None:
    with pytest.raises(FrontendError, match="COG_CA_CERT") as caught:
        read(value)
    assert expected in str(caught.value)


def test_without_certificates_the_base_stays_as_it_is() -> None:
    base = Base(ref="python:3.13-slim", python="3.13")
    assert read("") == read(" \n") == []
    assert trust.trusting(base, ()) is base


def test_the_base_trusts_before_anything_else_is_done() -> None:
    base = trust.trusting(Base(ref="a", python="3.13"), (b"one", b"two"))
    (install,) = base.setup
    assert isinstance(install, Exec)
    (mount,) = install.mounts
    assert isinstance(mount, Files)
    assert [file.path for file in mount.files] == ["cog-ca-cert-1.crt", "cog-ca-cert-2.crt"]


@pytest.mark.parametrize("value", ["ca/company.pem", ONE + TWO])
def test_every_command_and_the_image_know_the_bundle(value: str) -> None:
    config = b"build: {system_packages: [jq], python_packages: [six], run: [a]}\n"
    bridge = frontend({**FILES, "cog.yaml": config}, {"build-arg:COG_CA_CERT": value})
    text = graph(bridge)
    commands = [part for part in text.split("\n    args ")[1:] if "trust" not in part]
    first, *rest = text.split("\n    args ")[1:]
    assert "update-ca-certificates" in first
    assert len(rest) == len(commands) == 4
    assert all(f"SSL_CERT_FILE={trust.BUNDLE}" in part for part in rest)
    assert (
        f"SSL_CERT_FILE={trust.BUNDLE}" in bridge.result.metadata["containerimage.config"].decode()
    )
