"""Shows a definition: ``python -m buildkit_llb [--dot] [FILE]``, as ``buildctl debug dump-llb``."""

from __future__ import annotations

import sys

from buildkit_llb import Definition, LLBError, dot, dump


def main() -> int:
    """Print the definition in a file or on stdin; 1 when it is none."""
    # Not above: a program that bundles this package would carry them along.
    import argparse  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m buildkit_llb", description=__doc__)
    parser.add_argument("--dot", action="store_true", help="write a graph for graphviz")
    parser.add_argument("file", nargs="?", default="-", help="the definition; - is stdin (default)")
    given = parser.parse_args()
    try:
        data = sys.stdin.buffer.read() if given.file == "-" else Path(given.file).read_bytes()
        definition = Definition.from_bytes(data)
        text = dot(definition) if given.dot else dump(definition)
    except (LLBError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
