"""Which packages share a layer: a package's group depends on its own name and size alone.

So the groups stay as they are whatever else a project adds, drops or updates. What weighs most and
changes least comes first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cog_frontend.plan.lock import Package

MIB = 1 << 20
# Compressed sizes of wheels, which are about what their layers weigh in a registry.
HUGE = 64 * MIB
LARGE = 8 * MIB
MEDIUM = MIB // 4
# More layers than these would cost more time than their bytes are worth.
_MOST_HUGE = 4
_LARGE_GROUPS = 5
_MEDIUM_GROUPS = 2

SOURCE = "source"
_SMALL = "small"
# The CUDA runtime as wheels bring it, and the CUDA bindings built for one runtime.
_CUDA_PREFIXES = ("nvidia-", "cuda-")
_FAMILIES = {
    "torch": ("torch", "torchaudio", "torchvision", "triton", "pytorch-triton"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-cpu-aws"),
    "jax": ("jax", "jaxlib"),
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names}
_JAX_CUDA = "jax-cuda"


@dataclass(frozen=True, slots=True)
class Group:
    """Packages that are installed together, as one layer."""

    name: str
    packages: tuple[Package, ...]

    @property
    def is_source(self) -> bool:
        """Whether its packages have to be built."""
        return any(package.is_source for package in self.packages)


def group(packages: Iterable[Package]) -> tuple[Group, ...]:
    """Return the groups of packages; those that are built come last, each group sorted by name."""
    ordered = sorted(packages, key=lambda package: package.name)
    alone = _alone(ordered)
    members: dict[tuple[int, str], list[Package]] = {}
    for package in ordered:
        members.setdefault(_place(package, alone), []).append(package)
    return tuple(Group(name, tuple(members[rank, name])) for rank, name in sorted(members))


def _alone(packages: Iterable[Package]) -> frozenset[str]:
    """The packages that get a layer of their own; too many of them share layers by their names."""
    huge = [each.name for each in packages if _family(each) is None and each.size >= HUGE]
    return frozenset(huge) if len(huge) <= _MOST_HUGE else frozenset()


def _place(package: Package, alone: frozenset[str]) -> tuple[int, str]:
    """The rank and the name of a package's group."""
    if family := _family(package):
        return family
    if package.name in alone:
        return 2, package.name
    if package.size >= HUGE:
        return 3, f"huge-{_bucket(package.name, _MOST_HUGE)}"
    if package.size >= LARGE:
        return 4, f"large-{_bucket(package.name, _LARGE_GROUPS)}"
    if package.size >= MEDIUM:
        return 5, f"medium-{_bucket(package.name, _MEDIUM_GROUPS)}"
    return 6, _SMALL


def _family(package: Package) -> tuple[int, str] | None:
    if package.is_source:
        return 7, SOURCE
    if package.name.startswith(_CUDA_PREFIXES):
        return 0, "cuda"
    family = "jax" if package.name.startswith(_JAX_CUDA) else _FAMILY_OF.get(package.name)
    return (1, family) if family else None


def _bucket(name: str, buckets: int) -> int:
    """A number from 1 that depends on nothing but the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % buckets + 1
