"""Rules about the commands of ``build.run``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cog_frontend.config import Command
from cog_frontend.lint.model import Facts, Finding

_APT = re.compile(r"\bapt(-get)?\s+(-\S+\s+)*install\b")
# Not what comes from the project or the image itself.
_PIP = re.compile(
    r"\b(pip3?|uv pip)\s+(-\S+\s+)*install\b(?![^;&|]*\s(\.|/|-e\b|--editable\b|--no-index))\s"
)
_SUDO = re.compile(r"(^|[;&|]\s*)sudo\s")
_PIPE_TO_SHELL = re.compile(r"\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|z)?sh\b")
_ONLY_CD = re.compile(r"^\s*cd\s+\S+\s*$")
_ONLY_EXPORT = re.compile(r"^\s*(export\s+)?[A-Za-z_]\w*=\S*\s*$")
_CREDENTIALS = re.compile(r"https?://[^/\s:@]+:[^/\s@$]+@")
_SECRET_VALUE = re.compile(
    r"\b\w*(TOKEN|SECRET|PASSWORD|API_KEY)\w*=[\"']?[^\s$\"'][^\s\"']{7,}", re.I
)
_CHMOD = re.compile(r"\b(chown|chmod)\s+(-\S+\s+)*-\w*R")
_DOWNLOAD = re.compile(r"\b(curl|wget)\b.*\.(safetensors|ckpt|pth|pt|bin|gguf|onnx)\b")


def _commands(facts: Facts, message: str, concerns: Callable[[str], object]) -> Iterator[Finding]:
    build = facts.config.build
    found: tuple[Command, ...] = (*build.run, *build.pre_install)
    for command in found:
        if concerns(command.text):
            yield Finding(message=message, file=facts.filename, span=command.span)


def apt_in_run(facts: Facts) -> Iterator[Finding]:
    text = "build.system_packages installs with a cache, before anything that changes more often"
    yield from _commands(facts, text, _APT.search)


def pip_in_run(facts: Facts) -> Iterator[Finding]:
    text = "build.python_packages is locked and installed in layers of its own"
    yield from _commands(facts, text, _PIP.search)


def sudo_in_run(facts: Facts) -> Iterator[Finding]:
    yield from _commands(facts, "commands run as root: sudo is not needed", _SUDO.search)


def script_from_the_web(facts: Facts) -> Iterator[Finding]:
    text = "a script is run as it comes from the web: download it, check its hash, then run it"
    yield from _commands(facts, text, _PIPE_TO_SHELL.search)


def folder_is_forgotten(facts: Facts) -> Iterator[Finding]:
    text = "the next command starts in /src again: join both with &&"
    yield from _commands(facts, text, _ONLY_CD.match)


def variable_is_forgotten(facts: Facts) -> Iterator[Finding]:
    text = "the next command does not see the variable: use `environment`"
    yield from _commands(facts, text, _ONLY_EXPORT.match)


def credential_in_command(facts: Facts) -> Iterator[Finding]:
    def concerns(text: str) -> bool:
        return bool(_CREDENTIALS.search(text) or _SECRET_VALUE.search(text))

    text = "the image's history shows this command with its secret: mount a secret instead"
    yield from _commands(facts, text, concerns)


def owner_of_a_whole_tree(facts: Facts) -> Iterator[Finding]:
    text = "every file whose owner or mode changes is in the image a second time"
    yield from _commands(facts, text, _CHMOD.search)


def weights_in_run(facts: Facts) -> Iterator[Finding]:
    text = "weights that a command downloads are fetched again whenever a package changes"
    yield from _commands(facts, text, _DOWNLOAD.search)
