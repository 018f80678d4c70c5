"""The worker on Pythons that this machine does not have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from integration.programs import python

WORKER_TESTS = ("test_sync.py", "test_async.py", "test_cancel.py", "test_capture.py")


def test_the_worker_does_on_python_3_14_what_its_tests_say() -> None:
    tests = Path(__file__).parents[1] / "tests/worker"
    worker = python("3.14")
    asked = subprocess.check_output([worker, "-c", "import sys; print(sys.version_info[:2])"])
    assert asked == b"(3, 14)\n"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(tests / name for name in WORKER_TESTS)],
        env={**os.environ, "COGKIT_WORKER_PYTHON": str(worker)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
