"""Stand-ins for NVIDIA's images where none can be pulled: the layout, and programs that do little.

Libraries answer one call; ``nvcc`` passes its source to the host compiler it is told to use.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from integration.engine import EngineInfo
from integration.engine.standin import LABEL
from integration.frontend_images import run_docker

CUDA = "12.4"
TAGS = (f"{CUDA}.1-cudnn-runtime-ubuntu22.04", f"{CUDA}.1-cudnn-devel-ubuntu22.04")

_NVCC = """\
#!/bin/sh
[ "$1" = --version ] && echo "Cuda compilation tools, release 12.4" && exit
set -- $NVCC_PREPEND_FLAGS "$@"
[ "$1" = -ccbin ] || { echo "nvcc: no host compiler was named" >&2; exit 1; }
compiler=$2; shift 2
exec "$compiler" -x c++ "$@"
"""

_DOCKERFILE = f"""\
FROM {{registry}}/library/debian:bookworm-slim AS built
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends gcc libc6-dev
WORKDIR /out/usr/local/cuda-{CUDA}
RUN mkdir -p bin lib64 /out/usr/lib/x86_64-linux-gnu
COPY --chmod=755 nvcc bin/nvcc
RUN echo 'int cudaRuntimeGetVersion(int *v) {{ *v = 12040; return 0; }}' \\
    | gcc -shared -fPIC -x c - -o lib64/libcudart.so.12
RUN echo 'unsigned long cudnnGetVersion(void) {{ return 90100; }}' \\
    | gcc -shared -fPIC -x c - -o /out/usr/lib/x86_64-linux-gnu/libcudnn.so.9

FROM {{registry}}/library/debian:bookworm-slim
COPY --from=built /out /
ENV NVARCH=x86_64
LABEL {LABEL}=nvidia/cuda:{TAGS[0]}
"""


def push_cuda_images(engine: EngineInfo) -> None:
    """Push the stand-ins to the registry that the engine asks first."""
    names = [f"{engine.registry}/nvidia/cuda:{tag}" for tag in TAGS]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "nvcc").write_text(_NVCC)
        text = _DOCKERFILE.replace("{registry}", engine.registry).replace("{{", "{")
        (Path(folder) / "Dockerfile").write_text(text.replace("}}", "}"))
        tags = [word for name in names for word in ("--tag", name)]
        run_docker(
            engine,
            *("buildx", "build", "--quiet", "--provenance=false", "--push", *tags, folder),
        )


def library(engine: EngineInfo, name: str) -> bytes:
    """Return a library of the stand-ins, to put into a wheel."""
    image = f"{engine.registry}/nvidia/cuda:{TAGS[0]}"
    command = ("docker", "run", "--rm", image, "sh", "-c", f"cat $(find / -xdev -name {name})")
    return subprocess.run(command, env=dict(engine.env), capture_output=True, check=True).stdout
