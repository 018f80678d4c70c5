"""The guarded fetcher against a real server on this machine."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import httpx
import pytest

from cog.server import transport
from cog.server.fetch import MAX_REDIRECTS, Fetcher, FetchError, Limits
from cog.server.guard import Guard, UrlRefused, parse_allowed
from tests.fakes.far_side import FarSide, Got, answer

LIMITS = Limits(seconds=10, idle=5, max_bytes=1000)
HERE = Guard(allowed=parse_allowed("127.0.0.1/32"))

Hosts = Mapping[str, list[str]]


def fetching(
    steps: Callable[[Fetcher], Awaitable[None]], guard: Guard = HERE, hosts: Hosts | None = None
) -> list[str]:
    """Run ``steps`` with a fetcher; returns the hosts that were looked up."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        del port
        asked.append(host)
        return (hosts or {}).get(host, ["127.0.0.1"])

    async def main() -> None:
        fetcher = Fetcher(guard, "cog-test", resolve)
        try:
            await asyncio.wait_for(steps(fetcher), 20)
        finally:
            await fetcher.aclose()

    asyncio.run(main())
    return asked


def downloaded(
    folder: Path, *answers: bytes, limits: Limits = LIMITS, path: str = "/x"
) -> tuple[bytes, list[Got]]:
    target = folder / "file"
    far = FarSide(*answers)

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            await fetcher.download(f"http://files.example:{far.port}{path}", target, limits)

    fetching(steps)
    return target.read_bytes(), far.got


def refusal(folder: Path, *answers: bytes, limits: Limits = LIMITS) -> FetchError:
    with pytest.raises(FetchError) as caught:
        downloaded(folder, *answers, limits=limits)
    assert list(folder.iterdir()) == []
    return caught.value


def test_a_file_is_downloaded_by_name_from_the_address_that_was_checked(tmp_path: Path) -> None:
    content, got = downloaded(tmp_path, answer(200, b"hello"))
    assert content == b"hello"
    assert got[0].target == "/x"
    assert got[0].headers["host"].startswith("files.example:")
    assert got[0].headers["user-agent"] == "cog-test"
    assert got[0].headers["accept-encoding"] == "identity"


def test_what_is_not_200_is_an_error_that_shows_nothing_of_the_body(tmp_path: Path) -> None:
    error = refusal(tmp_path, answer(500, b"secret of the inside"))
    assert str(error) == "answered with status 500"


def test_ssrf_response_reflected_in_error_text(tmp_path: Path) -> None:
    for odd in (b"-ERR secret\r\n", b"HTTP/9.9 secret\r\n\r\n", b"+PONG secret\r\n"):
        assert "secret" not in str(refusal(tmp_path, odd))


@pytest.mark.parametrize("host", ["127.0.0.2", "2130706434", "0x7f.2", "0177.0.0.2", "127.2"])
def test_ssrf_decimal_octal_and_hex_ips_are_judged_by_where_they_lead(
    host: str, tmp_path: Path
) -> None:
    far = FarSide()

    async def main() -> None:
        fetcher = Fetcher(HERE, "")
        async with far.listening("127.0.0.2"):
            with pytest.raises(FetchError):
                await fetcher.download(f"http://{host}:{far.port}/", tmp_path / "x", LIMITS)
        await fetcher.aclose()

    asyncio.run(main())
    assert far.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://inside.example.:{port}/",
        "http://good.example@inside.example:{port}/",
        "http://good.example:80@inside.example:{port}/",
        "http://inside.example:{port}#@good.example/",
        "http://inside.example:{port}?@good.example/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://\u0131nside.example:{port}/",
        "http://\uff11\uff12\uff17.0.0.1:{port}/",
    ],
)
def test_ssrf_trailing_dots_idn_hosts_and_userinfo_tricks(url: str, tmp_path: Path) -> None:
    far = FarSide()

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            with pytest.raises(FetchError):
                await fetcher.download(url.format(port=far.port), tmp_path / "x", LIMITS)

    inside = ["127.0.0.1"]
    names = ["inside.example", "inside.example.", "::1", "::ffff:127.0.0.1", "127.0.0.1"]
    fetching(steps, Guard(), {**dict.fromkeys(names, inside), "good.example": ["8.8.8.8"]})
    assert far.connections == 0


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("metadata.google.internal", "169.254.169.254"),
        ("metadata.goog", "fd20:ce::254"),
        ("instance-data.ec2.internal", "fd00:ec2::254"),
        ("metadata.example", "100.100.100.200"),
    ],
)
def test_ssrf_metadata_services_by_name(host: str, address: str, tmp_path: Path) -> None:
    async def steps(fetcher: Fetcher) -> None:
        with pytest.raises(FetchError, match="not on the public Internet") as raised:
            await fetcher.download(f"http://{host}/latest/meta-data/", tmp_path / "x", LIMITS)
        assert address not in str(raised.value)

    assert fetching(steps, Guard(), {host: [address]}) == [host]


def test_ssrf_dns_rebinding_a_host_is_looked_up_once(tmp_path: Path) -> None:
    far = FarSide(answer(200, b"x"))

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            await fetcher.download(f"http://a.example:{far.port}/", tmp_path / "x", LIMITS)

    assert fetching(steps) == ["a.example"]


def test_ssrf_redirect_at_each_hop_is_checked(tmp_path: Path) -> None:
    inside = FarSide(answer(200, b"secret"))

    async def steps(fetcher: Fetcher) -> None:
        async with inside.listening("127.0.0.2"):
            far = FarSide(
                answer(302, location="http://hop.example:{port}/"),
                answer(302, location=f"http://inside.example:{inside.port}/"),
            )
            async with far.listening():
                assert isinstance(far.answers[0], bytes)
                far.answers[0] = far.answers[0].replace(b"{port}", str(far.port).encode())
                with pytest.raises(FetchError, match=r"inside\.example. is not on the public"):
                    await fetcher.download(f"http://a.example:{far.port}/", tmp_path / "x", LIMITS)

    asked = fetching(steps, hosts={"inside.example": ["127.0.0.2"]})
    assert asked == ["a.example", "hop.example", "inside.example"]
    assert inside.connections == 0


def test_redirects_are_followed_and_counted(tmp_path: Path) -> None:
    content, _ = downloaded(tmp_path, answer(301, location="/there"), answer(200, b"x"))
    assert content == b"x"
    (tmp_path / "file").unlink()
    error = refusal(tmp_path, answer(302, location="/there"))
    assert str(error) == f"redirected more than {MAX_REDIRECTS} times"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://a.example/", "ftp://x/"])
def test_ssrf_redirect_to_another_scheme(location: str, tmp_path: Path) -> None:
    assert "not an http" in str(refusal(tmp_path, answer(302, location=location)))


def test_ssrf_scheme_downgrade() -> None:
    request = httpx.Request("GET", "https://a.example/")
    response = httpx.Response(302, request=request)
    response.next_request = httpx.Request("GET", "http://a.example/")
    with pytest.raises(UrlRefused, match="from https to http"):
        transport._next(response, "GET")


def test_ssrf_proxies_from_env_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.9:9")
    assert downloaded(tmp_path, answer(200, b"x"))[0] == b"x"


def test_a_cookie_of_one_host_is_never_sent_again(tmp_path: Path) -> None:
    far = FarSide(answer(200, b"x", set_cookie="a=b"))

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            for name in "xy":
                await fetcher.download(f"http://a.example:{far.port}/", tmp_path / name, LIMITS)

    fetching(steps)
    assert "cookie" not in far.got[1].headers


def test_the_size_is_bounded_announced_or_not(tmp_path: Path) -> None:
    error = refusal(tmp_path, answer(200, b"x" * 1001))
    assert str(error) == "larger than 1000 bytes"
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    assert str(refusal(tmp_path, head + b"x" * 1001)) == "larger than 1000 bytes"
    assert downloaded(tmp_path, answer(200, b"x" * 1000))[0] == b"x" * 1000


def test_a_body_that_ends_early_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path, answer(200, b"x", content_length="10")).retryable


def test_ssrf_endless_and_slow_bodies(tmp_path: Path) -> None:
    async def drip(_: Got, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    far = FarSide(drip)

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            for limits in (Limits(seconds=0.3, max_bytes=10**9), Limits(seconds=10, max_bytes=3)):
                with pytest.raises(FetchError, match=r"not complete|larger than"):
                    await fetcher.download(f"http://a.example:{far.port}/", tmp_path / "x", limits)

    fetching(steps)
    assert list(tmp_path.iterdir()) == []


def test_silence_is_bounded(tmp_path: Path) -> None:
    async def silent(_: Got, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        del writer

    far = FarSide(silent)

    async def steps(fetcher: Fetcher) -> None:
        limits = Limits(seconds=10, idle=0.1)
        async with far.listening():
            with pytest.raises(FetchError, match="no answer in time"):
                await fetcher.download(f"http://a.example:{far.port}/", tmp_path / "x", limits)

    fetching(steps)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "X-GZIP"])
def test_files_that_a_store_keeps_packed_are_unpacked(encoding: str, tmp_path: Path) -> None:
    pack = zlib.compress if encoding == "deflate" else gzip.compress
    body = answer(200, pack(b"hello" * 100), content_encoding=encoding)
    assert downloaded(tmp_path, body)[0] == b"hello" * 100


def test_ssrf_decompression_bombs(tmp_path: Path) -> None:
    small = answer(200, gzip.compress(bytes(100_000)), content_encoding="gzip")
    assert str(refusal(tmp_path, small)) == "larger than 1000 bytes"
    bomb = answer(200, gzip.compress(bytes(200 * 1024 * 1024)), content_encoding="gzip")
    error = refusal(tmp_path, bomb, limits=Limits(seconds=20, max_bytes=10**12))
    assert str(error) == "unpacks to more than 100 times its size"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused(encoding: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, answer(200, b"x", content_encoding=encoding))
    assert str(error) == "sent in an encoding that was not asked for"


def test_what_says_gzip_and_is_not_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, answer(200, b"plain", content_encoding="gzip"))
    assert "not what its content-encoding says" in str(error)


def test_nobody_listening_may_be_tried_again(tmp_path: Path) -> None:
    async def steps(fetcher: Fetcher) -> None:
        with pytest.raises(FetchError, match="connection failed") as caught:
            await fetcher.download("http://a.example:9999/", tmp_path / "x", LIMITS)
        assert caught.value.retryable

    fetching(steps)


def test_an_unknown_host_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        fetcher = Fetcher(Guard(), "")
        with pytest.raises(FetchError, match="the host is not known"):
            await fetcher.download("http://nowhere.invalid/", tmp_path / "x", LIMITS)
        await fetcher.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("size", [5, 3_000_000])
def test_bodies_and_files_are_sent_with_their_length(size: int, tmp_path: Path) -> None:
    far = FarSide(answer(307, location="/other"), answer(201, location="/made"))
    (tmp_path / "out").write_bytes(b"y" * size)

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            url = f"http://a.example:{far.port}/up"
            with (tmp_path / "out").open("rb") as body:
                said = await fetcher.send("PUT", url, body, {"x-a": "b"}, LIMITS)
            assert (said.status, said.location) == (201, "/made")
            assert said.url == f"http://a.example:{far.port}/other"

    fetching(steps)
    for got in far.got:
        assert (got.method, got.headers["x-a"], len(got.body)) == ("PUT", "b", size)
        assert "transfer-encoding" not in got.headers


def test_a_redirect_that_would_change_the_method_is_the_answer() -> None:
    far = FarSide(answer(302, location="/other"))

    async def steps(fetcher: Fetcher) -> None:
        async with far.listening():
            url = f"http://a.example:{far.port}/up"
            assert (await fetcher.send("POST", url, b"{}", {}, LIMITS)).status == 302

    fetching(steps)
    assert len(far.got) == 1


def test_credentials_in_a_url_stay_with_their_host(tmp_path: Path) -> None:
    there = FarSide(answer(200, b"x"))

    async def steps(fetcher: Fetcher) -> None:
        async with there.listening():
            far = FarSide(answer(302, location=f"http://b.example:{there.port}/"))
            async with far.listening():
                url = f"http://me:pass@a.example:{far.port}/"
                await fetcher.download(url, tmp_path / "x", LIMITS)
                assert far.got[0].headers["authorization"] == "Basic bWU6cGFzcw=="

    fetching(steps)
    assert "authorization" not in there.got[0].headers
