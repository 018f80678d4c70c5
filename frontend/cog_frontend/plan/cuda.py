"""The layers and settings that a chosen stack turns into."""

from __future__ import annotations

from dataclasses import dataclass

from cog_frontend.plan import layout, uv
from cog_frontend.plan.model import Bind, Cache, Copy, Exec, Layer
from cog_frontend.plan.stack import Stack, Toolkit
from cog_frontend.plan.system import apt_step

NAME = "cuda"
TOOLCHAIN = "toolchain"
CUDA_HOME = "/usr/local/cuda"
_CUDA_LIBRARIES = (f"{CUDA_HOME}/lib64", f"{CUDA_HOME}/lib")
# Where NVIDIA's device plugin for Kubernetes on some clouds mounts the driver.
_DRIVER_BIN = "/usr/local/nvidia/bin"
_DRIVER_LIBRARIES = ("/usr/local/nvidia/lib", "/usr/local/nvidia/lib64")
# What setup.py files that compile CUDA import besides torch; not in the image.
_BUILD_TOOLS = "/opt/cogkit-build"
_BUILD_PACKAGES = ("setuptools", "wheel", "ninja", "packaging", "psutil", "numpy")

Env = tuple[tuple[str, str], ...]


def libraries_layer(stack: Stack) -> Layer | None:
    """CUDA's libraries and cuDNN from NVIDIA's image; None where they are not copied."""
    kit = stack.toolkit
    if kit is None or kit.compiled:
        return None

    def files(path: str, dest: str) -> Copy:
        title = f"[cuda] copy {path} from {kit.image.ref}"
        return Copy(source=NAME, path=path, dest=dest, title=title, span=kit.image.span)

    # Ubuntu keeps cuDNN and NCCL beside the system's own libraries.
    others = [f"/usr/lib/*-linux-gnu/{name}*" for name in ("libcudnn", "libnccl")]
    steps = [files(f"/usr/local/cuda-{kit.cuda}", CUDA_HOME)]
    steps += [files(path, f"{_CUDA_LIBRARIES[1]}/") for path in others]
    return Layer(name=NAME, steps=tuple(steps))


def toolchain_layer(stack: Stack, env: Env, *, system: str) -> Layer | None:
    """The compilers that nvcc works with; it is stood on while packages are built."""
    kit = stack.toolkit
    if kit is None or not kit.compiled:
        return None
    suffix = _suffix(kit)
    apt = apt_step((f"g++{suffix}",), env, stage=TOOLCHAIN, span=kit.image.span)
    tools = Exec(
        args=(
            *(layout.BUILD_UV, "pip", "install", "--python", "python3"),
            *("--target", _BUILD_TOOLS, *_BUILD_PACKAGES),
        ),
        title=f"[{TOOLCHAIN}] uv pip install {' '.join(_BUILD_PACKAGES)}",
        span=kit.image.span,
        mounts=(
            Bind(target=layout.BUILD_UV, path=layout.TOOLBOX_UV),
            Cache(target=uv.CACHE, id="cogkit/uv"),
        ),
        env=uv.environment(env),
    )
    needs = (system,) if system else ()
    return Layer(name=TOOLCHAIN, steps=(apt, tools), needs=needs, kept=False)


def _suffix(kit: Toolkit) -> str:
    from cog_compat.nvcc import host_compiler  # noqa: PLC0415 - few projects compile CUDA

    return host_compiler(kit.cuda)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """How packages are built with nvcc: what is mounted and set, and options of uv."""

    mounts: tuple[Bind, ...]
    env: Env
    path: tuple[str, ...]
    options: tuple[str, ...]


def compiling(stack: Stack) -> Compiling | None:
    """Return how the stack's packages are compiled; None where nothing is."""
    kit = stack.toolkit
    if kit is None or not kit.compiled:
        return None
    from cog_compat.nvcc import architectures  # noqa: PLC0415

    gcc, gxx = (f"{name}{_suffix(kit)}" for name in ("gcc", "g++"))
    return Compiling(
        mounts=(Bind(target=CUDA_HOME, path=f"/usr/local/cuda-{kit.cuda}", image=NAME),),
        env=(
            ("CUDA_HOME", CUDA_HOME),
            ("CC", gcc),
            ("CXX", gxx),
            ("NVCC_PREPEND_FLAGS", f"-ccbin {gxx}"),
            ("PYTHONPATH", _BUILD_TOOLS),
            # No GPU is seen while building: torch would not know what to compile for.
            ("TORCH_CUDA_ARCH_LIST", architectures(kit.cuda)),
        ),
        path=(f"{CUDA_HOME}/bin", f"{_BUILD_TOOLS}/bin"),
        options=tuple(f"--no-build-isolation-package={each.name}" for each in kit.compiled),
    )


def image_env(stack: Stack, *, gpu: bool) -> Env:
    """What the NVIDIA container runtime reads; CUDA images set the same."""
    if not gpu:
        return ()
    env = [("NVIDIA_VISIBLE_DEVICES", "all"), ("NVIDIA_DRIVER_CAPABILITIES", "all")]
    if stack.cuda:
        # Drivers of a major version run programs for all of its minors: no floor above that.
        env.append(("NVIDIA_REQUIRE_CUDA", f"cuda>={stack.cuda.partition('.')[0]}.0"))
    return tuple(env)


def image_path(*, gpu: bool) -> tuple[str, ...]:
    """Folders with programs of the driver."""
    return (_DRIVER_BIN,) if gpu else ()


def image_libraries(stack: Stack, python: str, *, gpu: bool) -> tuple[str, ...]:
    """Folders for the loader: those of wheels, of NVIDIA's image, of the driver."""
    if not gpu:
        return ()
    packages = layout.site_packages(python)
    wheels = tuple(f"{packages}/{folder}" for folder in stack.libraries)
    copied = _CUDA_LIBRARIES if libraries_layer(stack) else ()
    return (*wheels, *copied, *_DRIVER_LIBRARIES)
