"""Registry credentials as Docker keeps them: its config file and the helpers that it names.

Formats: docker/cli's ``config.json`` and docker-credential-helpers' protocol.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cog_cli.errors import CliError

DOCKER_HUB = "https://index.docker.io/v1/"
# How the daemon calls Docker Hub, and how people may.
_HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_TOKEN_USER = "<token>"  # noqa: S105 # the helper's word for: the secret is an identity token
_NOT_FOUND = "credentials not found"

RunHelper = Callable[[str, str], tuple[int, str]]
"""Runs helper ``docker-credential-NAME get`` with a host on stdin; its status and stdout."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password, or no user and an identity token; both empty: nobody."""

    username: str = ""
    secret: str = ""


def credentials_for(host: str, config: Mapping[str, Any], run_helper: RunHelper) -> Credentials:
    """Return what Docker would log in to ``host`` with; CliError when a helper fails.

    A helper for this host wins over the store, the store over the file.
    """
    key = DOCKER_HUB if host in _HUB_HOSTS else host
    helper = (config.get("credHelpers") or {}).get(key if key == DOCKER_HUB else host)
    helper = helper or config.get("credsStore")
    if helper:
        found = _from_helper(str(helper), key, run_helper)
        if found.secret:
            return found
    return _from_file(config.get("auths") or {}, key)


def _from_helper(helper: str, key: str, run_helper: RunHelper) -> Credentials:
    status, output = run_helper(helper, key)
    if status:
        if _NOT_FOUND in output:
            return Credentials()
        raise CliError(f"docker-credential-{helper} cannot tell the credentials of {key}: {output}")
    try:
        answer = json.loads(output)
        username, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
    except (ValueError, AttributeError) as error:
        raise CliError(f"docker-credential-{helper} gave no credentials of {key}") from error
    return Credentials("" if username == _TOKEN_USER else username, secret)


def _from_file(auths: Mapping[str, Any], key: str) -> Credentials:
    entry = auths.get(key)
    if entry is None:  # entries may be written as URLs
        wanted = _bare(key)
        entry = next((value for name, value in auths.items() if _bare(name) == wanted), None)
    if not isinstance(entry, dict):
        return Credentials()
    if token := entry.get("identitytoken") or entry.get("registrytoken"):
        return Credentials(secret=str(token))
    if entry.get("username"):
        return Credentials(str(entry["username"]), str(entry.get("password", "")))
    try:
        text = base64.b64decode(entry.get("auth") or "").decode()
    except ValueError:
        return Credentials()
    username, _, password = text.partition(":")
    return Credentials(username, password.strip("\0"))


def _bare(name: str) -> str:
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def run_helper(env: Mapping[str, str]) -> RunHelper:
    """Return what runs credential helpers on PATH."""

    def run(name: str, key: str) -> tuple[int, str]:
        try:
            done = subprocess.run(
                [f"docker-credential-{name}", "get"],
                input=key,
                env=dict(env),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            return 1, error.strerror or str(error)
        return done.returncode, (done.stdout or done.stderr).strip()

    return run
