"""The GPU checks against a torch and a driver that are played: they can pass, and they can fail."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from benchmarks import gpu

TORCH = """
import os

class OutOfMemoryError(RuntimeError):
    pass

class _Tensor:
    def __init__(self, size=0):
        self.size = size
    def sum(self):
        return self
    def item(self):
        return 0.0
    def __getitem__(self, index):
        raise RuntimeError("CUDA error: device-side assert triggered")

uint8 = "uint8"
def randn(*size, device): return _Tensor()
def zeros(*size, device): return _Tensor()
def tensor(values, device): return _Tensor()
def mm(left, right): return left
def empty(size, dtype, device):
    if os.environ.get("PLAY") == "die":
        os._exit(1)
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate a lot")

class _Properties:
    name = "played"
    def __init__(self, number):
        seen = "0,1" if os.environ.get("PLAY") == "unpinned" else os.environ["CUDA_VISIBLE_DEVICES"]
        self.uuid = "GPU-" + seen.split(",")[number]

class cuda:
    @staticmethod
    def device_count():
        if os.environ.get("PLAY") == "unpinned":
            return 2
        return len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
    @staticmethod
    def get_device_properties(number): return _Properties(number)
    @staticmethod
    def mem_get_info(): return 1, 2
    @staticmethod
    def memory_allocated(): return 0
    @staticmethod
    def synchronize(): pass
"""


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text(TORCH)
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\nfor n in 0 1; do echo "GPU $n: Played (UUID: GPU-$n)"; done\n')
    tool.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_machine_whose_gpus_behave_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--predictions", "5"]) == 0
    said = capsys.readouterr().out
    assert said.count("ok: ") == 3
    assert "2 workers up after" in said


@pytest.mark.parametrize(
    ("play", "failed"),
    [("unpinned", "each worker its own GPU"), ("die", "out of memory fails one prediction")],
)
def test_a_machine_whose_gpus_do_not_fails(
    play: str, failed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAY", play)
    assert gpu.main(["--predictions", "2"]) == 1
    assert f"FAILED: {failed}" in capsys.readouterr().out


def test_a_machine_without_gpus_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu.main([]) == 1
    assert capsys.readouterr().out == "There is no GPU here that CUDA could use.\n"
