"""Which GPUs there are, and which worker gets which of them.

A worker is given its GPUs by ``CUDA_VISIBLE_DEVICES`` in its environment, before anything of the
model is imported: a library that has looked once does not look again.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"

_ASK_TIMEOUT = 20.0  # seconds; a driver that wakes many GPUs takes some

# nvidia-smi -L prints "GPU 0: NVIDIA H100 (UUID: GPU-…)", and below it, where the GPU is cut,
# "  MIG 1g.10gb     Device  0: (UUID: MIG-…)".
_GPU = re.compile(r"^GPU (\d+): ")
_MIG = re.compile(r"^\s+MIG .*\(UUID: (MIG-[^)\s]+)\)")


def nvidia_smi() -> str:
    """Return what ``nvidia-smi -L`` prints; empty where there is no driver."""
    try:
        done = subprocess.run(
            ("nvidia-smi", "-L"), capture_output=True, text=True, timeout=_ASK_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def visible_devices(
    environ: Mapping[str, str], ask: Callable[[], str] = nvidia_smi
) -> tuple[str, ...]:
    """Return the GPUs that the environment lets us see, else all that the driver lists.

    A GPU that is cut into MIG devices counts as those.
    """
    if VISIBLE in environ:
        named = (name.strip() for name in environ[VISIBLE].split(","))
        # CUDA ignores what follows the first name that it does not know, such as -1.
        return tuple(name for name in named if name and name != "-1")
    return devices_in(ask())


def devices_in(listing: str) -> tuple[str, ...]:
    """Return the devices in the text of ``nvidia-smi -L``: an index each, a UUID where MIG."""
    found: list[str] = []
    whole = ""
    for line in listing.splitlines():
        if gpu := _GPU.match(line):
            whole = gpu[1]
            found.append(whole)
        elif mig := _MIG.match(line):
            if found and found[-1] == whole:
                found.pop()  # CUDA cannot use a GPU that is cut
            found.append(mig[1])
    return tuple(found)


def worker_environments(
    environ: Mapping[str, str], workers: int, devices: Sequence[str]
) -> list[dict[str, str]]:
    """Return the environment of each of ``workers`` workers.

    One worker alone gets every device, as without us: its model may want them all. Several share
    them out in equal parts; where there are more workers than devices they take turns.
    """
    if workers == 1 or not devices:
        return [dict(environ) for _ in range(workers)]
    shares = [_share(number, workers, devices) for number in range(workers)]
    # The order that nvidia-smi counts in; CUDA's own puts the fastest first.
    order = environ.get(ORDER) or "PCI_BUS_ID"
    return [{**environ, VISIBLE: ",".join(share), ORDER: order} for share in shares]


def _share(number: int, workers: int, devices: Sequence[str]) -> Sequence[str]:
    if workers > len(devices):
        return [devices[number % len(devices)]]
    return devices[number * len(devices) // workers : (number + 1) * len(devices) // workers]
