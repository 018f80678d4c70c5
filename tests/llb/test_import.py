from __future__ import annotations

import subprocess
import sys

import buildkit_llb

# Each would be paid for by every build.
HEAVY = {"json", "urllib.parse", "asyncio", "logging", "subprocess", "tempfile", "email", "http"}


def test_every_public_name_is_there_and_sorted() -> None:
    assert all(hasattr(buildkit_llb, name) for name in buildkit_llb.__all__)
    assert len(set(buildkit_llb.__all__)) == len(buildkit_llb.__all__)


def test_the_import_loads_nothing_that_it_does_not_need() -> None:
    code = f"import sys; sys.path[:] = {sys.path!r}; import buildkit_llb; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "buildkit_llb._marshal" in printed.split()
    assert not HEAVY & set(printed.split())
