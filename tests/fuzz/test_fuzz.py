"""A short run of every target of ``make fuzz``, always the same one."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import TARGETS, run, seeds, words

MUTATIONS = 60


def mutated(data: bytes, pool: list[bytes], chance: random.Random) -> bytes:
    """A seed with pieces cut out, doubled, put in and flipped."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + chance.randint(0, 20))
        piece = chance.choice(
            [b"", data[start:end] * 2, chance.choice(pool), chance.randbytes(2), data[start:end]]
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_what_once_found_a_bug_finds_none(name: str) -> None:
    found = list(seeds(name))
    assert found
    for seed in found:
        run(TARGETS[name], seed)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_an_answer_or_an_error_for_people(name: str) -> None:
    chance = random.Random(name)
    pool = [word.encode() for word in words(name)]
    every = list(seeds(name))
    for _ in range(MUTATIONS):
        run(TARGETS[name], mutated(chance.choice(every), pool, chance))


def test_a_bug_would_be_seen() -> None:
    def target(data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        run(target, b"x")
