"""Decides what of CUDA is in an image, where wheels of torch come from, and whether a compiler is.

The procedure, in this order; the first that applies is the outcome:

1. A package is compiled with nvcc: NVIDIA's toolkit is mounted while it is built (``BUILDER``).
2. CUDA libraries are loaded that no wheel brings: they are copied from NVIDIA's runtime image
   (``LIBRARIES``).
3. Wheels of NVIDIA bring them, and the loader has to be told where they are (``WHEELS``).
4. Code is compiled while the model runs: the image has a C compiler (``COMPILER``).
5. Otherwise nothing is added (``SLIM``): wheels of torch and jax find their own CUDA.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cog_compat.packages import COMPILES_WHILE_RUNNING, TORCH_FAMILY
from cog_frontend.plan.stack import (
    Facts,
    Outcome,
    Source,
    Stack,
    decide,
    own_index,
    torch_index,
)
from cog_frontend.plan.wanted import Wanted

# Of a version such as 2.4.0+cu121 (PEP 440).
_LOCAL_VERSION = re.compile(r"\+([A-Za-z0-9]+)")
# Any of them stands for a compiler that the project brings itself.
_COMPILERS = frozenset({"gcc", "g++", "clang", "build-essential"})
_COMPILER_PACKAGES = ("gcc", "libc6-dev")


def choose_stack(facts: Facts) -> Stack:
    """Return what the procedure gives for a project."""
    if facts.config.build.gpu:
        from cog_frontend.plan.gpu import for_gpu  # noqa: PLC0415 - the tables take their time

        stack = for_gpu(facts)
    else:
        stack = _for_cpu(facts)
    return _with_compiler(facts, stack)


def _for_cpu(facts: Facts) -> Stack:
    """Without a GPU: wheels of torch come without CUDA, whoever asks for them."""
    none = decide("cuda", "none", "build.gpu is false")
    if facts.listing.hashed or facts.own_index:
        return Stack(decisions=(none, own_index(facts)))
    if not facts.listing.packages:
        return Stack(decisions=(none,))
    torch = facts.listing.find(*TORCH_FAMILY)
    source = facts.source(torch) if torch else None
    if torch and (local := _LOCAL_VERSION.search(torch.specifier)):
        backend, why = local[1], "the version names it"
    else:
        backend, why = "cpu", "build.gpu is false, and builds for CPUs are a tenth of the size"
    stack = Stack(backend=backend, decisions=(none, torch_index(backend, why, source)))
    if torch and torch.name == "torch" and torch.specifier and backend == "cpu":
        from cog_frontend.plan.gpu import check_cpu_torch  # noqa: PLC0415

        return check_cpu_torch(facts, torch, stack)
    return stack


def _with_compiler(facts: Facts, stack: Stack) -> Stack:
    """Add a C compiler where code is compiled while the model runs."""
    source = facts.compiles or _compiling_package(facts)
    if source is None or facts.config.build.base:
        return stack
    listed = {package.text.partition("=")[0] for package in facts.config.build.system_packages}
    if listed & _COMPILERS:
        return stack
    reason = f"{source.what} compiles code while the model runs"
    return replace(
        stack,
        outcome=Outcome.COMPILER if stack.outcome is Outcome.SLIM else stack.outcome,
        system=_COMPILER_PACKAGES,
        decisions=(
            *stack.decisions,
            decide("compiler", " ".join(_COMPILER_PACKAGES), reason, source),
        ),
    )


def _compiling_package(facts: Facts) -> Source | None:
    found: Wanted | None = facts.listing.find(*COMPILES_WHILE_RUNNING)
    return facts.source(found) if found and facts.config.build.gpu else None
