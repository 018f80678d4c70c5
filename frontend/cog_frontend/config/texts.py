"""The texts of cog.yaml: what each may be, and what is said of one that is not.

Rules without a source of their own are those of Cog's config package.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cog_frontend.config.model import SUPPORTED_PYTHONS, Located, Variable
from cog_frontend.config.shapes import Made, Text
from cog_frontend.errors import shown

# Names that a model image sets itself.
RESERVED_NAMES = (
    *("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONUNBUFFERED"),
    *("LIBRARY_PATH", "HF_ENDPOINT", "HF_HUB_ENABLE_HF_TRANSFER"),
)
RESERVED_PREFIXES = ("R8_", "REPLICATE_", "CUDA_", "NVIDIA_", "NV_", "PGET_", "KUBERNETES_")

# A file or folder of the project: relative, and no way out of it.
_INSIDE = r"(?!/)(?!(?:[^\n]*/)?\.\.(?:/|$))"
_PATH = _INSIDE + r"[^\x00-\x1f\x7f]+"
_REFERENCE = _INSIDE + r"[^:]+\.py:[A-Za-z_][A-Za-z0-9_]*"
# Debian policy 5.6.1 and 5.6.12, with apt's `name:arch`, `name=version` and `name/release` forms.
# A minus at the end would make apt remove the package.
_APT = (
    r"[a-z0-9](?:[a-z0-9+.-]*[a-z0-9+.])?(?::[a-z0-9-]+)?"
    r"(?:=[A-Za-z0-9.+:~-]+|/[a-z0-9][a-z0-9.-]*)?"
)
_RESERVED = "|".join([*(f"{name}=" for name in RESERVED_NAMES), *RESERVED_PREFIXES])
_VARIABLE = rf"(?!{_RESERVED})[A-Za-z_][A-Za-z0-9_]*=.*"
_NAME = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"

# What urllib takes for a host too, which refuses some of what looks like one.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"

ANY = Text()
LINES = Text(lines=True)


def _wrong_python(text: str) -> str:
    known = re.fullmatch(r"[0-9]+\.[0-9]+(\.[0-9]+)?", text)
    return "is not a supported Python" if known else "must include major and minor version"


PYTHON = Text(
    rf"(?:{'|'.join(re.escape(version) for version in SUPPORTED_PYTHONS)})(?:\.[0-9]+)?",
    _wrong_python,
    f"supported: {', '.join(SUPPORTED_PYTHONS)}",
    numeric=True,
)
PATH = Text(_PATH, "is outside the project folder")


def _wrong_reference(example: str) -> Callable[[str], str]:
    def wrong(text: str) -> str:
        outside = not re.match(_INSIDE, text)
        return "is outside the project folder" if outside else f"must be in the form {example!r}"

    return wrong


PREDICTOR = Text(_REFERENCE, _wrong_reference("run.py:Runner"))
TRAINER = Text(_REFERENCE, _wrong_reference("train.py:Trainer"))
SYSTEM_PACKAGE = Text(
    _APT,
    "is not the name of a Debian package",
    "write each package as an entry of its own: name, name=version or name:arch",
)
CUDA = Text(
    r"(?:1[1-9]|[2-9][0-9])\.[0-9]+(?:\.[0-9]+)?",
    "must include major and minor version, of CUDA 11 or later",
    "write '12.4', for example",
    numeric=True,
)
CUDNN = Text(
    r"[0-9]+(?:\.[0-9]+)*", "is not a version of cuDNN", "write '9', for example", numeric=True
)
# PEP 440 from 0.16 on, or Cog's word for the newest release whatever it is.
_SDK = (
    r"prerelease|v?(?!0(?:\.(?:[0-9]|1[0-5])(?![0-9])|(?![0-9.])))[0-9]+(?:\.[0-9]+)*"
    r"(?:[-._]?(?:a|b|rc|alpha|beta|post|dev)[-._]?[0-9]*)*"
)
SDK = Text(
    _SDK,
    "is neither 'prerelease' nor a version from the minimum required version 0.16.0 on",
    numeric=True,
)
IMAGE = Text(
    r"[A-Za-z0-9][A-Za-z0-9._:/-]*(?:@sha256:[0-9a-f]{64})?",
    "is not the name of an image",
    "write repository:tag, with the registry before it where it is not Docker Hub",
)
REPOSITORY = Text(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+",
    "must be a repository with its registry, without a tag or digest",
    "write registry/owner/name",
)
PLATFORM = Text(
    r"linux/[a-z0-9_]+(?:/[a-z0-9.]+)?", "is not a platform", "write linux/amd64 or linux/arm64"
)
USER = Text(
    r"(?:[a-z_][a-z0-9_-]*|[0-9]+)(?::(?:[a-z_][a-z0-9_-]*|[0-9]+))?",
    "is not a user",
    "write a name or a number, and a group after a colon if it has another",
    numeric=True,
)
LABEL = Text(
    r"(?!run\.cog\.)[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?",
    "is not a label that can be set",
    "labels are letters, digits, '.', '-', '_' and '/'; run.cog. is cogkit's own",
)
LABEL_VALUE = Text(lines=True)
SECRET = Text(r"[A-Za-z0-9_][A-Za-z0-9._-]*", "is not the id of a build secret")
TARGET = Text(r"/[^\x00-\x1f\x7f]*", "must start with '/'")
FOLDER = Text(
    r"(?!(?:[^\n]*/)?\.\.(?:/|$))/[^\x00-\x1f\x7f]*[^/\x00-\x1f\x7f]",
    "must be a folder that starts with '/' and is not '/' itself",
)
INDEX_NAME = Text(_NAME, "is not a name of an index", "use small letters, digits, '-', '_', '.'")
INDEX_URL = Text(
    rf"https?://{_HOST}(?:/[^\s@?#\x00-\x1f\x7f]*)?",
    "is not the address of an index",
    "write https://host/path; credentials belong into a build secret",
)
WEIGHT_NAME = Text(_NAME, "is not a name of weights", "use small letters, digits, '-', '_', '.'")
WEIGHT_URI = Text(
    r"(?:hf|huggingface)://[^\s/@]+/[^\s/@]+@[0-9a-f]{40}"
    rf"|https?://{_HOST}/(?:[^\s@?#]*/)?[^\s@/?#]+(?:\?[^\s@#]*)?"
    rf"|(?:file://(?:\./)?)?{_INSIDE}(?![a-zA-Z]+://)[^\x00-\x1f\x7f]+",
    "is not a place that weights can come from",
    "write a path of the project, https://host/path/file or hf://owner/name@COMMIT",
)
CHECKSUM = Text(r"sha256:[0-9a-f]{64}", "must be sha256: and 64 digits")
PATTERN = Text(r"[^!\\\n][^\\\n]*", "is not a pattern", "patterns have no '!' and no '\\'")


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file in a folder, and of nothing elsewhere."""
    return text.isprintable() and "/" not in text and text not in {"", ".", ".."}


def _wrong_variable(text: str) -> str:
    if re.match(rf"(?:{_RESERVED})", text):
        return f"cannot be set: {shown(text.partition('=')[0])} is reserved for the image itself"
    return "must be in the form NAME=value"


def _variable(entry: Located) -> Variable:
    name, _, value = entry.text.partition("=")
    return Variable(name, value, entry.span)


VARIABLE = Made(
    Text(_VARIABLE, _wrong_variable, lines=True, spaces=True),
    _variable,
)
