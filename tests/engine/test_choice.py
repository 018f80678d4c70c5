from __future__ import annotations

import pytest

from integration.engine.choice import Choice, choose
from integration.engine.errors import EngineError
from integration.engine.layout import Kind, Store, Suite

DEFAULT = Kind()
FALLBACK = Kind(Suite.SID, Store.GRAPHDRIVER)


def test_a_reachable_daemon_serves_the_default_kind() -> None:
    assert choose(DEFAULT, reachable=True, named=None, root=False) is Choice.THEIRS


def test_a_kind_asked_for_by_name_is_an_own_daemon_even_beside_a_reachable_one() -> None:
    assert choose(FALLBACK, reachable=True, named="unix:///x", root=True) is Choice.OWN


def test_without_a_daemon_root_gets_an_own_one() -> None:
    assert choose(DEFAULT, reachable=False, named=None, root=True) is Choice.OWN


def test_a_named_daemon_that_does_not_answer_is_an_error_not_replaced() -> None:
    with pytest.raises(EngineError, match="no Docker daemon answers at tcp://far:2375"):
        choose(DEFAULT, reachable=False, named="tcp://far:2375", root=True)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(DEFAULT, "no Docker daemon answers, and"), (FALLBACK, "sid-graphdriver is an own daemon")],
    ids=str,
)
def test_without_root_the_error_says_what_to_do(kind: Kind, text: str) -> None:
    with pytest.raises(EngineError, match=text + ".*use sudo"):
        choose(kind, reachable=False, named=None, root=False)
