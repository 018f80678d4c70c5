"""Which wheels fit an image, by their file names alone (PEP 427, PEP 425, PEP 600, PEP 656)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"^[^-/]+-[^-/]+(?:-\d[^-/]*)?-(?P<python>[^-/]+)-(?P<abi>[^-/]+)-(?P<platform>[^-/]+)\.whl$"
)
# manylinux_2_28: wheels for older C libraries have names of their own, such as manylinux2014.
_GLIBC = re.compile(r"linux_2_(\d+)_")
_CPYTHON = re.compile(r"^cp3(\d+)$")
_GENERIC = re.compile(r"^py3(\d*)$")

# OCI architecture and variant -> what wheels call the machine (Python's platform.machine()).
_MACHINES = {
    "386": "i686",
    "amd64": "x86_64",
    "arm/v6": "armv6l",
    "arm/v7": "armv7l",
    "arm64": "aarch64",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What packages are installed for: a CPython such as ``3.12`` and a machine (``x86_64``)."""

    python: str
    machine: str

    @property
    def minor(self) -> int:
        """The minor version of the Python."""
        return int(self.python.split(".")[1])

    def environment(self) -> dict[str, str]:
        """The environment that markers are judged in (PEP 508).

        The patch release is not known before the base image runs; the newest one is assumed.
        """
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.99",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.99",
            "python_version": self.python,
            "sys_platform": "linux",
        }


def target(python: str, architecture: str, variant: str = "") -> Target:
    """Return the target for a minor Python and a platform as OCI names it."""
    name = f"{architecture}/{variant}" if variant else architecture
    return Target(python, _MACHINES.get(name) or _MACHINES.get(architecture, architecture))


def fits(filename: str, target: Target) -> bool:
    """Whether a wheel can be installed in an image for ``target``, whatever its libc."""
    match = _NAME.match(filename)
    if match is None:
        return False
    abis = match["abi"].split(".")
    return _fits_platform(match["platform"].split("."), target) and any(
        _fits_python(tag, abis, target.minor) for tag in match["python"].split(".")
    )


def preference(filename: str) -> tuple[int, int, int]:
    """Order wheels that fit: the one for most machines with the most of its own comes last.

    Compiled for one Python beats compiled for several, and that beats not compiled. Of two for one
    machine, the one that asks for the older C library runs on more base images.
    """
    match = _NAME.match(filename)
    if match is None:
        return (0, 0, 0)
    compiled = 0 if match["platform"] == "any" else 1
    own = 1 if match["abi"].startswith("cp") else 0
    asked = [int(number) for number in _GLIBC.findall(match["platform"])]
    return (compiled, own, -min(asked, default=0))


def _fits_python(tag: str, abis: list[str], minor: int) -> bool:
    if generic := _GENERIC.match(tag):
        return "none" in abis and int(generic[1] or 0) <= minor
    if not (cpython := _CPYTHON.match(tag)):
        return False
    of = int(cpython[1])
    if of == minor and {"none", f"cp3{minor}"} & set(abis):
        return True
    return of <= minor and bool({"none", "abi3"} & set(abis))


def _fits_platform(tags: list[str], target: Target) -> bool:
    return any(
        tag == "any" or ("linux" in tag and tag.endswith(f"_{target.machine}")) for tag in tags
    )
