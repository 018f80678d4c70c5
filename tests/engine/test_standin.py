from __future__ import annotations

from pathlib import Path

import pytest

from integration.engine.errors import EngineError
from integration.engine.interpreters import Interpreter
from integration.engine.standin import (
    PYTHON_SUITES,
    copied_python,
    debian_tags,
    debootstrap_packages,
    image_environment,
    packaged_python,
    packaged_pythons,
    python_tags,
    wanted_tags,
)

OWN = (Interpreter("3.11.7", Path("/opt/3.11")), Interpreter("3.13.0", Path("/opt/3.13")))


def test_a_python_answers_to_the_tags_that_projects_use() -> None:
    tags = python_tags("3.12.1", "bookworm")
    assert {"3.12", "3.12-slim", "3.12-slim-bookworm", "3.12.1-slim"} <= set(tags)
    assert tags[0] == "3.12-slim"


def test_a_python_on_sid_names_no_release() -> None:
    assert python_tags("3.14.10", "sid") == ("3.14-slim", "3.14", "3.14.10-slim", "3.14.10")
    assert python_tags("3.14", "sid") == ("3.14-slim", "3.14")


def test_debian_brings_only_what_the_machine_lacks() -> None:
    assert packaged_pythons(OWN) == {"3.14": "sid"}
    assert packaged_pythons(()) == PYTHON_SUITES


def test_what_is_wanted_is_known_before_debian_is_asked_for_a_patch_release() -> None:
    tags = wanted_tags(iter(OWN), "bookworm")
    assert {"3.11.7-slim", "3.13-slim-bookworm", "3.14-slim", "3.14"} <= tags
    assert not any(tag.startswith("3.12") or tag.startswith("3.14-slim-") for tag in tags)


def test_debian_answers_with_and_without_slim() -> None:
    assert set(debian_tags("bookworm")) == {"bookworm", "bookworm-slim"}


def test_an_interpreter_is_copied_and_gets_pip_of_its_own() -> None:
    text = copied_python("debian:bookworm-slim", "3.12.1")
    assert text.startswith("FROM debian:bookworm-slim\nENV PYTHON_VERSION=3.12.1\n")
    assert "COPY python /usr/local\n" in text
    assert "ensurepip" in text


def test_debians_own_python_is_installed_by_number_and_free_to_install_into() -> None:
    text = packaged_python("debian:sid-slim", "3.14")
    assert "--no-install-recommends python3.14 python3.14-venv python3-pip" in text
    assert "EXTERNALLY-MANAGED" in text
    assert "ln -s /usr/bin/python3.14 /usr/local/bin/python3 " in text
    assert "COPY" not in text


def test_the_certificates_are_known_to_pip_and_to_openssl() -> None:
    env = image_environment()
    assert env["SSL_CERT_FILE"] == env["PIP_CERT"] == "/etc/ssl/certs/ca-certificates.crt"
    assert env["PATH"].startswith("/usr/local/bin:")


def test_debootstrap_brings_the_libraries_of_the_release_that_a_copy_was_compiled_on() -> None:
    assert ",libssl3," in debootstrap_packages("bookworm", copied=True)
    assert ",libssl3t64," in debootstrap_packages("trixie", copied=True)


def test_a_tree_without_copies_needs_no_list_of_libraries() -> None:
    assert debootstrap_packages("sid", copied=False) == "ca-certificates,netbase,tzdata"


def test_copies_on_an_unknown_release_have_no_stand_ins() -> None:
    with pytest.raises(EngineError, match="Debian forky: only bookworm and trixie"):
        debootstrap_packages("forky", copied=True)
