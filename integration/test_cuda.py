"""The outcomes of the choice of CUDA, each built and asked on a real engine.

NVIDIA's images and the heavy wheels are stand-ins: small files in the same places.
"""

from __future__ import annotations

import io
import ssl
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from integration.conftest import Workplace
from integration.cuda_images import library, push_cuda_images
from integration.frontend_images import run_docker
from integration.model import image_config

TORCH = "torch-2.5.1-py3-none-any.whl"
GPU = 'build:\n  gpu: true\n  python_version: "3.12"\n{}run: predict.py:run\n'
REQUIREMENTS = "  python_requirements: requirements.txt\n"


def wheel(name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(content, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return content.getvalue()


def sdist(name: str, files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.fixture(scope="module", autouse=True)
def nvidia(request: pytest.FixtureRequest) -> None:
    place: Workplace = request.getfixturevalue("one_place")
    push_cuda_images(place.engine)


def env_of(place: Workplace, tag: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in image_config(place.engine, tag)["Env"])


def test_slim_where_the_wheels_of_torch_bring_cuda(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": GPU.format(REQUIREMENTS),
            "requirements.txt": f"./{TORCH}\n",
            TORCH: wheel("torch", "2.5.1", {"torch/__init__.py": b"NAME = 'torch'\n"}),
            "predict.py": "import torch, shutil\n\ndef run() -> str:\n"
            "    return f'{torch.NAME} {shutil.which(\"gcc\")}'\n",
        }
    )
    tag = place.image(project)
    env = env_of(place, tag)
    assert env["NVIDIA_VISIBLE_DEVICES"] == env["NVIDIA_DRIVER_CAPABILITIES"] == "all"
    assert env["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib:/usr/local/nvidia/lib64"
    with place.serve(tag) as model:
        assert model.predict()["output"] == "torch None"


COMPILES = """\
import ctypes
import subprocess
import sysconfig

import torch


@torch.compile
def double(n: int) -> int:
    source = "#include <Python.h>\\nint twice(int n) { return 2 * n; }\\n"
    headers = f"-I{sysconfig.get_paths()['include']}"
    command = ["cc", "-shared", "-fPIC", headers, "-x", "c", "-", "-o", "/tmp/twice.so"]
    subprocess.run(command, input=source, text=True, check=True)
    return ctypes.CDLL("/tmp/twice.so").twice(n)


def run(n: int) -> int:
    return double(n)
"""


def test_a_compiler_where_code_compiles_while_it_runs(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": GPU.format(REQUIREMENTS),
            "requirements.txt": f"./{TORCH}\n",
            TORCH: wheel("torch", "2.5.1", {"torch/__init__.py": b"def compile(f):\n  return f\n"}),
            "predict.py": COMPILES,
        }
    )
    with place.serve(place.image(project)) as model:
        assert model.predict(n=21)["output"] == 42


def test_libraries_that_wheels_bring_are_found_by_the_loader(place: Workplace) -> None:
    wheels = {
        "ctranslate2-4.5.0-py3-none-any.whl": wheel(
            "ctranslate2",
            "4.5.0",
            {"ctranslate2.py": b"import ctypes\nlibrary = ctypes.CDLL('libcudnn.so.9')\n"},
        ),
        "nvidia_cublas_cu12-12.4.5.8-py3-none-any.whl": wheel(
            "nvidia_cublas_cu12", "12.4.5.8", {"nvidia/cublas/lib/libcublas.so.12": b""}
        ),
        "nvidia_cudnn_cu12-9.1.0.70-py3-none-any.whl": wheel(
            "nvidia_cudnn_cu12",
            "9.1.0.70",
            {"nvidia/cudnn/lib/libcudnn.so.9": library(place.engine, "libcudnn.so.9")},
        ),
    }
    project = place.project(
        {
            **wheels,
            "cog.yaml": GPU.format(REQUIREMENTS),
            "requirements.txt": "".join(f"./{name}\n" for name in wheels),
            "predict.py": "import ctranslate2\n\ndef run() -> int:\n"
            "    return ctranslate2.library.cudnnGetVersion()\n",
        }
    )
    tag = place.image(project)
    assert env_of(place, tag)["NVIDIA_REQUIRE_CUDA"] == "cuda>=12.0"
    with place.serve(tag) as model:
        assert model.predict()["output"] == 90100


def test_libraries_that_no_wheel_brings_are_copied_from_nvidias_image(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": GPU.format(f'  cuda: "12.4"\n{REQUIREMENTS}'),
            "requirements.txt": "six==1.17.0\n",
            "predict.py": "import ctypes\n\ndef run() -> list[int]:\n"
            "    version = ctypes.c_int()\n"
            "    ctypes.CDLL('libcudart.so.12').cudaRuntimeGetVersion(ctypes.byref(version))\n"
            "    return [version.value, ctypes.CDLL('libcudnn.so.9').cudnnGetVersion()]\n",
        }
    )
    tag, result = place.build(project)
    assert result.code == 0, result.output
    assert "FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04" in result.output
    assert "NVARCH" not in env_of(place, tag)
    with place.serve(tag) as model:
        assert model.predict()["output"] == [12040, 90100]
        assert "Python 3.12" in model.run("python", "--version")


SETUP = """\
import os
import subprocess

import torch
from setuptools import setup
from setuptools.command.build_py import build_py


class Build(build_py):
    def run(self):
        super().run()
        assert torch.NAME == "torch"
        target = os.path.join(self.build_lib, "torch_scatter", "kernel.so")
        nvcc = os.path.join(os.environ["CUDA_HOME"], "bin", "nvcc")
        subprocess.check_call([nvcc, "-shared", "-fPIC", "kernel.cu", "-o", target])


packages = ["torch_scatter"]
setup(name="torch_scatter", version="2.1.2", packages=packages, cmdclass={"build_py": Build})
"""
KERNEL = 'extern "C" int twice(int n) { return 2 * n; }\n'


def test_what_nvcc_compiles_is_built_with_a_toolkit_that_is_in_no_layer(place: Workplace) -> None:
    scatter = "torch_scatter-2.1.2"
    project = place.project(
        {
            "cog.yaml": GPU.format(f'  cuda: "12.4"\n{REQUIREMENTS}'),
            "requirements.txt": f"./{TORCH}\n./{scatter}.tar.gz\n",
            TORCH: wheel("torch", "2.5.1", {"torch/__init__.py": b"NAME = 'torch'\n"}),
            f"{scatter}.tar.gz": sdist(
                scatter,
                {
                    "setup.py": SETUP,
                    "kernel.cu": KERNEL,
                    "torch_scatter/__init__.py": "",
                    "PKG-INFO": "Metadata-Version: 2.1\nName: torch_scatter\nVersion: 2.1.2\n",
                },
            ),
            "predict.py": "import ctypes\nfrom pathlib import Path\nimport torch_scatter\n\n"
            "def run(n: int) -> int:\n"
            "    here = Path(torch_scatter.__file__).parent\n"
            "    return ctypes.CDLL(str(here / 'kernel.so')).twice(n)\n",
        }
    )
    tag, result = place.build(project)
    assert result.code == 0, result.output
    assert "[toolchain] apt-get install g++-12" in result.output
    with place.serve(tag) as model:
        assert model.predict(n=21)["output"] == 42
        for path in ("/usr/local/cuda", "/usr/bin/g++-12", "/opt/cogkit-build"):
            assert model.run("sh", "-c", f"ls -d {path} 2>/dev/null || echo none") == "none"


def test_a_base_of_the_projects_own(one_place: Workplace) -> None:
    base = f"{one_place.engine.registry}/cogkit-test-base:1"
    folder = one_place.scratch("base")
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        "FROM python:3.12-slim\nENV LD_LIBRARY_PATH=/own/lib\nRUN echo mine > /own.txt\n"
    )
    run_docker(one_place.engine, "buildx", "build", "-q", "--push", "-t", base, str(folder))
    files = {
        "cog.yaml": GPU.format(f"  base: {base}\n"),
        "predict.py": "import os\n\ndef run() -> str:\n"
        "    return open('/own.txt').read() + os.environ['LD_LIBRARY_PATH']\n",
    }
    with one_place.serve(one_place.image(one_place.project(files))) as model:
        output = model.predict()["output"]
        assert output.splitlines()[0] == "mine"
        assert output.endswith(":/own/lib")
    files["cog.yaml"] = files["cog.yaml"].replace("3.12", "3.11")
    _, result = one_place.build(one_place.project(files))
    assert result.code != 0
    assert f"{base} has Python 3.12, and build.python_version is 3.11" in result.output
    assert f">>>   base: {base}" in result.output


PYTORCH = "download.pytorch.org"


@contextmanager
def pytorch_index(folder: Path, files: Mapping[str, bytes]) -> Iterator[list[str]]:
    """PyTorch's index for CPUs as far as these files go, on this machine; yields what was asked."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={PYTORCH}", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            name = self.path.rpartition("/")[2].replace("%2B", "+")
            if self.path == "/whl/cpu/torch/":
                links = (
                    f'<a href="/whl/cpu/{each}#sha256={sha256(data).hexdigest()}">{each}</a>'
                    for each, data in files.items()
                )
                self.answer(200, "text/html", "".join(links).encode())
            elif name in files:
                self.answer(200, "application/octet-stream", files[name])
            else:
                self.answer(404, "text/plain", b"")

        def do_HEAD(self) -> None:
            self.do_GET()

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("0.0.0.0", 443), Handler)
    # Not in the accepting thread: a client that opens a connection ahead would hold up all others.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()


def test_without_a_gpu_torch_comes_from_the_index_for_cpus(place: Workplace) -> None:
    name = "torch-2.5.1+cpu-py3-none-any.whl"
    content = wheel("torch", "2.5.1+cpu", {"torch/__init__.py": b"__version__ = '2.5.1+cpu'\n"})
    project = place.project(
        {
            "cog.yaml": GPU.format("  python_packages: ['torch==2.5.1', 'six==1.17.0']\n").replace(
                "gpu: true", "gpu: false"
            )
            + f"environment:\n  - PIP_TRUSTED_HOST={PYTORCH}\n",
            "predict.py": "import six, torch\n\ndef run() -> str:\n    return torch.__version__\n",
        }
    )
    ask = ("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    host = run_docker(place.engine, *ask)
    with pytorch_index(project.parent, {name: content}) as asked:
        tag = place.image(project, "--no-cache", f"--add-host={PYTORCH}:{host}")
    assert {path for path in asked if path.endswith("/")} == {"/whl/cpu/torch/"}
    with place.serve(tag) as model:
        assert model.predict()["output"] == "2.5.1+cpu"
