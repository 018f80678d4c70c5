"""One worker process: started with one end of a socket pair, spoken to in frames, ended for good.

The worker runs in the ordinary interpreter, so that it sees the user's packages, and in a process
group of its own, so that what user code has started dies with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import msgspec

from cog.server.memory import MemoryKills
from cog.wire import TO_SERVER, FrameError, Receiver, Shutdown, ToServer, ToWorker, encode

_LAST_WORDS = 1.0  # seconds to read what a dead worker has left in the socket

_PIPE_SIZE = 1024 * 1024  # bytes: what may be printed before the worker's reader gets to it
_MOST_PARTS = 16  # a child that escaped its group may go on writing

Receive = Callable[[ToServer], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run; ``cwd`` is the project's folder.

    ``argv`` gets ``--fd``, ``--stdout-fd`` and ``--stderr-fd`` appended, see `WorkerProcess.start`.
    A worker may live on for ``hang_up`` seconds after it has closed its socket. ``pids`` holds the
    process ids of the workers that we have to wait for.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    hang_up: float = 5.0
    memory: MemoryKills = field(default_factory=MemoryKills)
    pids: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Exit:
    """``how`` it ended, as `describe_exit` says, and what it printed that nobody read.

    ``cause`` is one word of few, for those who count: "crash", "memory", or what `Link.kill` says.
    """

    how: str
    last_words: str = ""
    cause: str = "crash"


class Link(Protocol):
    """A started worker, as its supervisor sees it."""

    @property
    def exited(self) -> asyncio.Future[Exit]:
        """Done once nothing more comes."""

    def send(self, message: ToWorker) -> None:
        """Send a message; lost if the worker is gone. Raises what `cog.wire.encode` raises."""

    def kill(self, why: str = "", cause: str = "crash") -> None:
        """End it now; ``why`` is told as its `Exit.how`, where it is given."""

    def is_stopped(self) -> bool:
        """Say whether the process has been stopped by a signal (SIGSTOP) and not continued."""

    async def stop(self, patience: float) -> None:
        """Ask it to end, kill it after ``patience`` seconds, return when it is gone."""


def describe_exit(code: int, *, out_of_memory: bool | None = None) -> str:
    """Return how a process ended, to follow a subject: "was killed by SIGKILL (...)".

    ``out_of_memory``: whether the kernel has killed for want of memory meanwhile, None: unknown.
    """
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}{_cause(name, out_of_memory=out_of_memory)}"


def _cause(name: str, *, out_of_memory: bool | None) -> str:
    # Nobody sends these in the ordinary course of things: say where they usually come from.
    if name == "SIGSEGV":
        return " (a crash in native code)"
    if name == "SIGKILL" and out_of_memory:
        return " (out of memory: the kernel killed it at the container's memory limit)"
    if name == "SIGKILL" and out_of_memory is None:
        return " (probably out of memory)"
    return ""


def state_of(stat: str) -> str:
    """Return the state in the text of ``/proc/PID/stat`` (proc(5)): "R", "S", "T", "Z", ..."""
    # The name before it stands in parentheses and may hold any.
    return stat.rpartition(")")[2].split()[0]


class WorkerProcess(asyncio.Protocol):
    """A `Link` to a real process."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        printed: Sequence[int],
        receive: Receive,
        *,
        command: Command,
    ) -> None:
        self._process = process
        self._hang_up = command.hang_up
        self._printed = printed
        self._receive = receive
        self._receiver: Receiver[ToServer] = Receiver(TO_SERVER, msgspec.json.decode)
        self._memory, self._pids = command.memory, command.pids
        self._kills_before = self._memory.count()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fault, self._cause = "", "crash"
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, command: Command, receive: Receive) -> WorkerProcess:
        """Start the command; raises OSError if it cannot be.

        Its descriptors 1 and 2 are pipes that it reads itself, to tell whose output it is. This
        process holds the reading ends too, and reads what is left in them after a crash.
        """
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            here, there = socket.socketpair()
            ours.callback(here.close)
            theirs.callback(there.close)
            out, err = _pipe(ours, theirs), _pipe(ours, theirs)
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                *("--fd", str(there.fileno())),
                *("--stdout-fd", str(out.read), "--stderr-fd", str(err.read)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out.write,
                stderr=err.write,
                cwd=command.cwd,
                env=command.env,
                pass_fds=[there.fileno(), out.read, err.read],
                start_new_session=True,
            )
            link = cls(process, (out.read, err.read), receive, command=command)
            ours.callback(link._signal_group)
            here.setblocking(False)
            await asyncio.get_running_loop().create_connection(lambda: link, sock=here)
            ours.pop_all()  # the link owns them now
        return link

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """See `Link`."""
        data = encode(message, msgspec.json.encode)
        if not self._transport.is_closing():
            self._transport.write(data)

    def kill(self, why: str = "", cause: str = "crash") -> None:
        """See `Link`."""
        if not self.exited.done():
            if not self._fault:
                self._fault, self._cause = why, cause
            self._signal_group()

    def is_stopped(self) -> bool:
        """See `Link`."""
        try:
            return state_of(Path(f"/proc/{self.pid}/stat").read_text()) == "T"
        except OSError:
            return False

    async def stop(self, patience: float) -> None:
        """See `Link`."""
        self.send(Shutdown())
        await asyncio.wait({self.exited}, timeout=patience)
        self.kill()
        await asyncio.shield(self.exited)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours to write to."""
        # Not asyncio's own class where the loop is another's.
        self._transport = cast("asyncio.Transport", transport)
        self._pids.add(self.pid)
        self._watcher = asyncio.create_task(self._watch())

    def data_received(self, data: bytes) -> None:
        """Pass on the messages that these bytes complete."""
        try:
            for message in self._receiver.receive(data):
                self._receive(message)
        except FrameError as error:
            self._fault = f"broke the protocol ({error})"
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        """The worker has closed its end, normally by ending."""
        del exc
        self._closed.set_result(None)

    async def _watch(self) -> None:
        ended = asyncio.create_task(self._process.wait())
        either: set[asyncio.Future[Any]] = {ended, self._closed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({ended}, timeout=self._hang_up)
        if not ended.done():
            self._fault = self._fault or "closed its connection and did not end"
        self._signal_group()  # what user code has started, and a worker that only hung up
        code = await ended
        self._pids.discard(self.pid)
        # A child of the worker may hold the socket open for ever.
        await asyncio.wait({self._closed}, timeout=_LAST_WORDS)
        self._transport.abort()
        last_words = "".join(map(_read_rest, self._printed))
        self.exited.set_result(self._exit(code, last_words))

    def _exit(self, code: int, last_words: str) -> Exit:
        if self._fault:
            return Exit(self._fault, last_words, self._cause)
        out_of_memory = self._out_of_memory()
        cause = "memory" if out_of_memory and code == -signal.SIGKILL else "crash"
        return Exit(describe_exit(code, out_of_memory=out_of_memory), last_words, cause)

    def _out_of_memory(self) -> bool | None:
        before, now = self._kills_before, self._memory.count()
        return None if before is None or now is None else now > before

    def _signal_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


class _Pipe(NamedTuple):
    read: int
    write: int


def _pipe(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> _Pipe:
    pipe = _Pipe(*os.pipe())
    ours.callback(os.close, pipe.read)
    theirs.callback(os.close, pipe.write)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user's share of pipe memory is spent (pipe(7))
            fcntl.fcntl(pipe.write, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return pipe


def _read_rest(fd: int) -> str:
    """Return what is left in a pipe, without waiting for more, and close it."""
    os.set_blocking(fd, False)
    parts = []
    with open(fd, "rb", buffering=0) as pipe:  # a descriptor has no path
        while part := pipe.read(_PIPE_SIZE):
            parts.append(part)
            if len(parts) > _MOST_PARTS:
                break
    return b"".join(parts).decode("utf-8", "backslashreplace")
