"""Rules about the commands of ``build.run``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cog_frontend.lint.model import URL_WITH_PASSWORD, Facts, Finding

_APT = re.compile(r"\bapt(-get)?\s+(-\S+\s+)*install\b")
# Not what comes from the project or the image itself.
_PIP = re.compile(
    r"\b(pip3?|uv pip)\s+(-\S+\s+)*install\b(?![^;&|]*\s(\.|/|-e\b|--editable\b|--no-index))\s"
)
_SUDO = re.compile(r"(^|[;&|]\s*)sudo\s")
_PIPE_TO_SHELL = re.compile(r"\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|z)?sh\b")
_ONLY_CD = re.compile(r"^\s*cd\s+\S+\s*$")
_ONLY_EXPORT = re.compile(r"^\s*(export\s+)?[A-Za-z_]\w*=\S*\s*$")
_SECRET_VALUE = re.compile(
    r"\b\w*(TOKEN|SECRET|PASSWORD|API_KEY)\w*=[\"']?[^\s$\"'][^\s\"']{7,}", re.I
)
_CHMOD = re.compile(r"\b(chown|chmod)\s+(-\S+\s+)*-\w*R")
_DOWNLOAD = re.compile(r"\b(curl|wget)\b.*\.(safetensors|ckpt|pth|pt|bin|gguf|onnx)\b")


def _rule(concerns: Callable[[str], object], message: str) -> Callable[[Facts], Iterator[Finding]]:
    """A rule about each command that ``concerns`` says yes to."""

    def check(facts: Facts) -> Iterator[Finding]:
        build = facts.config.build
        for command in (*build.run, *build.pre_install):
            if concerns(command.text):
                yield Finding(message=message, file=facts.filename, span=command.span)

    return check


def _has_credential(text: str) -> bool:
    return bool(URL_WITH_PASSWORD.search(text) or _SECRET_VALUE.search(text))


apt_in_run = _rule(
    _APT.search,
    "build.system_packages installs with a cache, before anything that changes more often",
)
pip_in_run = _rule(
    _PIP.search, "build.python_packages is locked and installed in layers of its own"
)
sudo_in_run = _rule(_SUDO.search, "commands run as root: sudo is not needed")
script_from_the_web = _rule(
    _PIPE_TO_SHELL.search,
    "a script is run as it comes from the web: download it, check its hash, then run it",
)
folder_is_forgotten = _rule(_ONLY_CD.match, "the next command starts in / again: join both with &&")
variable_is_forgotten = _rule(
    _ONLY_EXPORT.match, "the next command does not see the variable: use `environment`"
)
credential_in_command = _rule(
    _has_credential,
    "the image's history shows this command with its secret: mount a secret instead",
)
owner_of_a_whole_tree = _rule(
    _CHMOD.search, "every file whose owner or mode changes is in the image a second time"
)
weights_in_run = _rule(
    _DOWNLOAD.search,
    "weights that a command downloads are fetched again whenever a package changes",
)
