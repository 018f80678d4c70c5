"""Which packages share a layer: the rule looks at one package at a time."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.plan.groups import HUGE, LARGE, MEDIUM, group
from cog_frontend.plan.lock import Package

TORCH = ("torch", "torchvision", "torchaudio", "triton")


def package(name: str, size: int = 1000, *, is_source: bool = False) -> Package:
    return Package(
        name=name, version="1", kind="wheels", sources=("{}",), size=size, is_source=is_source
    )


def groups(*packages: Package) -> dict[str, list[str]]:
    return {each.name: [member.name for member in each.packages] for each in group(packages)}


def test_frameworks_and_cuda_have_layers_of_their_own() -> None:
    assert groups(
        package("six"),
        *(package(name, 900 * MEDIUM) for name in TORCH),
        package("jax"),
        package("jaxlib"),
        package("jax-cuda12-plugin"),
        package("nvidia-cudnn-cu12", 2000 * MEDIUM),
        package("nvidia-nvtx-cu12"),
        package("cuda-bindings"),
        package("tensorflow-cpu", 900 * MEDIUM),
    ) == {
        "cuda": ["cuda-bindings", "nvidia-cudnn-cu12", "nvidia-nvtx-cu12"],
        "jax": ["jax", "jax-cuda12-plugin", "jaxlib"],
        "tensorflow": ["tensorflow-cpu"],
        "torch": ["torch", "torchaudio", "torchvision", "triton"],
        "small": ["six"],
    }


def test_what_is_built_comes_last_whatever_it_is() -> None:
    found = groups(
        package("six"), package("torch", is_source=True), package("wget", is_source=True)
    )
    assert list(found.items()) == [("small", ["six"]), ("source", ["torch", "wget"])]


@pytest.mark.parametrize(
    ("size", "prefix"),
    [
        (0, "small"),
        (MEDIUM - 1, "small"),
        (MEDIUM, "medium-"),
        (LARGE - 1, "medium-"),
        (LARGE, "large-"),
        (HUGE - 1, "large-"),
        (HUGE, "vllm"),
    ],
)
def test_a_size_decides_for_all_others(size: int, prefix: str) -> None:
    (name,) = groups(package("vllm", size))
    assert name.startswith(prefix)


def test_many_huge_packages_share_a_few_layers() -> None:
    few = [package(f"huge{number}", HUGE) for number in range(4)]
    many = [package(f"huge{number}", HUGE) for number in range(30)]
    assert set(groups(*few)) == {"huge0", "huge1", "huge2", "huge3"}
    assert set(groups(*many)) == {"huge-1", "huge-2", "huge-3", "huge-4"}


PACKAGES = st.lists(
    st.builds(
        package,
        st.from_regex(r"[a-z]{1,8}(-[a-z0-9]{1,4})?", fullmatch=True),
        st.sampled_from([0, 10_000, MEDIUM, 3 * MEDIUM, LARGE, 3 * LARGE]),
        is_source=st.booleans(),
    ),
    unique_by=lambda each: each.name,
    max_size=60,
)


@given(PACKAGES, st.randoms(use_true_random=False))
def test_every_package_is_in_one_group_in_any_order_and_groups_are_few(
    packages: list[Package], random: Random
) -> None:
    found = group(packages)
    members = sorted(member.name for each in found for member in each.packages)
    assert members == sorted(each.name for each in packages)
    random.shuffle(packages)
    assert group(packages) == found
    assert len(found) <= 10


@given(PACKAGES, PACKAGES)
def test_other_packages_move_none(packages: list[Package], others: list[Package]) -> None:
    names = {each.name for each in packages}
    more = [each for each in others if each.name not in names]
    place = {member: name for name, members in groups(*packages).items() for member in members}
    after = {
        member: name for name, members in groups(*packages, *more).items() for member in members
    }
    assert all(after[name] == group for name, group in place.items())
