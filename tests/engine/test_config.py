from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration.engine.config import client_config, daemon_config, registry_config
from integration.engine.layout import Kind, Layout, Store, Suite

LAYOUT = Layout(Path("/c"), Kind())


def test_the_daemon_keeps_everything_in_its_own_folder() -> None:
    settings = json.loads(daemon_config(LAYOUT, "localhost:5000", None))
    state = "/c/engines/sid-containerd"
    assert settings["data-root"] == f"{state}/data"
    assert settings["exec-root"] == f"{state}/exec"
    assert settings["hosts"] == [f"unix://{state}/docker.sock"]


def test_the_daemon_asks_the_local_registry_first() -> None:
    settings = json.loads(daemon_config(LAYOUT, "localhost:5003", None))
    assert settings["registry-mirrors"] == ["http://localhost:5003"]
    assert settings["insecure-registries"] == ["localhost:5003"]


def test_a_full_disk_takes_no_cache_from_the_tests() -> None:
    gc = json.loads(daemon_config(LAYOUT, "localhost:5000", None))["builder"]["gc"]
    assert gc == {"defaultReservedSpace": "60GB", "defaultKeepStorage": "60GB"}


@pytest.mark.parametrize("store", Store)
def test_the_store_decides_the_snapshotter_feature(store: Store) -> None:
    layout = Layout(Path("/c"), Kind(Suite.SID, store))
    features = json.loads(daemon_config(layout, "localhost:5000", None))["features"]
    assert features == {"containerd-snapshotter": store is Store.CONTAINERD}


def test_a_daemon_on_a_bridge_of_its_own_writes_no_packet_rules() -> None:
    settings = json.loads(daemon_config(LAYOUT, "localhost:5000", "cogkit-1"))
    assert (settings["bridge"], settings["iptables"]) == ("cogkit-1", False)


def test_the_default_daemon_makes_docker0_itself() -> None:
    assert "bridge" not in json.loads(daemon_config(LAYOUT, "localhost:5000", None))


def test_the_registry_listens_on_the_loopback_interface_only() -> None:
    settings = json.loads(registry_config(Path("/c/data"), 5001))
    assert settings["http"]["addr"] == "127.0.0.1:5001"
    assert settings["storage"]["filesystem"]["rootdirectory"] == "/c/data"


def test_of_the_users_client_settings_only_the_logins_are_copied() -> None:
    theirs = {"auths": {"r.example": {"auth": "eA=="}}, "credsStore": "x", "currentContext": "y"}
    assert json.loads(client_config(json.dumps(theirs))) == {"auths": theirs["auths"]}


@pytest.mark.parametrize("text", [None, "", "{broken", "[]"])
def test_unreadable_client_settings_count_as_none(text: str | None) -> None:
    assert json.loads(client_config(text)) == {"auths": {}}
