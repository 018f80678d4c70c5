from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cog.server.devices import devices_in, nvidia_smi, visible_devices, worker_environments

TWO = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1b2c)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-3d4e)
"""

CUT = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c)
  MIG 1g.5gb      Device  0: (UUID: MIG-aaaa)
  MIG 1g.5gb      Device  1: (UUID: MIG-bbbb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-77)
"""


@pytest.mark.parametrize(
    ("listing", "devices"),
    [
        (TWO, ("0", "1")),
        (CUT, ("MIG-aaaa", "MIG-bbbb", "1")),
        ("", ()),
        ("No devices found.\n", ()),
    ],
)
def test_the_drivers_list_is_read(listing: str, devices: tuple[str, ...]) -> None:
    assert devices_in(listing) == devices
    assert visible_devices({}, lambda: listing) == devices


@pytest.mark.parametrize(
    ("visible", "devices"),
    [
        ("2,3", ("2", "3")),
        (" GPU-1b2c , GPU-3d4e ", ("GPU-1b2c", "GPU-3d4e")),
        ("", ()),
        ("-1", ()),
    ],
)
def test_the_environment_says_which_are_ours(visible: str, devices: tuple[str, ...]) -> None:
    assert visible_devices({"CUDA_VISIBLE_DEVICES": visible}, lambda: TWO) == devices


@pytest.mark.parametrize(
    ("script", "devices"),
    [
        (f"cat <<'END'\n{CUT}END", ("MIG-aaaa", "MIG-bbbb", "1")),
        ("echo 'NVIDIA-SMI has failed'; exit 9", ()),
    ],
)
def test_the_driver_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, devices: tuple[str, ...]
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f'#!/bin/sh\n[ "$1" = -L ] || exit 2\n{script}\n')
    tool.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert visible_devices({}) == devices


def test_without_a_driver_there_is_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_smi() == ""


@pytest.mark.parametrize(
    ("workers", "devices", "shares"),
    [
        (2, "01", ["0", "1"]),
        (2, "0123", ["0,1", "2,3"]),
        (3, "0123", ["0", "1", "2,3"]),
        (4, "01", ["0", "1", "0", "1"]),
        (3, "5", ["5", "5", "5"]),
    ],
)
def test_workers_share_the_devices_out(workers: int, devices: str, shares: list[str]) -> None:
    environments = worker_environments({"PATH": "/bin"}, workers, devices)
    assert [env["CUDA_VISIBLE_DEVICES"] for env in environments] == shares
    assert {env["CUDA_DEVICE_ORDER"] for env in environments} == {"PCI_BUS_ID"}
    assert {env["PATH"] for env in environments} == {"/bin"}


def test_one_worker_gets_what_there_is() -> None:
    assert worker_environments({"A": "b"}, 1, ["0", "1"]) == [{"A": "b"}]
    assert worker_environments({"A": "b"}, 2, []) == [{"A": "b"}, {"A": "b"}]
