"""What the tables answer, and what they say when they refuse."""

from __future__ import annotations

import pytest

from cog_compat.cuda import driver_floor, resolve_image
from cog_compat.errors import NoMatch
from cog_compat.frameworks import resolve_framework
from cog_compat.libraries import cuda_needs, library_folders
from cog_compat.torch import resolve_torch


@pytest.mark.parametrize(
    ("specifier", "cuda", "expected"),
    [
        ("==2.5.1", "", ("2.5.1", "12.4", "")),
        ("==2.5.1", "12.1", ("2.5.1", "12.1", "cu121")),
        ("==2.5.1", "12.4", ("2.5.1", "12.4", "")),
        ("==2.10.0", "13.0", ("2.10.0", "13.0", "cu130")),
        ("<2.6", "11.8", ("2.5.1", "11.8", "cu118")),
        ("==2.1.0+cu118", "", ("2.1.0+cu118", "11.8", "cu118")),
        ("==2.1.0+cpu", "", ("2.1.0+cpu", None, "cpu")),
    ],
)
def test_torch_with_cuda(specifier: str, cuda: str, expected: tuple[str, str, str]) -> None:
    found = resolve_torch(specifier, python="3.11", cuda=cuda)
    assert (str(found.version), found.cuda, found.backend) == expected
    assert found.note == ""


@pytest.mark.parametrize("specifier", ["", "==2.4.0", ">=2.0,<3", "~=2.3.0"])
def test_torch_for_cpus(specifier: str) -> None:
    found = resolve_torch(specifier, python="3.11", cpu=True)
    assert (found.cuda, found.backend, found.note) == (None, "cpu", "")


def test_a_cuda_that_torch_is_not_published_for_takes_the_nearest_below() -> None:
    found = resolve_torch("==2.9.0", python="3.12", cuda="12.9")
    assert (found.cuda, found.backend) == ("12.8", "")
    assert found.note == "torch 2.9.0 is not published for CUDA 12.9"


def test_a_cuda_below_all_of_them_is_refused_with_the_reasons() -> None:
    with pytest.raises(NoMatch) as caught:
        resolve_torch("==2.4.0", python="3.12", cuda="11.2")
    assert str(caught.value).splitlines() == [
        "nothing fits torch==2.4.0 for Python 3.12 and CUDA 11.2",
        "  torch 2.4.0 for CUDA 12.1: CUDA 12.1 is newer than 11.2",
        "  torch 2.4.0 for CUDA 12.4: CUDA 12.4 is newer than 11.2",
        "  torch 2.4.0 for CUDA 11.8: CUDA 11.8 is newer than 11.2",
    ]


def test_a_python_without_wheels_is_refused_with_those_that_have() -> None:
    with pytest.raises(NoMatch, match=r"it has wheels for Python 3\.10 to 3\.11, not 3\.13"):
        resolve_torch("==2.0.1", python="3.13")


def test_a_release_that_never_was_is_refused() -> None:
    with pytest.raises(NoMatch, match=r"no such release: known are 1\.11\.0 to"):
        resolve_torch("==2.5.7", python="3.12")


@pytest.mark.parametrize(("cuda", "backend"), [("", ""), ("13.2", "cu132")])
def test_torch_newer_than_the_tables_follows_the_same_rules(cuda: str, backend: str) -> None:
    found = resolve_torch("==99.1.0", python="3.20", cuda=cuda)
    assert (str(found.version), found.backend) == ("99.1.0", backend)
    assert "newer than the tables" in found.note
    assert resolve_torch("==99.1.0", python="3.20", cpu=True).backend == "cpu"


def test_a_variant_of_a_release_known_from_pypi_alone_is_asked_for_and_said() -> None:
    found = resolve_torch("==2.13.0", python="3.12", cuda="12.6")
    assert (found.cuda, found.backend) == ("12.6", "cu126")
    assert "not in the tables" in found.note


@pytest.mark.parametrize(
    ("name", "specifier", "cuda", "expected"),
    [
        ("tensorflow", "==2.16.1", "", ("12.3", "8.9", ("and-cuda",))),
        ("tensorflow", "==2.11.0", "", ("11.2", "8.1", ())),
        ("tensorflow", "", "", ("12.5", "9.3", ("and-cuda",))),
        ("onnxruntime-gpu", "==1.18.1", "", ("11.8", "8.9", ())),
        ("onnxruntime-gpu", "==1.22.0", "", ("12.0", "9.0", ("cuda", "cudnn"))),
        ("jax", "==0.10.0", "12.4", ("12", "9", ("cuda12",))),
        ("jax", "==0.10.0", "", ("13", "9", ("cuda13",))),
    ],
)
def test_frameworks(name: str, specifier: str, cuda: str, expected: object) -> None:
    python = "3.10" if "2.11" in specifier else "3.12"
    found = resolve_framework(name, specifier, python=python, cuda=cuda)
    assert (found.cuda, found.cudnn, found.extras) == expected


def test_a_framework_newer_than_the_tables_follows_the_newest_row() -> None:
    found = resolve_framework("tensorflow", "==99.0", python="3.20")
    assert found.extras == ("and-cuda",)
    assert "newer than the tables" in found.note


def test_a_framework_for_another_cuda_is_refused() -> None:
    with pytest.raises(NoMatch, match=r"it is built for CUDA 12\.5, not 11\.8"):
        resolve_framework("tensorflow", "==2.20.0", python="3.12", cuda="11.8")


@pytest.mark.parametrize(
    ("cuda", "cudnn", "kind", "expected"),
    [
        ("12.4", "", "runtime", "nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"),
        ("12.1", "8", "devel", "nvidia/cuda:12.1.1-cudnn8-devel-ubuntu22.04"),
        ("12.3", "9", "devel", "nvidia/cuda:12.3.2-cudnn9-devel-ubuntu22.04"),
        # TensorFlow 2.17 wants 12.3 with cuDNN 8, which no image has: a later cuDNN is none.
        ("12.2", "8.9", "runtime", "nvidia/cuda:12.2.2-cudnn8-runtime-ubuntu22.04"),
        ("12.6.1", "", "devel", "nvidia/cuda:12.6.1-cudnn-devel-ubuntu24.04"),
        ("12.7", "", "devel", "nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04"),
    ],
)
def test_images(cuda: str, cudnn: str, kind: str, expected: str) -> None:
    assert resolve_image(cuda, cudnn).reference(kind) == expected


@pytest.mark.parametrize(
    ("cuda", "cudnn", "reason"),
    [
        ("10.2", "", r"images are known for 11\.0\.3 to"),
        ("12.3", "8", r"CUDA 12\.3\.2 with cuDNN 9: its cuDNN is 9, not 8"),
        ("13.9", "", r"it is not CUDA 13\.9 or a later minor release"),
    ],
)
def test_no_image(cuda: str, cudnn: str, reason: str) -> None:
    with pytest.raises(NoMatch, match=reason):
        resolve_image(cuda, cudnn)


def test_driver_floor_is_that_of_the_major_version() -> None:
    assert driver_floor("12.8") == driver_floor("12.0") == "525.60.13"
    assert driver_floor("10.2") is None


def test_packages_that_load_cuda_by_release() -> None:
    newest, old = cuda_needs("ctranslate2", ""), cuda_needs("ctranslate2", "==4.4.0")
    assert newest is not None
    assert old is not None
    assert (newest.cudnn, bool(newest.wheels)) == ("9", True)
    assert (old.cudnn, bool(old.wheels)) == ("8", False)
    assert cuda_needs("six", "") is None


def test_folders_of_nvidias_wheels() -> None:
    assert "nvidia/cudnn/lib" in library_folders("12.4")
    assert library_folders("13.0")[0] == "nvidia/cu13/lib"
