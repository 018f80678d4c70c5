"""Which versions go together: data and pure questions."""

from cog_compat.cuda import driver_floor, resolve_image
from cog_compat.errors import NoMatch, Rejected
from cog_compat.frameworks import FRAMEWORKS, FrameworkBuild, resolve_framework
from cog_compat.packages import (
    COMPILED_WITH_NVCC,
    COMPILES_WHILE_RUNNING,
    TORCH_FAMILY,
    Needs,
    cuda_needs,
    library_folders,
)
from cog_compat.rows import ImageRow
from cog_compat.torch import TorchBuild, resolve_torch

__all__ = [
    "COMPILED_WITH_NVCC",
    "COMPILES_WHILE_RUNNING",
    "FRAMEWORKS",
    "TORCH_FAMILY",
    "FrameworkBuild",
    "ImageRow",
    "Needs",
    "NoMatch",
    "Rejected",
    "TorchBuild",
    "cuda_needs",
    "driver_floor",
    "library_folders",
    "resolve_framework",
    "resolve_image",
    "resolve_torch",
]
