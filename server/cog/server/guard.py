"""Which URLs the server opens because somebody else asked for it: decisions, no I/O.

A URL is judged twice: by its text before a name is looked up, and by the addresses the name stands
for before a connection is made. The second is what counts: what a host looks like (decimal, octal,
a name that resolves to this machine) says nothing about where it leads.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL = 8192
"""Characters of a URL; servers accept about as many (RFC 9110 4.1 asks for 8000)."""

_EVERYTHING: tuple[Network, ...] = (
    ipaddress.IPv4Network("0.0.0.0/0"),
    ipaddress.IPv6Network("::/0"),
)

# Addresses of RFC 6890 that ipaddress counts as global, or did in one of the Pythons we run on.
_NEVER_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service is in it
            "168.63.129.16/32",  # Azure's metadata and agent service, in every virtual machine
            "192.0.0.0/24",  # Oracle's metadata service is in it
            "192.88.99.0/24",
            "198.18.0.0/15",
            "240.0.0.0/4",
            "2001:db8::/32",
            "3fff::/20",
        ),
    )
)
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class UrlRefused(Exception):
    """The server does not open this URL; the text is for the client and names no address."""


def is_public(address: Address) -> bool:
    """Say whether an address is one that anybody on the Internet can reach.

    An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo) is as public as that.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64 or address.ipv4_mapped is not None:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST:
            return False
        if address.sixtofour is not None and not is_public(address.sixtofour):
            return False
        if address.teredo is not None and not all(map(is_public, address.teredo)):
            return False
    if address.is_multicast or any(address in network for network in _NEVER_PUBLIC):
        return False
    return address.is_global


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be opened: public addresses, those in ``allowed``, and ``trusted`` hosts.

    ``trusted`` holds host and port pairs that the operator has named, such as that of
    ``--upload-url``: they may be anywhere.
    """

    allowed: tuple[Network, ...] = ()
    trusted: frozenset[tuple[str, int]] = frozenset()

    def check_text(self, url: str) -> None:
        """Raise UrlRefused for what is no http(s) URL or what parsers read in different ways."""
        if len(url) > MAX_URL:
            raise UrlRefused(f"the URL is longer than {MAX_URL} characters")
        if url[:8].lower().split("://")[0] not in {"http", "https"}:
            raise UrlRefused("the URL is not an http or https URL")
        if any(char <= " " or char in "\\\x7f" for char in url):
            raise UrlRefused("the URL holds a space, a control character or a backslash")

    def check_port(self, host: str, port: int) -> None:
        """Raise UrlRefused for a port where something else than HTTP listens, such as 22 or 25."""
        if port in {80, 443} or port >= 1024 or (host, port) in self.trusted or self.allowed:
            return
        raise UrlRefused(f"port {port} is not one for http")

    def checked(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """Return the addresses of a host, all of which may be connected to; raises UrlRefused.

        A single address that may not be spoils the lot: a name that is at home on both sides of the
        fence is there to get over it.
        """
        found = list(addresses)
        if not found:
            raise UrlRefused(f"the host {host!r} has no address")
        if (host, port) not in self.trusted and not all(map(self._may_open, found)):
            raise UrlRefused(
                f"the host {host!r} is not on the public Internet, and COG_ALLOW_PRIVATE_URLS"
                " does not allow it"
            )
        return found

    def _may_open(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        return is_public(address) or any(address in network for network in self.allowed)


def parse_allowed(text: str) -> tuple[Network, ...]:
    """Return the networks of COG_ALLOW_PRIVATE_URLS: true, false or networks between commas.

    Raises ValueError.
    """
    word = text.strip().lower()
    if word in {"", "0", "false", "no"}:
        return ()
    if word in {"1", "true", "yes"}:
        return _EVERYTHING
    return tuple(ipaddress.ip_network(part.strip()) for part in word.split(","))
