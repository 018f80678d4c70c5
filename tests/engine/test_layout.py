from __future__ import annotations

from pathlib import Path

import pytest

from integration.engine.errors import EngineError
from integration.engine.layout import (
    Kind,
    Layout,
    Store,
    Suite,
    cache_folder,
    kind,
    own_sockets,
)

HOME = Path("/home/ada")


def test_the_cache_folder_is_the_one_asked_for() -> None:
    assert cache_folder({"COGKIT_ENGINE_CACHE": "/big/disk"}, HOME) == Path("/big/disk")


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, "/home/ada/.cache/cogkit/engine"), ({"XDG_CACHE_HOME": "/c"}, "/c/cogkit/engine")],
    ids=["home", "xdg"],
)
def test_the_cache_folder_is_the_users_otherwise(env: dict[str, str], expected: str) -> None:
    assert cache_folder(env, HOME) == Path(expected)


def test_every_kind_has_a_socket_and_a_state_folder_of_its_own() -> None:
    layouts = [Layout(Path("/c"), Kind(suite, store)) for suite in Suite for store in Store]
    assert len({layout.socket for layout in layouts}) == len(layouts)
    assert len({layout.state for layout in layouts}) == len(layouts)


def test_own_sockets_are_exactly_those_of_the_layouts() -> None:
    layouts = (Layout(Path("/c"), Kind(suite, store)) for suite in Suite for store in Store)
    assert own_sockets(Path("/c")) == {layout.docker_host for layout in layouts}


def test_a_cache_folder_too_deep_for_a_socket_name_is_refused() -> None:
    with pytest.raises(EngineError, match="too long for a socket; set COGKIT_ENGINE_CACHE"):
        _ = Layout(Path("/" + "x" * 80), Kind()).socket


def test_a_kind_is_found_by_its_names() -> None:
    assert kind("trixie", "graphdriver") == Kind(Suite.TRIXIE, Store.GRAPHDRIVER)
    assert str(kind("sid", "containerd")) == "sid-containerd"


@pytest.mark.parametrize(("suite", "store"), [("buster", "containerd"), ("sid", "btrfs")])
def test_an_unknown_kind_is_refused_with_the_known_ones(suite: str, store: str) -> None:
    with pytest.raises(EngineError, match="suites are sid, trixie, bookworm; stores are"):
        kind(suite, store)


def test_bookworm_has_no_containerd_store() -> None:
    with pytest.raises(EngineError, match="use --store graphdriver"):
        kind("bookworm", "containerd")
