from __future__ import annotations

import io

import pytest

from tests.cli.conftest import World

PAGE = "https://r8.im/cog/v1/display-token-url"
VERIFY = "https://r8.im/cog/v1/verify-token"


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_password_from_stdin_goes_to_docker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, "secret\n")
    assert world.cog("login", "r.example", "-u", "ada", "--token-stdin") == 0
    assert world.docker.logins == {"r.example": "ada"}
    assert world.stderr == "Logged in to r.example as ada\n"
    assert not any("secret" in word for call in world.docker.calls for word in call)


def test_at_a_terminal_both_are_asked_for(world: World) -> None:
    world.terminal = True
    world.answers = {"Username": "ada", "Password": "secret"}
    assert world.cog("login", "https://r.example/") == 0
    assert world.docker.logins == {"r.example": "ada"}


def test_a_wrong_password_is_dockers_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, "wrong")
    assert world.cog("login", "r.example", "-u", "ada", "--token-stdin") == 1
    assert world.stderr.startswith("error: cannot log in to r.example: Error response")
    assert "unauthorized" in world.stderr
    assert "wrong" not in world.stderr


def test_a_token_of_replicate_names_its_owner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, "secret\n")
    world.web[VERIFY] = (200, b'{"username": "ada"}')
    assert world.cog("login", "--token-stdin") == 0
    assert world.fetched == [(VERIFY, b"token=secret")]
    assert world.docker.logins == {"r8.im": "ada"}


def test_at_a_terminal_the_page_with_the_token_is_named(world: World) -> None:
    world.terminal = True
    world.web = {PAGE: (200, b'{"url": "https://page"}'), VERIFY: (200, b'{"username": "ada"}')}
    world.answers = {"Token": "secret"}
    assert world.cog("login") == 0
    assert "Your token is at https://page" in world.stderr


@pytest.mark.parametrize(
    ("token", "answer", "expected"),
    [
        ("x", (404, b""), (1, "r8.im does not know this token")),
        ("x", (500, b""), (1, "gave no answer that can be used (HTTP 500)")),
        ("x", (200, b"<html>"), (1, "gave no answer that can be used (HTTP 200)")),
        ("x", None, (1, "does not answer: refused")),
        (
            "r8_x",
            (200, b"{}"),
            (2, "a token of Replicate's API; the registry's is at https://page"),
        ),
        ("", None, (2, "no token was given")),
    ],
)
def test_a_token_that_is_not_taken_saves_nothing(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    answer: tuple[int, bytes] | None,
    expected: tuple[int, str],
) -> None:
    piped(monkeypatch, token)
    world.web[PAGE] = (200, b'{"url": "https://page"}')
    if answer:
        world.web[VERIFY] = answer
    assert world.cog("login", "--token-stdin") == expected[0]
    assert expected[1] in world.stderr
    assert world.docker.logins == {}


def test_the_environment_names_the_registry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, "secret")
    world.env["COG_REGISTRY_HOST"] = "r.example:5000"
    assert world.cog("login", "--token-stdin", "-u", "ada") == 0
    assert world.docker.logins == {"r.example:5000": "ada"}


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("r.example", "--token-stdin"), "say with -u who logs in to r.example"),
        (("r.example",), "stdin is no terminal: give the token with --token-stdin"),
        (("a b", "--token-stdin"), "'a b' is no registry"),
    ],
)
def test_what_cannot_be_asked_for_is_wrong_usage(
    world: World, argv: tuple[str, ...], text: str
) -> None:
    assert world.cog("login", *argv) == 2
    assert text in world.stderr
