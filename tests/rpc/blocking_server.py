"""A server that reads nothing while it writes: each call gets 1 MiB at once, then is counted.

Started by test_pipes over its stdin and stdout; a client that does not read while it writes hangs.
"""

from __future__ import annotations

import os

from cog_frontend.rpc import HalfClosed, MessageReceived, Peer, RequestStarted, Role


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    peer = Peer(Role.SERVER)
    received: dict[int, int] = {}
    while data := os.read(0, 4096):
        for event in peer.receive(data):
            match event:
                case RequestStarted(stream):
                    received[stream] = 0
                    peer.send_message(stream, b"x" * (1 << 20))
                case MessageReceived(stream, message):
                    received[stream] += len(message)
                case HalfClosed(stream):
                    peer.send_message(stream, b"%d" % received[stream])
                    peer.finish(stream)
                case _:
                    pass
        while portion := peer.data_to_send():
            write(portion)


if __name__ == "__main__":
    main()
