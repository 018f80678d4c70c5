"""The socket that Granian listens on, which it gives no access to: what has to be set on it.

A client that takes nothing of its answer fills the kernel's buffers, and Granian then waits in a
write for ever; that the application has given up long ago changes nothing. With TCP_USER_TIMEOUT
(tcp(7)), which connections inherit from the socket that accepts them, the kernel ends it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

_STEP = 0.02  # seconds between two looks
_LOOKS = 500


async def end_stalled(port: int, seconds: float) -> bool:
    """Have connections end whose peer has taken nothing for some seconds though there was more.

    Waits until this process listens on ``port``; returns False if it never does or cannot tell.
    """
    for _ in range(_LOOKS if sys.platform == "linux" else 0):
        if _set_timeout(port, seconds):
            return True
        await asyncio.sleep(_STEP)
    return False


def _set_timeout(port: int, seconds: float) -> bool:
    found = False
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, no paths
        try:
            listener = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # closed meanwhile, or no socket
            continue
        with listener:
            if _listens(listener, port):
                milliseconds = round(seconds * 1000)
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
                found = True
    return found


def _listens(sock: socket.socket, port: int) -> bool:
    if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type != socket.SOCK_STREAM:
        return False
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    return bool(sock.getsockname()[1] == port)
