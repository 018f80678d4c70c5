"""Ports, bridges and packet rules of own daemons; ``docker0`` belongs to one daemon only.

A second daemon may neither make rules of its own nor run with bridge "none": on start either
takes the first one's chains or its ``docker0`` away. It gets a bridge and the few rules that
let its containers out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from integration.engine.errors import EngineError

REGISTRY_PORT = 5000
_POOL = ipaddress.ip_network("172.24.0.0/13")


def bridge_name(state: Path) -> str:
    """Return the name of the bridge for the daemon with this state folder.

    It is unique on the machine and fits into an interface name of 15 bytes (IFNAMSIZ).
    """
    return f"cogkit-{hashlib.sha256(bytes(state)).hexdigest()[:8]}"


def free_subnet(taken: Iterable[str]) -> str:
    """Return the first /24 of 172.24.0.0/13 that overlaps no network in ``taken`` (CIDR)."""
    used = [ipaddress.ip_network(text, strict=False) for text in taken]
    for candidate in _POOL.subnets(new_prefix=24):
        if not any(candidate.overlaps(network) for network in used):
            return str(candidate)
    raise EngineError(f"no free network in {_POOL} for another daemon's bridge")


def bridge_commands(bridge: str, subnet: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that make a bridge which is the gateway of ``subnet``."""
    network = ipaddress.ip_network(subnet)
    gateway = f"{network[1]}/{network.prefixlen}"
    return (
        ("ip", "link", "add", bridge, "type", "bridge"),
        ("ip", "address", "add", gateway, "dev", bridge),
        ("ip", "link", "set", bridge, "up"),
    )


def bridge_rules(bridge: str, subnet: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return (table, rule) pairs for iptables: out with the machine's address, answers back in."""
    established = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
    return (
        ("nat", ("POSTROUTING", "-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE")),
        ("filter", ("FORWARD", "-i", bridge, "-j", "ACCEPT")),
        ("filter", ("FORWARD", "-o", bridge, *established, "-j", "ACCEPT")),
    )


def networks_in_use() -> tuple[str, ...]:
    """Return the destinations in the machine's IPv4 routes, in CIDR notation."""
    done = _run(("ip", "-4", "route", "show"))
    first = (line.split()[0] for line in done.stdout.splitlines() if line.strip())
    return tuple(word for word in first if word[0].isdigit())


def ensure_bridge(bridge: str) -> None:
    """Make ``bridge`` with its rules; a bridge that is already there only gets the rules."""
    subnet = _subnet_of(bridge)
    if subnet is None:
        _run(("ip", "link", "delete", bridge), check=False)
        subnet = free_subnet(networks_in_use())
        for argv in bridge_commands(bridge, subnet):
            _run(argv)
    for table, rule in bridge_rules(bridge, subnet):
        if _run(("iptables", "-w", "-t", table, "-C", *rule), check=False).returncode:
            _run(("iptables", "-w", "-t", table, "-I", *rule))


def remove_bridge(bridge: str) -> None:
    """Take ``bridge`` and its rules away, if it is there."""
    subnet = _subnet_of(bridge)
    if subnet is None:
        return
    for table, rule in bridge_rules(bridge, subnet):
        _run(("iptables", "-w", "-t", table, "-D", *rule), check=False)
    _run(("ip", "link", "delete", bridge), check=False)


def _subnet_of(bridge: str) -> str | None:
    shown = _run(("ip", "-4", "-o", "address", "show", "dev", bridge), check=False).stdout
    words = shown.split()
    if "inet" not in words:
        return None
    return str(ipaddress.ip_network(words[words.index("inet") + 1], strict=False))


def _run(argv: tuple[str, ...], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise EngineError(f"{' '.join(argv)}: {done.stderr.strip() or 'failed'}")
    return done


def port_is_free(port: int) -> bool:
    """Whether nothing listens on ``port`` of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(remembered: int | None, free: Iterable[int]) -> int:
    """Return the remembered port if it is free, else the first free one.

    ``free`` are free ports in order of preference; EngineError when there is none.
    """
    ports = tuple(free)
    if remembered in ports:
        return remembered
    if not ports:
        raise EngineError(f"no free port from {REGISTRY_PORT} on for the local registry")
    return ports[0]
