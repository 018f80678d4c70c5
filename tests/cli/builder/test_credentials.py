"""What Docker would log in with."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from cog_cli.builder.credentials import DOCKER_HUB, Credentials, credentials_for, run_helper
from cog_cli.errors import CliError

ME = base64.b64encode(b"me:pass:word").decode()


def ask(
    host: str, config: Mapping[str, Any], answers: Mapping[tuple[str, str], str] = {}
) -> Credentials:
    def helper(name: str, key: str) -> tuple[int, str]:
        found = answers.get((name, key))
        return (0, found) if found else (1, "credentials not found in native keychain")

    return credentials_for(host, config, helper)


@pytest.mark.parametrize(
    ("host", "auths", "expected"),
    [
        ("r.example", {"r.example": {"auth": ME}}, Credentials("me", "pass:word")),
        ("r.example", {"https://r.example/v2/": {"auth": ME}}, Credentials("me", "pass:word")),
        ("r.example:5000", {"r.example": {"auth": ME}}, Credentials()),
        ("registry-1.docker.io", {DOCKER_HUB: {"auth": ME}}, Credentials("me", "pass:word")),
        ("docker.io", {DOCKER_HUB: {"auth": ME}}, Credentials("me", "pass:word")),
        ("r", {"r": {"auth": ME, "identitytoken": "t"}}, Credentials("", "t")),
        ("r", {"r": {"username": "u", "password": "p"}}, Credentials("u", "p")),
        ("r", {"r": {"auth": "%%%"}}, Credentials()),
        ("r", {"r": None}, Credentials()),
        ("r", {}, Credentials()),
    ],
)
def test_from_the_file(host: str, auths: dict[str, Any], expected: Credentials) -> None:
    assert ask(host, {"auths": auths}) == expected


def test_the_helper_of_a_host_wins_over_the_store_and_the_store_over_the_file() -> None:
    config = {"credHelpers": {"a": "one"}, "credsStore": "all", "auths": {"c": {"auth": ME}}}
    answers = {
        ("one", "a"): '{"Username": "u1", "Secret": "s1"}',
        ("all", "b"): '{"Username": "<token>", "Secret": "s2"}',
        ("all", DOCKER_HUB): '{"Username": "hub", "Secret": "s3"}',
    }
    assert ask("a", config, answers) == Credentials("u1", "s1")
    assert ask("b", config, answers) == Credentials("", "s2")
    assert ask("c", config, answers) == Credentials("me", "pass:word")
    assert ask("registry-1.docker.io", config, answers) == Credentials("hub", "s3")


@pytest.mark.parametrize("output", ["", "[]", "no json"])
def test_a_helper_that_breaks_is_named(output: str) -> None:
    with pytest.raises(CliError, match="docker-credential-x"):
        credentials_for("r", {"credsStore": "x"}, lambda *_: (0, output))
    with pytest.raises(CliError, match="docker-credential-x"):
        credentials_for("r", {"credsStore": "x"}, lambda *_: (1, "locked"))


def test_a_helper_that_is_not_there_is_named() -> None:
    with pytest.raises(CliError, match="docker-credential-none"):
        credentials_for("r", {"credsStore": "none"}, run_helper({"PATH": "/none"}))
