from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from cog import wire
from cog.worker.capture import PIPE_SIZE, Capture
from cog.worker.channel import Channel
from cog.worker.runs import Runs
from tests.fakes.worker_driver import SCRIPT
from tests.worker.conftest import Stage, Start


def test_everything_printed_arrives_in_order_on_its_stream(stage: Stage) -> None:
    done, log = stage.play(
        """
        import ctypes, os, subprocess, sys
        def f():
            print("one")
            os.write(1, b"two\\n")
            print("three", file=sys.stderr)
            subprocess.run(["sh", "-c", "echo four"])
            os.write(2, b"five\\n")
            print("and a half")
            ctypes.CDLL(None).puts(b"six")
            sys.stdout.buffer.write(b"seven\\n")
            sys.__stdout__.write("eight\\n")
            print("nine", end="")
        """
    )
    assert done.status == "succeeded"
    assert log == "one\ntwo\nthree\nfour\nfive\nand a half\nsix\nseven\neight\nnine"
    assert stage.worker.logs(done.id, stream="stderr") == "three\nfive\n"


def test_lines_arrive_while_the_handler_runs_and_parts_when_flushed(start: Start) -> None:
    worker = start(
        """
        import ctypes, os, pathlib, time
        def wait_for(gate):
            while not pathlib.Path(gate).exists():
                time.sleep(0.005)
        def f():
            print("line")
            wait_for("1")
            print("part", end="", flush=True)
            wait_for("2")
            os.write(1, b"raw\\n")
            wait_for("3")
            ctypes.CDLL(None).puts(b"from C")
            wait_for("4")
            print("50%", end="\\r")
            wait_for("5")
        """,
        ref="predict.py:f",
    )
    worker.start()
    said = ""
    for gate, text in enumerate(["line\n", "part", "raw\n", "from C\n", "50%\r"], start=1):
        said += text
        worker.wait_log(said)
        (worker.project / str(gate)).touch()
    assert worker.done().status == "succeeded"


def test_no_tail_is_lost(stage: Stage) -> None:
    done, log = stage.play(
        """
        import ctypes, os
        def f():
            ctypes.CDLL(None).printf(b"C")
            os.write(1, b" raw")
            print(" python", end="")
        """
    )
    assert done.status == "succeeded"
    assert sorted(log) == sorted("C raw python")


def test_setup_and_import_belong_to_no_prediction(start: Start) -> None:
    worker = start(
        """
        import os
        print("import")
        class Predictor:
            def setup(self):
                print("setup")
                os.write(2, b"raw")
            def predict(self):
                print("predict")
        """
    )
    worker.predict()
    assert worker.logs(None) == "import\nsetup\nraw"
    assert worker.logs("p") == "predict\n"


def test_threads_without_a_context_print_for_the_one_that_runs(stage: Stage) -> None:
    done, log = stage.play(
        """
        import threading
        def f():
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
        """
    )
    assert done.status == "succeeded"
    assert log == "from a thread\n"


def test_lines_that_threads_print_at_a_time_do_not_mix(stage: Stage) -> None:
    done, log = stage.play(
        """
        import sys, threading
        def f():
            sys.setswitchinterval(1e-6)
            def work(name):
                for n in range(100):
                    print(name, n)
            threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
        """
    )
    assert done.status == "succeeded"
    assert sorted(log.splitlines()) == sorted(f"{name} {n}" for name in "abc" for n in range(100))


def test_text_of_no_single_prediction_is_given_to_none(start: Start) -> None:
    worker = start(
        """
        import asyncio, os
        class Predictor:
            def setup(self):
                self.here, self.all = 0, asyncio.Event()
            async def predict(self):
                self.here += 1
                if self.here == 2:
                    os.write(1, b"whose?\\n")
                    self.all.set()
                await self.all.wait()
        """,
        "--concurrency",
        "2",
    )
    worker.start("1")
    worker.start("2")
    worker.wait_log("whose?\n", None)
    worker.done("1")
    worker.done("2")
    assert worker.logs("1") + worker.logs("2") == ""


def test_forked_and_spawned_children_print_like_subprocesses(start: Start) -> None:
    worker = start(
        """
        import multiprocessing
        def child(name):
            print("hello from", name)
        def f():
            for method in ("fork", "spawn"):
                process = multiprocessing.get_context(method).Process(target=child, args=(method,))
                process.start()
                process.join()
                print(method, process.exitcode)
        """,
        ref="predict.py:f",
    )
    assert worker.predict().status == "succeeded"
    assert worker.logs() == "hello from fork\nfork 0\nhello from spawn\nspawn 0\n"


def test_a_child_that_lives_on_does_not_keep_the_socket_open(start: Start) -> None:
    worker = start(
        """
        import os, subprocess, time
        def f() -> int:
            program = subprocess.Popen(["sleep", "60"])
            child = os.fork()
            if child == 0:
                time.sleep(60)
            return [program.pid, child]
        """,
        ref="predict.py:f",
    )
    output = worker.predict().output
    assert isinstance(output, list)
    worker.send(wire.Shutdown())
    worker.drain()
    for pid in output:
        os.kill(pid, 9)


def test_bytes_and_characters_that_are_no_text_are_shown_somehow(stage: Stage) -> None:
    done, log = stage.play(
        r"""
        import os
        def f():
            os.write(1, b"\xff\xe4\n")
            print("lone \udc80 surrogate")
            os.write(1, "ä".encode()[:1])
            os.write(1, "ä".encode()[1:] + b"\n")
        """
    )
    assert done.status == "succeeded"
    assert log == "\ufffd\ufffd\nlone \\udc80 surrogate\nä\n"


def test_a_long_line_is_cut_into_messages(start: Start) -> None:
    worker = start("def f(n: int):\n    print('x' * n)\n", ref="predict.py:f")
    size = 2 * wire.MAX_LOG + 7
    worker.predict(n=size)
    assert worker.logs() == "x" * size + "\n"
    logs = [each.data for each in worker.messages if isinstance(each, wire.Log)]
    assert max(map(len, logs)) == wire.MAX_LOG


def test_more_than_a_pipe_holds_arrives_whole(stage: Stage) -> None:
    done, log = stage.play(
        """
        import subprocess, sys
        def f():
            subprocess.run([sys.executable, "-c", "print('y' * 5_000_000)"])
        """
    )
    assert done.status == "succeeded"
    assert log == "y" * 5_000_000 + "\n"


def test_a_program_that_prints_without_end_holds_nobody_up() -> None:
    read_fd, write_fd = os.pipe()
    other_fd, unused_fd = os.pipe()
    here, there = socket.socketpair()
    channel = Channel(here)

    class Echo(Runs):
        """Writes all that is read back into the pipe."""

        taken = 0

        def written(self, stream: wire.Stream, data: bytes) -> None:
            assert stream == "stdout"
            self.taken += len(data)
            assert self.taken < 10 * PIPE_SIZE, "it would read for ever"
            os.write(write_fd, data)

    runs = Echo(channel, time.monotonic)
    os.write(write_fd, b"x" * 1000)
    Capture(runs, nullcontext(), {"stdout": read_fd, "stderr": other_fd}).drain()
    assert PIPE_SIZE <= runs.taken < 2 * PIPE_SIZE
    channel.detach()
    there.close()
    for fd in (read_fd, write_fd, other_fd, unused_fd):
        os.close(fd)


def test_standard_streams_behave_like_streams(start: Start) -> None:
    worker = start(
        """
        import contextlib, io, logging, sys
        log = logging.StreamHandler()
        def f() -> list:
            sys.stdout.reconfigure(line_buffering=True)
            with contextlib.redirect_stdout(io.StringIO()) as text:
                print("redirected")
            log.emit(logging.makeLogRecord({"msg": "logged"}))
            answers = [
                text.getvalue(), sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.isatty(),
                sys.stdout.encoding, sys.stdout.writable(), sys.stdin.read(),
            ]
            sys.stdout.close()
            return answers
        """,
        ref="predict.py:f",
    )
    assert worker.predict("1").output == ["redirected\n", 1, 2, False, "utf-8", True, ""]
    assert worker.logs("1", stream="stderr") == "logged\n"


def test_closing_the_descriptors_costs_only_what_is_written_to_them(start: Start) -> None:
    worker = start(
        """
        import os
        def f():
            os.close(1)
            os.close(2)
            print("still heard")
        """,
        ref="predict.py:f",
    )
    worker.predict("1")
    assert worker.logs("1") == "still heard\n"


def test_a_finaliser_may_print_at_any_time(stage: Stage) -> None:
    done, log = stage.play(
        """
        import gc
        class Loud:
            def __init__(self):
                self.me = self
            def __del__(self):
                print("collected")
        def f():
            gc.set_threshold(1)
            for n in range(300):
                Loud()
                print("printed")
            gc.collect()
        """
    )
    assert done.status == "succeeded"
    lines = log.splitlines()
    assert sorted({*lines}) == ["collected", "printed"]
    assert lines.count("printed") == lines.count("collected") == 300


def test_what_is_printed_in_the_middle_of_a_print_is_a_line_of_its_own(stage: Stage) -> None:
    done, log = stage.play(
        """
        import sys
        def interrupt(frame, event, _):  # where Python runs finalisers and signal handlers
            code = frame.f_code
            if event == "call" and code.co_name == "write" and "capture" in code.co_filename:
                sys.setprofile(None)
                print("inner", end=" ")
                print("line")
        def f():
            for n in range(2):
                sys.setprofile(interrupt)
                print("outer", end="")
                sys.setprofile(interrupt)
                print(" line")
        """
    )
    assert done.status == "succeeded"
    assert sorted(log.splitlines()) == ["inner line"] * 4 + ["outer line"] * 2


def test_the_server_can_read_the_last_words_of_a_crash(project: Path) -> None:
    (project / "predict.py").write_text(
        "import ctypes, os\n"
        "def f():\n"
        "    print('read')\n"
        "    ctypes.PyDLL(None).puts(b'last words')\n"
        "    ctypes.string_at(0)\n"
    )
    ours, theirs = socket.socketpair()
    (out, out_write), (err, err_write) = os.pipe(), os.pipe()
    with ours, theirs, os.fdopen(out, "rb") as printed, os.fdopen(err, "rb") as errors:
        fds = ["--fd", str(theirs.fileno()), "--stdout-fd", str(out), "--stderr-fd", str(err)]
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "--ref", "predict.py:f", *fds],
            cwd=project, pass_fds=[theirs.fileno(), out, err], stdout=out_write, stderr=err_write,
        )  # fmt: skip
        theirs.close()
        os.close(out_write)
        os.close(err_write)
        ours.sendall(b"")
        receiver = wire.Receiver(wire.TO_SERVER)
        messages: list[wire.ToServer] = []
        while data := ours.recv(65536):
            messages.extend(receiver.receive(data))
            if isinstance(messages[-1], wire.Ready):
                ours.sendall(wire.encode(wire.Predict(id="p", input={}, dir=str(project))))
        assert process.wait(10) == -11
        said = "".join(each.data for each in messages if isinstance(each, wire.Log))
        said += ((printed.read() or b"") + (errors.read() or b"")).decode()
    assert "read\n" in said
    assert "last words\n" in said
    assert "Segmentation fault" in said
