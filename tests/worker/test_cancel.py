from __future__ import annotations

import pytest

from cog import wire
from tests.worker.conftest import Stage, Start

BLOCKED = {
    "a loop": "while True: pass",
    "a sleep": "time.sleep(60)",
    "a lock": "threading.Lock().acquire() and threading.Event().wait()",
    "a socket": "ends = socket.socketpair(); ends[0].recv(1)",
    "a subprocess": "subprocess.run(['sleep', '60'])",
    "a thread pool": "concurrent.futures.Future().result()",
    "printing": "\n    while True: print('x' * 50)",
}


@pytest.mark.parametrize("where", BLOCKED)
def test_a_handler_is_told_wherever_it_is(stage: Stage, where: str) -> None:
    name = stage.start(
        f"""
import concurrent.futures, socket, subprocess, threading, time
from cog import CancelationException
def f() -> str:
  try:
    print("in")
    {BLOCKED[where]}
  except CancelationException:
    print("cleaned up")
    raise
"""
    )
    stage.worker.wait_log("in", name)
    stage.worker.send(wire.Cancel(id=name))
    done = stage.worker.done(name)
    assert (done.status, done.output, done.error) == ("canceled", None, "")
    assert stage.worker.logs(name).endswith("cleaned up\n")
    assert "Traceback" not in stage.worker.logs(name)


def test_the_next_prediction_is_not_touched(start: Start) -> None:
    worker = start("import time\ndef f(s: float) -> float:\n    print('in')\n    time.sleep(s)\n"
                   "    return s\n", ref="predict.py:f")  # fmt: skip
    for number in range(5):
        name = f"slow-{number}"
        worker.start(name, s=60)
        worker.start(f"fast-{number}", s=0.01)
        worker.wait_log("in", name)
        worker.send(wire.Cancel(id=name))
        worker.send(wire.Cancel(id=name))
        assert worker.done(name).status == "canceled"
        assert worker.done(f"fast-{number}").output == 0.01


def test_a_waiting_prediction_never_starts(start: Start) -> None:
    worker = start("import time\ndef f(s: float):\n    print('in')\n    time.sleep(s)\n",
                   ref="predict.py:f")  # fmt: skip
    worker.start("running", s=0.2)
    worker.start("waiting", s=60)
    worker.send(wire.Cancel(id="waiting"))
    assert worker.done("waiting").status == "canceled"
    assert worker.logs("waiting") == ""
    assert worker.done("running").status == "succeeded"


def test_a_handler_that_swallows_it_is_canceled_when_it_ends(stage: Stage) -> None:
    name = stage.start(
        """
        import time
        def f() -> str:
            try:
                print("in")
                time.sleep(60)
            except BaseException:
                return "swallowed"
        """
    )
    stage.worker.wait_log("in", name)
    stage.worker.send(wire.Cancel(id=name))
    done = stage.worker.done(name)
    assert (done.status, done.output) == ("canceled", None)


def test_it_strikes_once_so_that_cleaning_up_is_not_cut_short(stage: Stage) -> None:
    name = stage.start(
        """
        import time
        def f() -> str:
            try:
                print("in")
                time.sleep(60)
            finally:
                print("cleaning")
                time.sleep(0.2)
                print("clean")
        """
    )
    stage.worker.wait_log("in", name)
    stage.worker.send(wire.Cancel(id=name))
    stage.worker.wait_log("cleaning", name)
    stage.worker.send(wire.Cancel(id=name))
    assert stage.worker.done(name).status == "canceled"
    assert stage.worker.logs(name) == "in\ncleaning\nclean\n"


def test_a_generator_is_told_where_it_stands(stage: Stage) -> None:
    name = stage.start(
        """
        import time
        from cog import CancelationException
        def f():
            try:
                for n in range(100000):
                    yield n
            except CancelationException:
                print("told")
                raise
        """
    )
    stage.worker.wait(wire.Output, lambda item: item.id == name)
    stage.worker.send(wire.Cancel(id=name))
    done = stage.worker.done(name)
    assert (done.status, done.is_iterator) == ("canceled", True)
    assert stage.worker.logs(name) == "told\n"


def test_a_handler_may_give_up_by_itself(start: Start) -> None:
    worker = start(
        "from cog import CancelationException\ndef f():\n    raise CancelationException\n",
        ref="predict.py:f",
    )
    assert worker.predict().status == "canceled"


def test_an_error_while_cleaning_up_does_not_hide_the_cancelation(stage: Stage) -> None:
    name = stage.start(
        """
        import time
        def f():
            try:
                print("in")
                time.sleep(60)
            finally:
                raise ValueError("while cleaning up")
        """
    )
    stage.worker.wait_log("in", name)
    stage.worker.send(wire.Cancel(id=name))
    assert stage.worker.done(name).status == "canceled"


def test_unknown_and_finished_predictions_are_ignored(start: Start) -> None:
    worker = start("def f() -> int:\n    return 1\n", ref="predict.py:f")
    worker.ready()
    worker.send(wire.Cancel(id="nobody"))
    assert worker.predict("1").output == 1
    worker.send(wire.Cancel(id="1"))
    assert worker.predict("2").output == 1
