"""``python -m tests.fuzz TARGET``: atheris looks for an input that a target cannot take.

It ends with an error at the first, which lies in ``.fuzz/TARGET`` then; mend the bug and put the
input into ``tests/fuzz/corpus/TARGET``, where the unit tests run it.
"""

from __future__ import annotations

import argparse
import json
import sys
from hashlib import sha256
from pathlib import Path

import atheris

# One input is a file that a person would call large; a target that needs more for it is a bug.
MAX_BYTES = 8 << 10
MAX_SECONDS = 10
MAX_MIB = 1024

with atheris.instrument_imports(include=["cog_frontend", "cog_cli", "packaging", "tomllib"]):
    from tests.fuzz import targets


def main() -> None:
    """Run one target for some seconds; never returns."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=main.__doc__)
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    asked = parser.parse_args()
    folder = Path(".fuzz") / asked.target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in targets.seeds(asked.target):
        (corpus / sha256(seed).hexdigest()).write_bytes(seed)
    dictionary = folder / "words"
    dictionary.write_text("".join(f"{_quoted(word)}\n" for word in targets.words(asked.target)))
    limits = [
        f"-max_total_time={asked.seconds}", f"-max_len={MAX_BYTES}", f"-timeout={MAX_SECONDS}",
        f"-rss_limit_mb={MAX_MIB}", "-len_control=10", "-print_final_stats=1",
        f"-dict={dictionary}", f"-artifact_prefix={folder}/",
    ]  # fmt: skip
    target = targets.TARGETS[asked.target]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], lambda data: targets.run(target, data))
    atheris.Fuzz()


def _quoted(word: str) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return json.dumps(word).replace("\\n", "\\x0a").replace("\\r", "\\x0d")


if __name__ == "__main__":
    main()
