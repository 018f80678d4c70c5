"""What compiling for a CUDA takes: a host compiler that nvcc accepts, and GPUs to compile for."""

from __future__ import annotations

from cog_compat.versions import minor

# CUDA Installation Guide for Linux, "host compiler support policy": the newest GCC, from each CUDA
# on. Debian's own compiler is at most GCC 14 (trixie); older ones are packages with a number.
_NEWEST_GCC = (((12, 8), ""), ((12, 0), "-12"), ((11, 4), "-11"), ((11, 0), "-10"))

# CUDA Features Archive: compute capabilities that nvcc knows, from each CUDA on.
_ARCHITECTURES = (
    ((13, 0), "7.5 8.0 8.6 8.9 9.0 10.0 12.0+PTX"),
    ((12, 8), "7.0 7.5 8.0 8.6 8.9 9.0 10.0 12.0+PTX"),
    ((11, 8), "7.0 7.5 8.0 8.6 8.9 9.0+PTX"),
    ((11, 1), "7.0 7.5 8.0 8.6+PTX"),
    ((11, 0), "7.0 7.5 8.0+PTX"),
)


def host_compiler(cuda: str) -> str:
    """Return the suffix of Debian's gcc and g++ that nvcc of a CUDA accepts (``-12``, or none)."""
    return _from(cuda, _NEWEST_GCC)


def architectures(cuda: str) -> str:
    """Return the GPUs to compile for, as torch's ``TORCH_CUDA_ARCH_LIST`` has them."""
    return _from(cuda, _ARCHITECTURES).replace(" ", ";")


def _from(cuda: str, table: tuple[tuple[tuple[int, int], str], ...]) -> str:
    asked = minor(cuda)
    return next((value for since, value in table if asked >= since), table[-1][1])
