"""A client on stdin and stdout that prints all over the place; started by test_pipes."""

from __future__ import annotations

import os
import subprocess
import sys

from cog_frontend.rpc import adopt_stdio


def main() -> None:
    connection = adopt_stdio()
    print("stray print", flush=True)  # noqa: T201 - this is what must not reach the stream
    os.write(1, b"stray write\n")
    call = connection.start("/test.Service/Echo", b"x" * 100_000)
    subprocess.run(["echo", "stray child"], check=True)
    read = sys.stdin.read()
    answer = call.result()
    print(f"read {len(read)}, answer {len(answer)}", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
