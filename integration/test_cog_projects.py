"""Projects as Cog's users have them, unchanged: pictures, streams, tables, processes, habits."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.model import Model, wait_for_health

CONFIG = "build:\n  python_version: '{python}'\n{build}predict: predict.py:Predictor\n"


def config(python: str = "3.12", *build: str) -> str:
    return CONFIG.format(python=python, build="".join(f"  {line}\n" for line in build))


def data_url(content: bytes, mime: str = "text/plain") -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def content_of(url: object) -> bytes:
    assert isinstance(url, str), url
    return base64.b64decode(url.partition(";base64,")[2])


def png(width: int, height: int) -> bytes:
    rows = b"".join(b"\0" + bytes(x * 255 // width for x in range(width)) for _ in range(height))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


BLUR = """\
import tempfile

from PIL import Image, ImageFilter

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def predict(
        self,
        image: Path = Input(description="Input image"),
        blur: float = Input(description="Blur radius", default=5),
    ) -> Path:
        if blur == 0:
            return input
        im = Image.open(str(image))
        im = im.filter(ImageFilter.BoxBlur(blur))
        out_path = Path(tempfile.mkdtemp()) / "out.png"
        im.save(str(out_path))
        return out_path
"""


def test_blur(one_place: Workplace) -> None:
    files = {"cog.yaml": config("3.12", "python_packages: ['pillow==11.1.0']"), "predict.py": BLUR}
    with one_place.serve(one_place.image(one_place.project(files))) as model:
        picture = png(32, 16)
        answer = model.predict(image=data_url(picture, "image/png"), blur=2)
        assert str(answer["output"]).startswith("data:image/png;base64,")
        blurred = content_of(answer["output"])
        assert struct.unpack(">II", blurred[16:24]) == (32, 16)
        assert blurred != picture
        answer = model.predict(image=data_url(b"no picture", "image/png"))
        assert "UnidentifiedImageError" in answer["error"]
        assert "Traceback" in answer["logs"]
        # The function `input` instead of the parameter: a mistake that real models have.
        answer = model.predict(image=data_url(picture, "image/png"), blur=0)
        assert (answer["status"], "JSON serializable" in answer["error"]) == ("failed", True)


CONCURRENT = """\
import asyncio
from cog import AsyncConcatenateIterator, BasePredictor, Input


class Predictor(BasePredictor):
    async def setup(self) -> None:
        await asyncio.sleep(0.01)
        self.running = self.most = 0

    async def predict(
        self, name: str = "", total: int = Input(default=5), interval: float = 0.05
    ) -> AsyncConcatenateIterator[str]:
        self.running += 1
        self.most = max(self.most, self.running)
        for i in range(total):
            print(name, i)
            await asyncio.sleep(interval)
            yield f"{i} "
        self.running -= 1
        yield f"most {self.most}"
"""


def test_async_predictions_run_together_and_keep_their_own_logs(one_place: Workplace) -> None:
    text = "concurrency:\n  max: 32\n" + config()
    tag = one_place.image(one_place.project({"cog.yaml": text, "predict.py": CONCURRENT}))
    with one_place.serve(tag) as model:
        assert model.predict(interval=0)["output"] == ["0 ", "1 ", "2 ", "3 ", "4 ", "most 1"]
        with ThreadPoolExecutor(32) as clients:
            asked = [clients.submit(model.predict, name=f"p{i}", interval=1) for i in range(32)]
            answers = [answer.result() for answer in asked]
        for i, answer in enumerate(answers):
            assert answer["status"] == "succeeded", answer
            assert answer["logs"] == "".join(f"p{i} {step}\n" for step in range(5))
        assert "most 32" in {answer["output"][-1] for answer in answers}


OUTPUTS = """\
from __future__ import annotations

from typing import Any, Dict, List, Optional

import cog
import numpy as np
import pydantic
from cog import BaseModel, BasePredictor, Input, Path, Secret
from cog.types import ConcatenateIterator

SIZES = {"small": 1, "big": 2}


class Item(pydantic.BaseModel):
    name: str
    rank: int = 1


class Box(BaseModel):
    x: float
    label: str = "none"


class Output(BaseModel):
    boxes: List[Box]
    text: Optional[str]
    score: float
    file: cog.Path
    items: Any
    extra: Dict[str, Any] = {}


class Predictor(BasePredictor):
    def predict(
        self,
        names: List[str] = Input(default=["a"]),
        size: str = Input(default="small", choices=list(SIZES.keys())),
        seed: Optional[int] = Input(description="Leave blank to randomize", default=None),
        token: Secret = Input(default=None),
    ) -> Output:
        print("token", token)
        path = Path("/tmp/o.txt")
        path.write_text("file")
        output = Output(
            boxes=[Box(x=np.float32(1.5), label=name) for name in names],
            text=None if seed is None else str(seed),
            score=np.float64(0.25),
            file=path,
            items=[Item(name=name) for name in names],
        )
        output.extra["array"] = np.arange(3) * SIZES[size]
        output.extra["length"] = len(token.get_secret_value()) if token else None
        return output
"""


def test_structured_outputs(one_place: Workplace) -> None:
    for pydantic in ("pydantic==1.10.21", "pydantic>=2,<3"):
        packages = f"python_packages: ['numpy==2.2.1', '{pydantic}']"
        files = {"cog.yaml": config("3.12", packages), "predict.py": OUTPUTS}
        with one_place.serve(one_place.image(one_place.project(files))) as model:
            output = model.predict()["output"]
            assert content_of(output.pop("file")) == b"file"
            assert output == {
                "boxes": [{"x": 1.5, "label": "a"}],
                "text": None,
                "score": 0.25,
                "items": [{"name": "a", "rank": 1}],
                "extra": {"array": [0, 1, 2], "length": None},
            }
            answer = model.predict(names=["q", "r"], seed=5, size="big", token="s3cr3t")
            assert answer["output"]["text"] == "5"
            assert answer["output"]["extra"] == {"array": [0, 2, 4], "length": 6}
            assert "s3cr3t" not in json.dumps(answer)


PROCESSES = """\
import concurrent.futures as futures
import logging
import multiprocessing as mp
import subprocess
import sys
import time

from tqdm import tqdm

from cog import BasePredictor, Input, Path

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger(__name__)


def square(x):
    print("child", x, flush=True)
    return x * x


class Predictor(BasePredictor):
    def predict(
        self,
        mode: str = Input(choices=["fork", "spawn", "executor", "shell", "tqdm", "huge", "big"]),
    ) -> Path:
        log.info("mode %s", mode)
        path = Path("out.bin")
        path.write_bytes(getattr(self, mode)() or b"")
        return path

    def fork(self):
        with mp.Pool(2) as pool:
            return repr(pool.map(square, [1, 2, 3])).encode()

    def spawn(self):
        with mp.get_context("spawn").Pool(1) as pool:
            return repr(pool.map(square, [1, 2, 3])).encode()

    def executor(self):
        with futures.ProcessPoolExecutor(2) as pool:
            return repr(list(pool.map(square, [1, 2, 3]))).encode()

    def shell(self):
        subprocess.run("echo from shell; echo its error >&2", shell=True, check=True)
        return subprocess.check_output([sys.executable, "-c", "import cog; print(cog.Path)"])

    def tqdm(self):
        for _ in tqdm(range(20), desc="steps"):
            time.sleep(0.01)

    def huge(self):
        for i in range(100_000):
            print("line", i, "x" * 60)

    def big(self):
        return bytes(10 * 1024 * 1024)


if __name__ == "__main__":
    Predictor().predict("fork")
"""


def test_processes_progress_bars_and_plenty_of_output(one_place: Workplace) -> None:
    files = {"cog.yaml": config("3.12", "python_packages: [tqdm]"), "predict.py": PROCESSES}
    with one_place.serve(one_place.image(one_place.project(files))) as model:
        for mode in ("fork", "spawn", "executor"):
            answer = model.predict(mode=mode)
            assert content_of(answer["output"]) == b"[1, 4, 9]"
            expected = {f"INFO mode {mode}", "child 1", "child 2", "child 3"}
            assert expected <= set(answer["logs"].splitlines())
        answer = model.predict(mode="shell")
        assert b"cog" in content_of(answer["output"])
        assert {"from shell", "its error"} <= set(answer["logs"].splitlines())
        assert "steps: 100%" in model.predict(mode="tqdm")["logs"]
        logs = model.predict(mode="huge")["logs"].splitlines()
        assert [line for line in logs if line.startswith("line ")] == [
            f"line {i} {'x' * 60}" for i in range(100_000)
        ]
        assert content_of(model.predict(mode="big")["output"]) == bytes(10 * 1024 * 1024)


LIBRARY = [
    "asyncio", "base64", "copy", "ctypes", "dataclasses", "datetime", "email", "enum",
    "hashlib", "http", "inspect", "json", "linecache", "logging", "mimetypes", "pathlib",
    "queue", "random", "shutil", "signal", "socket", "ssl", "tempfile", "threading",
    "traceback", "types", "typing", "urllib", "uuid",
]  # fmt: skip
SHADOWING = """\
from cog import BasePredictor, Input, Path

import cog_utils
from worker import NAME


class Predictor(BasePredictor):
    def predict(self, file: Path = Input(), fail: bool = False) -> Path:
        if fail:
            raise ValueError(cog_utils.WHY)
        path = Path("/tmp/o.txt")
        path.write_text(f"{NAME} {file.read_text()}")
        return path
"""


def test_files_named_like_the_standard_library_stay_out_of_the_way(one_place: Workplace) -> None:
    named = {f"{name}.py": f"raise RuntimeError('{name} of the project')\n" for name in LIBRARY}
    project = one_place.project(
        {
            **named,
            "cog.yaml": config("3.11"),
            "predict.py": SHADOWING,
            "cog_utils.py": "WHY = 'as told'\n",
            "worker.py": "NAME = 'my worker'\n",
        }
    )
    with one_place.serve(one_place.image(project)) as model:
        answer = model.predict(file=data_url(b"reads"))
        assert content_of(answer["output"]) == b"my worker reads"
        answer = model.predict(file=data_url(b"reads"), fail=True)
        assert "ValueError: as told" in answer["error"]
        assert "Traceback" in answer["logs"]
        answer = model.predict(file="http://127.0.0.1:9999/x.txt")
        assert "input 'file': the host '127.0.0.1' is not on the public Internet" in answer["error"]


PACKAGE = {
    "cog.yaml": "build:\n  python_version: '3.10'\npredict: src/model/predict.py:Predictor\n"
    "train: src/train.py:train\n",
    "helpers.py": "NAME = 'helpers'\n",
    "lib/vendored.py": "NUMBER = 10\n",
    "config/words.txt": "alpha\nbeta\n",
    "src/__init__.py": "",
    "src/model/__init__.py": "",
    "src/model/consts.py": "FACTOR = 3\nMODES = ['a', 'b']\n",
    "src/model/net.py": "from .consts import FACTOR\n\ndef go(x):\n    return x * FACTOR\n",
    "src/model/data.json": '{"key": 7}',
    "src/model/predict.py": """\
import json
import os
import sys
from typing import List, Optional

sys.path.insert(0, "lib")
import vendored
from helpers import NAME
from src.model.consts import MODES
from src.model.net import go

from cog import BasePredictor, Input, Path

HERE = os.path.dirname(os.path.abspath(__file__))


class Predictor(BasePredictor):
    def setup(self, weights: Optional[Path] = None):
        self.weights = weights.read_text() if weights else "none"
        with open(os.path.join(HERE, "data.json")) as file:
            self.key = json.load(file)["key"]
        self.words = open("config/words.txt").read().split()

    def predict(
        self, files: List[Path], x: int = 2, mode: str = Input(default="a", choices=MODES)
    ) -> List[Path]:
        parts = [go(x), self.key, *self.words, NAME, vendored.NUMBER, mode, self.weights]
        outputs = []
        for file in [*files, None]:
            out = Path(f"out-{len(outputs)}.txt")
            out.write_text(file.read_text()[::-1] if file else " ".join(map(str, parts)))
            outputs.append(out)
        return outputs
""",
    "src/train.py": """\
from cog import BaseModel, Input, Path


class TrainingOutput(BaseModel):
    weights: Path


def train(
    prefix: str = Input(description="data"), n: int = Input(default=2, ge=1)
) -> TrainingOutput:
    weights = Path("model.bin")
    weights.write_text(prefix * n)
    return TrainingOutput(weights=weights)
""",
}


def test_a_package_with_local_imports_files_weights_and_training(one_place: Workplace) -> None:
    tag = one_place.image(one_place.project(PACKAGE))
    with one_place.serve(tag, COG_WEIGHTS="/src/config/words.txt") as model:
        output = model.predict(files=[data_url(b"abc"), data_url(b"xyz")], mode="b")["output"]
        assert [content_of(each) for each in output] == [
            *(b"cba", b"zyx"),
            b"6 7 alpha beta helpers 10 b alpha\nbeta\n",
        ]
    command = ("python", "-m", "cog.server.http", "--x-mode", "train")
    run = ("run", "-d", "-p", "127.0.0.1::5000", tag, *command)
    container = run_docker(one_place.engine, *run)
    try:
        address = run_docker(one_place.engine, "port", container, "5000/tcp").splitlines()[0]
        model = Model(one_place.engine, container, f"http://{address}")
        wait_for_health(model)
        answer = model.post("/trainings", {"input": {"prefix": "ab", "n": 3}}).json()
        assert content_of(answer["output"]["weights"]) == b"ababab"
    finally:
        run_docker(one_place.engine, "rm", "--force", container)


SCIENCE = """\
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
from sklearn.linear_model import LinearRegression

from cog import BasePredictor, Input, Path


class Predictor(BasePredictor):
    def setup(self):
        x = np.arange(10).reshape(-1, 1)
        self.model = LinearRegression().fit(x, 2 * x.ravel() + 1)

    def predict(self, x: float = Input(default=3), plot: bool = False) -> Path:
        y = self.model.predict([[x]])[0]
        table = pd.DataFrame({"x": [float(x)], "y": [y]})
        if plot:
            plt.plot(table.x, table.y)
            plt.savefig("plot.png")
            return Path("plot.png")
        table.round(3).to_csv("out.csv", index=False)
        return Path("out.csv")
"""
PINS = (
    "# pins",
    "numpy==1.26.4",
    "pandas==2.2.3  # tables",
    "scikit-learn==1.5.2",
    "matplotlib==3.9.2",
    "onnxruntime==1.20.1; platform_machine == 'x86_64' or platform_machine == 'aarch64'",
    "-r more.txt",
    "requests[socks]==2.32.3",
    "",
)


def test_a_scientific_stack_from_a_windows_requirements_file(one_place: Workplace) -> None:
    project = one_place.project(
        {
            "cog.yaml": config("3.12", "gpu: false", "python_requirements: requirements.txt"),
            "requirements.txt": "\r\n".join(PINS),
            "more.txt": "six==1.17.0\r\n",
            "predict.py": SCIENCE,
        }
    )
    with one_place.serve(one_place.image(project)) as model:
        assert content_of(model.predict(x=3)["output"]) == b"x,y\n3.0,7.0\n"
        assert content_of(model.predict(plot=True)["output"]).startswith(b"\x89PNG")
        assert model.run("python", "-c", "import six, socks; print(six.__version__)") == "1.17.0"
