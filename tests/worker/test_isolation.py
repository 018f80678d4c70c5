from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import pytest

from cog import wire
from tests.fakes.worker_driver import SCRIPT, WorkerDriver
from tests.worker.conftest import Start

HOSTILE = [
    "cog.py", "wire.py", "worker.py", "server.py", "process.py", "capture.py", "runs.py", "call.py",
    "email.py", "http.py", "argparse.py", "asyncio.py", "urllib.py", "frontend/__init__.py",
    "cog_utils/__init__.py", "cog/__init__.py",
]  # fmt: skip


def test_modules_of_the_project_neither_break_the_worker_nor_are_broken(
    start: Start, project: Path
) -> None:
    for name in HOSTILE:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("whose = 'project'\n")
    worker = start(
        """
        import cog, cog.types
        import process, capture, runs, server, frontend, cog_utils
        class Predictor(cog.BasePredictor):
            def predict(self, image: cog.Path) -> list:
                return [m.whose for m in (process, capture, runs, server, frontend, cog_utils)]
        """
    )
    assert worker.predict(image="data:,x").output == ["project"] * 6


def test_the_import_path_is_that_of_a_program_in_the_projects_folder(start: Start) -> None:
    worker = start(
        """
        import sys
        def f() -> list:
            return [sys.argv, sys.path[0], sys.path]
        """,
        ref="predict.py:f",
    )
    output = worker.predict().output
    assert isinstance(output, list)
    argv, first, path = output
    assert argv == [str(worker.project / "predict.py")]
    assert first == str(worker.project)
    assert str(SCRIPT.parent) not in path


def test_a_handler_in_a_package_imports_its_siblings(start: Start, project: Path) -> None:
    (project / "pkg" / "deep").mkdir(parents=True)
    (project / "pkg" / "__init__.py").write_text("unit = 'kg'\n")
    (project / "pkg" / "deep" / "data.py").write_text("weight = 5\n")
    (project / "pkg" / "deep" / "run.py").write_text(
        "from .data import weight\n"
        "from .. import unit\n"
        "class Runner:\n"
        "    def run(self) -> str:\n"
        "        return f'{__name__} {weight} {unit}'\n"
    )
    worker = start("", ref="pkg/deep/run.py:Runner")
    assert worker.predict().output == "pkg.deep.run 5 kg"


@pytest.mark.parametrize("file", ["queue.py", "test/run.py", "my-model.py", "v1.5/predict.py"])
def test_a_file_whose_name_is_taken_or_no_name_is_loaded_all_the_same(
    start: Start, project: Path, file: str
) -> None:
    (project / file).parent.mkdir(exist_ok=True)
    (project / file).write_text("def f() -> str:\n    return __file__\n")
    worker = start("", ref=f"{file}:f")
    assert worker.predict().output == str(project / file)


def test_a_module_is_imported_once_under_its_own_name(start: Start, project: Path) -> None:
    (project / "other.py").write_text("import predict\nname = predict.__name__\n")
    worker = start(
        """
        print("imported", __name__)
        if __name__ == "__main__":
            print("as a program")
        def f() -> str:
            import other
            return other.name
        """,
        ref="predict.py:f",
    )
    assert worker.predict().output == "predict"
    assert worker.logs(None) == "imported predict\n"


def test_future_annotations_and_names_for_type_checkers_only(start: Start) -> None:
    worker = start(
        """
        from __future__ import annotations
        import typing
        from cog import Input
        if typing.TYPE_CHECKING:
            from cog import Path, Secret
            from numpy import ndarray
        class Predictor:
            def predict(self, image: Path, key: Optional[Secret] = None, a: ndarray = None) -> str:
                return f"{image.read_text()} {key} {a}"
        """
    )
    assert worker.predict(image="data:,x", key="s").output == "x ********** None"


def test_spawned_children_get_our_cog_too(start: Start, project: Path) -> None:
    (project / "cog.py").write_text("raise ImportError('the wrong cog')\n")
    worker = start(
        """
        import concurrent.futures, multiprocessing
        from cog import Path
        def work(path: Path) -> str:
            return f"{path} {multiprocessing.current_process().name[:5]}"
        def f() -> str:
            spawn = multiprocessing.get_context("spawn")
            with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
                return pool.submit(work, Path("a")).result()
        """,
        ref="predict.py:f",
    )
    assert worker.predict().output == "a Spawn"


def test_a_cog_that_is_installed_beside_the_model_is_not_used(start: Start, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "cog").mkdir(parents=True)
    (site / "cog" / "__init__.py").write_text("raise ImportError('the wrong cog')\n")
    worker = start(
        "from cog import wire\ndef f() -> str:\n    return wire.__file__\n",
        ref="predict.py:f",
        env={"PYTHONPATH": str(site)},
    )
    assert worker.predict().output == wire.__file__


def other_pythons() -> list[str]:
    """Return the interpreters this machine has, free-threaded ones too, but the running one."""
    versions = [*(f"3.{minor}" for minor in range(10, 15)), "3.13t", "3.14t"]
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {platform.python_version(): sys.executable}
    for version in versions:
        on_path = shutil.which(f"python{version}")
        installed = roots.glob(f"{version[:4]}.*/bin/python{version}")
        for python in [*installed, *([on_path] if on_path else [])]:
            found.setdefault(version, str(python))
    current = ".".join(platform.python_version_tuple()[:2])
    return [python for version, python in found.items() if version != current]


@pytest.mark.parametrize("python", other_pythons())
def test_the_worker_runs_on_every_python_a_model_may_use(project: Path, python: str) -> None:
    (project / "predict.py").write_text(
        "import asyncio, sys, time\n"
        "from cog import BasePredictor, BaseModel, Input, Path, Secret, current_scope\n"
        "class Result(BaseModel):\n"
        "    text: str\n"
        "    out: Path\n"
        "class Predictor(BasePredictor):\n"
        "    def predict(self, image: Path, key: Secret | None = None,\n"
        "                n: int = Input(default=2, ge=1), wait: float = 0) -> Result:\n"
        "        print('in')\n"
        "        time.sleep(wait)\n"
        "        current_scope().record_metric('n', n)\n"
        "        Path('o').write_text('x')\n"
        "        return Result(text=f'{image.read_text()} {key} {n}', out=Path('o'))\n"
        "async def stream(n: int):\n"
        "    for i in range(n):\n"
        "        yield i\n"
        "        await asyncio.sleep(0)\n"
    )
    env = {"PYTHONWARNINGS": "error"}
    with WorkerDriver(project, "predict.py:Predictor", python=python, env=env) as worker:
        done = worker.predict("1", image="data:,x", n=3.0)
        assert isinstance(done.output, dict)
        assert (done.output["text"], done.metrics) == ("x None 3", {"n": 3})
        worker.start("2", image="data:,x", wait=60)
        worker.wait_log("in", "2")
        worker.send(wire.Cancel(id="2"))
        assert worker.done("2").status == "canceled"
        worker.send(wire.Shutdown())
        assert worker.wait_exit() == 0
        worker.drain()
        assert "Warning" not in worker.logs(None)
    with WorkerDriver(project, "predict.py:stream", python=python, env=env) as worker:
        assert worker.predict(n=3).status == "succeeded"
        assert worker.outputs() == [0, 1, 2]
        worker.send(wire.Shutdown())
        assert worker.wait_exit() == 0
        worker.drain()
        assert worker.logs(None) == ""
