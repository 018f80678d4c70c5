"""What packages need beside their wheels, known from their documentation.

Names are canonical (PEP 503). A package that is missing here is treated as any other one. This
module needs nothing: it is asked in every build.
"""

from __future__ import annotations

TORCH_FAMILY = frozenset({"torch", "torchvision", "torchaudio"})

# Kernels in Triton: it compiles a launcher with the C compiler of the image when one first runs.
COMPILES_WHILE_RUNNING = frozenset(
    (
        "flag-gems",
        "flash-linear-attention",
        "liger-kernel",
        "sageattention",
        "sglang",
        "triton",
        "unsloth",
        "vllm",
    )
)

# CUDA sources that setup.py compiles with nvcc, against the torch that is installed; each with what
# it requires to run, because asking the package itself would already need all of that.
COMPILED_WITH_NVCC = {
    "apex": ("torch",),
    "causal-conv1d": ("torch", "packaging"),
    "detectron2": (
        *("torch", "torchvision", "pillow", "matplotlib", "pycocotools", "termcolor", "yacs"),
        *("tabulate", "cloudpickle", "tqdm", "tensorboard", "fvcore", "iopath", "omegaconf"),
        *("hydra-core", "black", "packaging"),
    ),
    "diff-gaussian-rasterization": ("torch",),
    "flash-attn": ("torch", "einops"),
    "gsplat": ("torch", "numpy", "jaxtyping", "rich"),
    "mamba-ssm": ("torch", "packaging", "einops", "triton", "transformers"),
    "nvdiffrast": ("torch", "numpy"),
    "pytorch3d": ("torch", "iopath"),
    "simple-knn": ("torch",),
    "tinycudann": ("torch",),
    "torch-cluster": ("torch", "scipy"),
    "torch-scatter": ("torch",),
    "torch-sparse": ("torch", "scipy"),
    "torch-spline-conv": ("torch",),
}
