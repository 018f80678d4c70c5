"""Regenerates the protobuf stubs into a scratch folder and compares: `make check` runs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("llb", "frontend", "cli")


def main() -> int:
    """Return 1 when a committed stub is not what its .proto gives."""
    stale = []
    for source in SOURCES:
        protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / source).rglob("pb/*.proto"))
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [
                    *(
                        sys.executable,
                        "-m",
                        "grpc_tools.protoc",
                        *(f"-I{root}" for root in SOURCES),
                    ),
                    *(f"--python_out={folder}", f"--pyi_out={folder}", *protos),
                ],
                cwd=ROOT,
                check=True,
            )
            for made in sorted(Path(folder).rglob("*_pb2.py*")):
                committed = ROOT / source / made.relative_to(folder)
                if not committed.exists() or committed.read_bytes() != made.read_bytes():
                    stale.append(str(committed.relative_to(ROOT)))
    for name in stale:
        print(f"{name} is stale: run `make proto`")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
