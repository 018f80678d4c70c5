"""The tables as typed rows; each is read when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchRow:
    """A build of torch. ``cuda`` None: for CPUs. ``on_pypi``: PyPI's own wheel is this one."""

    version: Version
    cuda: str | None
    pythons: tuple[str, ...]
    on_pypi: bool

    def __str__(self) -> str:
        return f"torch {self.version} for {f'CUDA {self.cuda}' if self.cuda else 'CPUs'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkRow:
    """A release of TensorFlow, jax or onnxruntime-gpu, and the CUDA and cuDNN it is built for.

    ``extras`` bring CUDA as wheels; none: the libraries have to be in the image.
    """

    name: str
    version: Version
    cuda: str
    cudnn: str
    pythons: tuple[str, ...]
    extras: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version} for CUDA {self.cuda}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """NVIDIA's images of one CUDA release; ``cudnn`` is a major version."""

    cuda: str
    tag: str
    cudnn: str
    ubuntu: str

    @property
    def minor(self) -> str:
        """CUDA without its patch release: the folder ``/usr/local/cuda-X.Y`` of the image."""
        return self.cuda.rpartition(".")[0]

    def reference(self, kind: str) -> str:
        """Return the image's name; ``kind`` is ``runtime`` or ``devel``."""
        return f"nvidia/cuda:{self.cuda}-{self.tag}-{kind}-ubuntu{self.ubuntu}"

    def __str__(self) -> str:
        return f"CUDA {self.cuda} with cuDNN {self.cudnn}"


@cache
def torch_rows() -> tuple[TorchRow, ...]:
    """Return the builds of torch, newest first, PyPI's own before the others."""
    from cog_compat.data.torch import ROWS  # noqa: PLC0415 - most projects ask for one table

    return tuple(
        TorchRow(
            version=Version(version),
            cuda=cuda or None,
            pythons=tuple(pythons.split()),
            on_pypi=origin == "pypi",
        )
        for version, cuda, pythons, origin in ROWS
    )


@cache
def tensorflow_rows() -> tuple[FrameworkRow, ...]:
    """Return the releases of TensorFlow, newest first."""
    from cog_compat.data.tensorflow import ROWS  # noqa: PLC0415

    return tuple(_framework("tensorflow", row) for row in ROWS)


@cache
def onnxruntime_rows() -> tuple[FrameworkRow, ...]:
    """Return the releases of onnxruntime-gpu, newest first."""
    from cog_compat.data.onnxruntime import ROWS  # noqa: PLC0415

    return tuple(_framework("onnxruntime-gpu", row) for row in ROWS)


@cache
def jax_rows() -> tuple[FrameworkRow, ...]:
    """Return the releases of jax with CUDA, newest first; ``cuda`` is a major version."""
    from cog_compat.data.jax import ROWS  # noqa: PLC0415

    return tuple(
        _framework("jax", (version, cuda, "9", pythons, f"cuda{cuda}"))
        for version, cuda, pythons in ROWS
    )


def _framework(name: str, row: tuple[str, ...]) -> FrameworkRow:
    version, cuda, cudnn, pythons, extras = row
    return FrameworkRow(
        name=name,
        version=Version(version),
        cuda=cuda,
        cudnn=cudnn,
        pythons=tuple(pythons.split()),
        extras=tuple(extras.split()),
    )


@cache
def image_rows() -> tuple[ImageRow, ...]:
    """Return NVIDIA's images, newest first."""
    from cog_compat.data.cuda_images import ROWS  # noqa: PLC0415

    return tuple(
        ImageRow(cuda=cuda, tag=tag, cudnn=cudnn, ubuntu=ubuntu)
        for cuda, tag, cudnn, ubuntu in ROWS
    )
