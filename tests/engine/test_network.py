from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.engine.errors import EngineError
from integration.engine.network import (
    bridge_commands,
    bridge_name,
    bridge_rules,
    choose_port,
    free_subnet,
    port_is_free,
)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_bridge_name_fits_into_an_interface_name(name: str) -> None:
    assert len(bridge_name(Path("/c") / name)) <= 15


def test_two_daemons_never_share_a_bridge() -> None:
    assert bridge_name(Path("/c/a")) != bridge_name(Path("/c/b"))


def test_the_first_subnet_is_free_on_an_ordinary_machine() -> None:
    assert free_subnet(["192.0.2.0/24", "172.17.0.0/16"]) == "172.24.0.0/24"


@given(st.lists(st.integers(0, 2**11 - 1), max_size=20))
def test_a_chosen_subnet_overlaps_nothing(numbers: list[int]) -> None:
    taken = [f"172.{24 + number // 256}.{number % 256}.0/25" for number in numbers]
    chosen = ipaddress.ip_network(free_subnet(taken))
    assert not any(chosen.overlaps(ipaddress.ip_network(each)) for each in taken)


def test_a_full_pool_is_an_error() -> None:
    with pytest.raises(EngineError, match="no free network"):
        free_subnet(["172.24.0.0/13"])


def test_the_bridge_is_its_networks_gateway() -> None:
    commands = bridge_commands("cogkit-1", "172.24.3.0/24")
    assert ("ip", "address", "add", "172.24.3.1/24", "dev", "cogkit-1") in commands
    assert commands[-1] == ("ip", "link", "set", "cogkit-1", "up")


def test_containers_leave_with_the_machines_address_but_talk_plainly_to_each_other() -> None:
    table, rule = bridge_rules("cogkit-1", "172.24.3.0/24")[0]
    assert (table, " ".join(rule)) == (
        "nat",
        "POSTROUTING -s 172.24.3.0/24 ! -o cogkit-1 -j MASQUERADE",
    )


def test_the_remembered_port_comes_first() -> None:
    assert choose_port(5002, [5000, 5001, 5002]) == 5002


@pytest.mark.parametrize("remembered", [None, 5000])
def test_else_the_first_free_port(remembered: int | None) -> None:
    assert choose_port(remembered, [5001, 5002]) == 5001


def test_no_free_port_is_an_error() -> None:
    with pytest.raises(EngineError, match="no free port from 5000 on"):
        choose_port(5000, [])


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)
