"""The five outcomes of the choice of CUDA, the index of torch, and what is said about them."""

from __future__ import annotations

import pytest

from cog_frontend.config import read_config
from cog_frontend.plan.choose import choose_stack
from cog_frontend.plan.requirements import from_packages, read_requirements
from cog_frontend.plan.stack import Facts, Outcome, Source, Stack
from cog_frontend.plan.wanted import listing

GPU, CPU = "gpu: true\n", "gpu: false\n"


def choose(
    requirements: str = "",
    *,
    build: str = "",
    python: str = "3.11",
    more: str = "",
    compiles: Source | None = None,
) -> Stack:
    gpu = "" if "gpu:" in build else "gpu: true\n"
    build, text = gpu + build, f'build:\n  python_version: "{python}"\n'
    lines = "".join(f"  {line}\n" for line in build.splitlines())
    config = read_config(f"{text}{lines}{more}".encode())
    files = {"requirements.txt": requirements.encode()}
    read = read_requirements("requirements.txt", files.get) if requirements else None
    return choose_stack(
        Facts(config=config, filename="cog.yaml", listing=listing(read), compiles=compiles)
    )


def decided(stack: Stack, topic: str) -> str:
    (decision,) = (each for each in stack.decisions if each.topic == topic)
    span = f"{decision.file}:{decision.span.start_line}: " if decision.span else ""
    return f"{span}{decision.value}: {decision.reason}"


def test_slim_because_torch_brings_cuda() -> None:
    stack = choose("pillow\ntorch==2.5.1\n")
    assert stack.outcome is Outcome.SLIM
    assert (stack.cuda, stack.backend, stack.toolkit, stack.adds) == ("12.4", "", None, ())
    assert decided(stack, "cuda") == (
        "requirements.txt:2: 12.4 (wheels): the wheels of torch bring it"
    )
    assert decided(stack, "driver").startswith("525.60.13 or newer")
    assert decided(stack, "index").startswith("requirements.txt:2: PyPI: its own wheels")


def test_slim_with_a_compiler_for_a_package_of_triton_kernels() -> None:
    stack = choose("vllm\n")
    assert stack.outcome is Outcome.COMPILER
    assert stack.system == ("gcc", "libc6-dev")
    assert decided(stack, "compiler") == (
        "requirements.txt:1: gcc libc6-dev: vllm compiles code while the model runs"
    )


def test_slim_with_a_compiler_for_code_that_compiles() -> None:
    source = Source(file="predict.py", span=None, what="torch.compile")
    for build in (GPU, CPU):
        assert choose("torch==2.5.1", build=build, compiles=source).outcome is Outcome.COMPILER


@pytest.mark.parametrize("build", ["system_packages: [build-essential]", "base: mine:1"])
def test_a_compiler_of_the_projects_own_is_enough(build: str) -> None:
    assert choose("torch==2.5.1\nvllm\n", build=build).system == ()


@pytest.mark.parametrize(
    ("requirements", "adds", "folder"),
    [
        ("tensorflow==2.16.1", "tensorflow[and-cuda]", "nvidia/cudnn/lib"),
        ("onnxruntime-gpu==1.31.1", "onnxruntime-gpu[cuda,cudnn]", "nvidia/cu13/lib"),
        ("cupy-cuda12x==14.2.0", "cupy-cuda12x[ctk]", "nvidia/cublas/lib"),
        ("faster-whisper", "nvidia-cudnn-cu12==9.*", "nvidia/cudnn/lib"),
        # torch's wheels have the same libraries: nothing is added, and they are found.
        ("torch==2.5.1\nctranslate2==4.4.0", "", "nvidia/cublas/lib"),
    ],
)
def test_cuda_libraries_from_wheels(requirements: str, adds: str, folder: str) -> None:
    stack = choose(requirements)
    assert stack.outcome is Outcome.WHEELS
    assert folder in stack.libraries
    assert stack.toolkit is None
    assert (adds in stack.adds) if adds else not stack.adds


def test_jax_finds_the_cuda_of_its_extra_itself() -> None:
    assert choose("jax==0.9.2").adds == ("jax[cuda13]",)
    stack = choose("jax==0.9.2", build='cuda: "12.4"')
    assert (stack.outcome, stack.adds, stack.libraries) == (Outcome.SLIM, ("jax[cuda12]",), ())
    assert choose("jax[cuda12]==0.9.2", build='cuda: "12.4"').adds == ()


@pytest.mark.parametrize(
    ("requirements", "python", "build", "image"),
    [
        ("tensorflow==2.11.0", "3.10", "", "nvidia/cuda:11.2.2-cudnn8-runtime-ubuntu20.04"),
        ("onnxruntime-gpu==1.18.1", "3.11", "", "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04"),
        ("ctranslate2==4.4.0", "3.11", "", "nvidia/cuda:12.0.1-cudnn8-runtime-ubuntu22.04"),
        ("", "3.11", 'cuda: "12.4"', "nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"),
        ("numpy", "3.11", 'cuda: "12.1"\ncudnn: "8"',
         "nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04"),
    ],
)  # fmt: skip
def test_cuda_libraries_from_nvidias_image(
    requirements: str, python: str, build: str, image: str
) -> None:
    stack = choose(requirements, python=python, build=build)
    assert stack.outcome is Outcome.LIBRARIES
    assert stack.toolkit is not None
    assert (stack.toolkit.image.ref, stack.toolkit.compiled) == (image, ())
    assert "copied from" in decided(stack, "cuda")


def test_the_toolkit_while_building_for_what_nvcc_compiles() -> None:
    stack = choose("torch==2.5.1\nflash-attn==2.7.4\n")
    assert stack.outcome is Outcome.BUILDER
    assert stack.toolkit is not None
    assert stack.toolkit.image.ref == "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04"
    (compiled,) = stack.toolkit.compiled
    assert (compiled.name, compiled.requires, compiled.version) == (
        *("flash-attn", ("torch", "einops"), ""),
    )
    assert decided(stack, "cuda").startswith(
        "requirements.txt:2: 12.4 (toolkit): nvcc compiles flash-attn"
    )


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("torch-scatter @ https://example.com/torch_scatter-2.1.2.tar.gz#sha256=0", "2.1.2"),
        ("detectron2 @ git+https://example.com/detectron2@main", "0"),
    ],
)
def test_uv_is_told_the_requirements_of_what_it_cannot_ask(line: str, version: str) -> None:
    stack = choose(f"torch==2.5.1\n{line}\n")
    files = {"requirements.txt": b"torch\n"}
    applied = stack.applied(read_requirements("requirements.txt", files.get))
    assert applied is not None
    told = applied.files[-1]
    assert told.path == "uv.toml"
    assert f'version = "{version}"' in told.data.decode()
    assert 'requires-dist = ["torch"' in told.data.decode()


def test_a_built_wheel_needs_no_toolkit() -> None:
    url = "https://example.com/flash_attn-2.7.4+cu12-cp311-cp311-linux_x86_64.whl"
    assert choose(f"torch==2.5.1\nflash-attn @ {url}\n").outcome is Outcome.SLIM


def test_nothing_that_loads_cuda_is_slim_and_says_how_to_add_it() -> None:
    stack = choose("numpy\n")
    assert (stack.outcome, stack.cuda) == (Outcome.SLIM, "")
    assert "build.cuda adds it" in decided(stack, "cuda")


def test_a_base_of_the_projects_own_has_to_bring_its_libraries() -> None:
    stack = choose("tensorflow==2.11.0", python="3.10", build="base: mine:1")
    assert (stack.outcome, stack.toolkit) == (Outcome.SLIM, None)
    assert "build.base has to bring" in decided(stack, "cuda")


@pytest.mark.parametrize(
    ("requirements", "build", "backend"),
    [
        ("torch==2.5.1", CPU, "cpu"),
        ("sentence-transformers", CPU, "cpu"),
        ("torch==2.5.1+cu121", CPU, "cu121"),
        ("torch==2.5.1", 'cuda: "12.1"', "cu121"),
        ("torchvision", 'cuda: "12.6"', "cu126"),
        ("torch==2.5.1+cu121", "", "cu121"),
        ("", CPU, ""),
        ("--extra-index-url https://example.com/simple\ntorch==2.5.1", CPU, ""),
        ("torch==2.5.1 --hash=sha256:" + 64 * "0", CPU, ""),
    ],
)
def test_the_index_of_torch(requirements: str, build: str, backend: str) -> None:
    assert choose(requirements, build=build).backend == backend


def test_an_index_in_the_environment_is_the_projects_choice() -> None:
    more = "environment:\n  - PIP_INDEX_URL=https://example.com/simple\n"
    stack = choose("torch==2.5.1", build=CPU, more=more)
    assert stack.backend == ""
    assert decided(stack, "index").endswith("the project chooses it: PIP_INDEX_URL")


@pytest.mark.parametrize("build", [GPU, CPU])
def test_a_python_that_torch_has_no_wheels_for_is_refused_at_its_line(build: str) -> None:
    (problem,) = choose("numpy\ntorch==2.0.1\n", build=build, python="3.13").problems
    assert (problem.file, problem.span and problem.span.start_line) == ("requirements.txt", 2)
    assert "nothing fits torch==2.0.1 for Python 3.13" in problem.message
    assert "it has wheels for Python 3.10 to 3.11" in problem.message


def test_a_cuda_without_an_image_is_refused() -> None:
    (problem,) = choose(build='cuda: "11.9"').problems
    assert "nothing fits an NVIDIA image with CUDA 11.9" in problem.message
    assert problem.span is not None


def test_an_index_of_the_projects_own_may_have_what_the_tables_lack() -> None:
    stack = choose("--index-url https://example.com\ntorch==2.0.1\n", python="3.13")
    assert stack.problems == ()
    assert "nothing fits torch==2.0.1" in stack.warnings[0].message


@pytest.mark.parametrize("requirements", ["torch==99.0", "tensorflow==99.0"])
def test_a_release_newer_than_the_tables_is_a_warning(requirements: str) -> None:
    stack = choose(requirements)
    assert stack.problems == ()
    assert "newer than the tables" in stack.warnings[0].message
    assert stack.cuda


def test_hashed_requirements_stay_as_they_are() -> None:
    stack = choose("tensorflow==2.16.1 --hash=sha256:" + 64 * "0")
    assert (stack.adds, stack.backend) == ((), "")


def test_the_choice_reaches_the_requirements() -> None:
    files = {"requirements.txt": b"tensorflow==2.16.1\n"}
    stack = choose("tensorflow==2.16.1")
    applied = stack.applied(read_requirements("requirements.txt", files.get))
    assert applied is not None
    assert applied.files[0].data == b"tensorflow==2.16.1\ntensorflow[and-cuda]\n"
    assert stack.applied(None) is None


def test_an_entry_of_python_packages_is_found_in_the_config() -> None:
    config = read_config(
        b'build:\n  gpu: true\n  python_version: "3.11"\n  python_packages:\n'
        b"    - numpy\n    - torch==2.5.1\n"
    )
    read = from_packages(config.build.python_packages, "cog.yaml", lambda _: None)
    stack = choose_stack(Facts(config=config, filename="cog.yaml", listing=listing(read)))
    assert decided(stack, "cuda").startswith("cog.yaml:6: 12.4 (wheels)")
