"""The secrets of a build: named on the command line, read when a step asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cog_cli.build_options import csv_pairs
from cog_cli.errors import UsageProblem

# What the daemon accepts (BuildKit, session/secrets/secretsprovider).
MAX_BYTES = 500 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and where it is: a file, or a variable of the environment."""

    id: str
    path: Path | None = None
    variable: str | None = None


class NoSecret(Exception):
    """A secret that the build asks for cannot be given; the text says why."""


def parse_secrets(texts: Iterable[str], env: Mapping[str, str], cwd: Path) -> dict[str, Secret]:
    """Read ``--secret`` values (``id=NAME[,src=FILE|,env=VARIABLE]``); UsageProblem."""
    found = (_parse(text, env, cwd) for text in texts)
    return {secret.id: secret for secret in found}


def _parse(text: str, env: Mapping[str, str], cwd: Path) -> Secret:
    fields = csv_pairs(text, "--secret")
    kind, name = fields.pop("type", ""), fields.pop("id", "")
    source = fields.pop("src", "") or fields.pop("source", "")
    variable = fields.pop("env", "")
    if kind not in {"", "file", "env"}:
        raise UsageProblem(f"--secret {text}: type is file or env, not {kind!r}")
    if fields:
        raise UsageProblem(f"--secret {text}: unknown field {next(iter(fields))!r}")
    if kind == "env" and source and not variable:
        source, variable = "", source
    name = name or Path(source).name or variable
    if not name:
        raise UsageProblem(f"--secret {text}: no id")
    if variable or (not source and kind != "file" and name in env):
        return Secret(name, variable=variable or name)
    path = cwd / (source or name)
    if not path.is_file():
        raise UsageProblem(f"--secret {text}: {path} is no file")
    return Secret(name, path=path)


def read_secret(secrets: Mapping[str, Secret], name: str, env: Mapping[str, str]) -> bytes:
    """Return the value of a secret; NoSecret."""
    secret = secrets.get(name)
    if secret is None:
        raise NoSecret(f"secret {name}: not found")
    if secret.path is None:
        value = env.get(secret.variable or "", "").encode()
    else:
        try:
            value = secret.path.read_bytes()
        except OSError as error:
            raise NoSecret(f"secret {name}: {secret.path}: {error.strerror}") from error
    if len(value) > MAX_BYTES:
        raise NoSecret(f"secret {name}: {len(value)} bytes; at most {MAX_BYTES} can be passed")
    return value
