from __future__ import annotations

import socket

import pytest

from cog import wire
from cog.worker.channel import Channel
from cog.worker.runs import Runs


def test_availability_giant_outputs_of_many_items_have_a_bound() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        runs = Runs(Channel(ours), lambda: 0.0, max_items=10_000)
        first, second = (runs.begin(wire.Predict(id=name, input={})) for name in "ab")
        for run in (first, second):
            while run.size < 9_500:
                runs.item(run, "x" * 50)
        with pytest.raises(ValueError, match="larger than 10000 bytes together"):
            runs.item(first, "x" * 500)
        runs.item(second, "x")
