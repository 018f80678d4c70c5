"""Platforms: one spelling for each, so that equal platforms give equal ops.

The spellings are those of containerd's platforms package (database.go, platforms.go).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from buildkit_llb._errors import LLBError, check_text, check_texts
from buildkit_llb.pb import ops_pb2 as pb

_SPECIFIER = re.compile(
    r"(?P<os>[\w-]+)(?:\((?P<version>[\w.-]*)\))?"
    r"/(?P<architecture>[\w.-]+)(?:/(?P<variant>[\w.-]+))?",
    re.ASCII,
)
_OPERATING_SYSTEMS = {"macos": "darwin"}
_ARCHITECTURES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_VARIANTS = {
    ("amd64", "v1"): "",
    ("arm64", "8"): "",
    ("arm64", "v8"): "",
    ("arm64", "v8.0"): "",
    ("arm64", "9"): "v9",
    ("arm64", "9.0"): "v9",
    ("arm64", "v9.0"): "v9",
    ("arm", ""): "v7",
    ("arm", "5"): "v5",
    ("arm", "6"): "v6",
    ("arm", "7"): "v7",
    ("arm", "8"): "v8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What an op runs on or an image is made for; values are taken as they are."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_text("platform os", self.os)
        check_text("platform architecture", self.architecture)
        check_text("platform variant", self.variant, empty=True)
        check_text("platform os version", self.os_version, empty=True)
        check_texts("platform os features", self.os_features)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]``, normalised: ``linux/arm64/v8`` is ``linux/arm64``.

        An os may carry its version: ``windows(10.0.17763)/amd64``. Raises LLBError.
        """
        match = _SPECIFIER.fullmatch(text)
        if match is None:
            raise LLBError(f"platform is not os/architecture[/variant]: {text!r}")
        os = match["os"].lower()
        variant = match["variant"] or ""
        architecture, variant = _normalise(match["architecture"].lower(), variant.lower())
        return cls(
            os=_OPERATING_SYSTEMS.get(os, os),
            architecture=architecture,
            variant=variant,
            os_version=match["version"] or "",
        )

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    def to_pb(self) -> pb.Platform:
        """Return the wire form."""
        return pb.Platform(
            OS=self.os,
            Architecture=self.architecture,
            Variant=self.variant,
            OSVersion=self.os_version,
            OSFeatures=self.os_features,
        )


def check_platform(value: object) -> None:
    """Refuse what is no platform; a text is nearly one."""
    if isinstance(value, str):
        raise LLBError(f"platform is the text {value!r}: use Platform.parse")
    if not isinstance(value, Platform):
        raise LLBError(f"platform is {type(value).__name__}, not a Platform")


def _normalise(architecture: str, variant: str) -> tuple[str, str]:
    architecture, fixed = _ARCHITECTURES.get(architecture, (architecture, None))
    if fixed is not None:
        variant = fixed
    return architecture, _VARIANTS.get((architecture, variant), variant)
