from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog.server.guard import MAX_URL, Guard, UrlRefused, is_public, parse_allowed

PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "0.1.2.3", "::"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.127.255.254", "100.100.100.200"),
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%lo", "fd00:ec2::254", "fc00::1"),
    *("168.63.129.16", "192.0.0.192", "198.18.0.1", "192.88.99.1"),
    *("224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:0a00:0001::"),
    *("2001:0:7f00:1::", "::127.0.0.1", "::7f00:1", "100::1", "fec0::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_ssrf_private_special_and_embedded_addresses_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(UrlRefused, match="not on the public Internet") as caught:
        Guard().checked("a.example", 80, [address])
    assert address not in str(caught.value)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_opened(address: str) -> None:
    assert Guard().checked("a.example", 80, [address]) == [address]


@given(st.ip_addresses(v=4))
def test_no_way_of_embedding_an_address_makes_it_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for base in (0xFFFF << 32, 0x64FF9B << 96, 0x2002 << 112):
        shift = 80 if base >> 112 == 0x2002 else 0
        embedded = ipaddress.IPv6Address(base | number << shift)
        assert is_public(embedded) <= is_public(address)


def test_ssrf_mixed_a_and_aaaa_answers_one_private_address_spoils_the_lot() -> None:
    with pytest.raises(UrlRefused):
        Guard().checked("a.example", 80, ["8.8.8.8", "::1"])


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(UrlRefused, match="has no address"):
        Guard().checked("a.example", 80, [])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://a.example/",
        "ftp://a.example/",
        "dict://a.example/",
        "unix:/var/run/docker.sock",
        "//a.example/",
        "a.example",
        "",
        "javascript:alert(1)",
    ],
)
def test_ssrf_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused, match="not an http or https URL"):
        Guard().check_text(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example\\@127.0.0.1/",
        "http:\\\\127.0.0.1/",
        "http://a.example\t/",
        "http://127.0.0.1\n.a.example/",
        "http://a.example/ b",
        "http://a.example/\x00",
        "http://a.example/\x7f",
    ],
)
def test_ssrf_backslash_and_tab_in_authority_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        Guard().check_text(url)


def test_a_url_has_a_length() -> None:
    with pytest.raises(UrlRefused, match="longer than"):
        Guard().check_text("http://a.example/" + "a" * MAX_URL)
    Guard().check_text("HTTPS://a.example/" + "a" * 1000)


@pytest.mark.parametrize("port", [1, 22, 25, 110, 445, 1023])
def test_ssrf_port_policy(port: int) -> None:
    with pytest.raises(UrlRefused, match=f"port {port}"):
        Guard().check_port("a.example", port)
    Guard(trusted=frozenset({("a.example", port)})).check_port("a.example", port)
    for fine in (80, 443, 1024, 8080):
        Guard().check_port("a.example", fine)


def test_what_the_operator_names_may_be_anywhere() -> None:
    guard = Guard(trusted=frozenset({("minio", 9000)}))
    assert guard.checked("minio", 9000, ["10.0.0.7"]) == ["10.0.0.7"]
    with pytest.raises(UrlRefused):
        guard.checked("minio", 9001, ["10.0.0.7"])


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("", []),
        ("false", []),
        ("true", ["10.0.0.1", "127.0.0.1", "::1"]),
        ("1", ["10.0.0.1", "127.0.0.1", "::1"]),
        ("10.0.0.0/8, ::1", ["10.0.0.1", "::1"]),
    ],
)
def test_private_networks_can_be_allowed(text: str, reached: list[str]) -> None:
    guard = Guard(allowed=parse_allowed(text))
    for address in ("10.0.0.1", "127.0.0.1", "::1"):
        if address in reached:
            assert guard.checked("a", 80, [address]) == [address]
        else:
            with pytest.raises(UrlRefused):
                guard.checked("a", 80, [address])


def test_a_network_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        parse_allowed("nonsense")
