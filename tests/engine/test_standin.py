from __future__ import annotations

import pytest

from integration.engine.errors import EngineError
from integration.engine.standin import (
    debian_tags,
    debootstrap_packages,
    dockerfile,
    image_environment,
    python_tags,
)


def test_a_python_answers_to_the_tags_that_projects_use() -> None:
    tags = python_tags("3.12.1", "bookworm")
    assert {"3.12", "3.12-slim", "3.12-slim-bookworm", "3.12.1-slim"} <= set(tags)
    assert tags[0] == "3.12-slim"


def test_debian_answers_with_and_without_slim() -> None:
    assert set(debian_tags("bookworm")) == {"bookworm", "bookworm-slim"}


def test_an_interpreter_is_copied_and_gets_pip_of_its_own() -> None:
    text = dockerfile("debian:bookworm-slim", "3.12.1")
    assert text.startswith("FROM debian:bookworm-slim\nENV PYTHON_VERSION=3.12.1\n")
    assert "COPY python /usr/local\n" in text
    assert "ensurepip" in text


def test_without_an_interpreter_debians_own_is_installed_and_free_to_install_into() -> None:
    text = dockerfile("debian:bookworm-slim", None)
    assert "apt-get install -qq -y --no-install-recommends python3 " in text
    assert "EXTERNALLY-MANAGED" in text
    assert "COPY" not in text


def test_the_certificates_are_known_to_pip_and_to_openssl() -> None:
    env = image_environment()
    assert env["SSL_CERT_FILE"] == env["PIP_CERT"] == "/etc/ssl/certs/ca-certificates.crt"
    assert env["PATH"].startswith("/usr/local/bin:")


def test_debootstrap_brings_the_libraries_of_the_release() -> None:
    assert "libssl3," in debootstrap_packages("bookworm")
    assert "libssl3t64," in debootstrap_packages("trixie")


def test_an_unknown_release_has_no_stand_ins() -> None:
    with pytest.raises(EngineError, match="Debian forky: only bookworm and trixie"):
        debootstrap_packages("forky")
