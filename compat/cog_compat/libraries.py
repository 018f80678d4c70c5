"""Which CUDA libraries packages load, and what brings them."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cog_compat.versions import pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """CUDA libraries that a package loads, ``since`` a release of it (empty: always).

    ``wheels`` are requirements that bring them; none: they have to be in the image.
    """

    cuda: str
    cudnn: str = ""
    wheels: tuple[str, ...] = ()
    since: str = ""


_CTRANSLATE2 = ("nvidia-cublas-cu12", "nvidia-cudnn-cu12==9.*")

# Newest first.
_LOADS_CUDA = {
    "ctranslate2": (
        Needs(cuda="12.0", cudnn="9", wheels=_CTRANSLATE2, since="4.5"),
        Needs(cuda="12.0", cudnn="8", since="4.0"),
        Needs(cuda="11.8", cudnn="8"),
    ),
    "faster-whisper": (
        Needs(cuda="12.0", cudnn="9", wheels=_CTRANSLATE2, since="1.1"),
        Needs(cuda="12.0", cudnn="8"),
    ),
    "cupy-cuda11x": (Needs(cuda="11.8"),),
    "cupy-cuda12x": (
        Needs(cuda="12.0", wheels=("cupy-cuda12x[ctk]",), since="14.0"),
        Needs(cuda="12.0"),
    ),
    "cupy-cuda13x": (
        Needs(cuda="13.0", wheels=("cupy-cuda13x[ctk]",), since="14.0"),
        Needs(cuda="13.0"),
    ),
}


def cuda_needs(name: str, specifier: str) -> Needs | None:
    """Return what CUDA libraries a package loads; None for one that is not known to load any."""
    version = pinned(SpecifierSet(specifier))
    for needs in _LOADS_CUDA.get(name, ()):
        if version is None or not needs.since or version >= Version(needs.since):
            return needs
    return None


# Where NVIDIA's wheels keep their libraries, below site-packages.
_CU12 = (
    "cublas cuda_cupti cuda_nvrtc cuda_runtime cudnn cufft curand cusolver cusparse nccl nvjitlink"
)
_FOLDERS = {11: _CU12, 12: _CU12, 13: "cu13 cudnn nccl"}


def library_folders(cuda: str) -> tuple[str, ...]:
    """Return the folders of NVIDIA's wheels for a CUDA, relative to site-packages."""
    major = int(cuda.partition(".")[0])
    return tuple(f"nvidia/{name}/lib" for name in _FOLDERS.get(major, _FOLDERS[13]).split())
