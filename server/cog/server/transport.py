"""HTTP for `cog.server.fetch`: httpx on connections that go only where the guard lets them.

The guard sits where connections are made, below everything that reads URLs: no way of writing a
host gets around it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import BinaryIO, cast

import httpcore
import httpx

from cog.server.fetch import MAX_REDIRECTS, Answer, Body, FetchError, Limits
from cog.server.guard import Guard, UrlRefused

Resolve = Callable[[str, int], Awaitable[list[str]]]

_CHUNK = 1024 * 1024
_CONNECTIONS = 64
_LOOKUPS = 8
_KEEPS_METHOD = {307, 308}
_UNPACKED = 64 * 1024 * 1024
_RATIO = 100
"""A body may unpack to `_UNPACKED` bytes, beyond that to 100 times its size: text packs to a
twentieth, a bomb to a thousandth (the most that deflate can do)."""


class Transport:
    """One pool of connections; see `cog.server.fetch.Fetcher` for what each method promises."""

    def __init__(self, guard: Guard, user_agent: str, resolve: Resolve | None = None) -> None:
        self._guard = guard
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=_CONNECTIONS,
            keepalive_expiry=5,
            network_backend=_Pinned(guard, resolve or _Lookup()),
        )
        self._client = httpx.AsyncClient(
            transport=_Httpcore(self._pool),
            trust_env=False,
            # One jar for all would carry what one client's host has set to another client's host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": user_agent, "accept-encoding": "identity"},
        )

    async def download(self, url: str, target: Path, limits: Limits) -> None:
        """See `Fetcher.download`."""
        async with self._exchange("GET", url, b"", {}, limits) as response:
            if response.status_code != 200:
                raise FetchError(f"answered with status {response.status_code}")
            announced = response.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > limits.max_bytes:
                raise FetchError(f"larger than {limits.max_bytes} bytes")
            with _new_file(target) as file:
                await _save(response, file, limits.max_bytes)

    async def send(
        self, method: str, url: str, body: Body, headers: Mapping[str, str], limits: Limits
    ) -> Answer:
        """See `Fetcher.send`."""
        async with self._exchange(method, url, body, headers, limits) as response:
            location = response.headers.get("location")
            return Answer(response.status_code, str(response.url), location)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, body: Body, headers: Mapping[str, str], limits: Limits
    ) -> AsyncIterator[httpx.Response]:
        timeout = httpx.Timeout(limits.idle)
        try:
            self._guard.check_text(url)
            request = self._client.build_request(method, url, headers=headers, timeout=timeout)
            for _ in range(MAX_REDIRECTS + 1):
                response = await self._hop(request, body)
                target = _next(response, method)
                if target is None:
                    break
                await response.aclose()
                request = target
            else:
                raise FetchError(f"redirected more than {MAX_REDIRECTS} times")
            try:
                yield response
            finally:
                await response.aclose()
        except _FAILURES as error:
            raise _failure(error) from error

    async def _hop(self, request: httpx.Request, body: Body) -> httpx.Response:
        host, scheme = request.url.raw_host.decode(), request.url.scheme
        if not host:
            raise UrlRefused("the URL has no host")
        self._guard.check_port(host, request.url.port or {"https": 443}.get(scheme, 80))
        if body:
            request = _with_body(self._client, request, body)
        return await self._client.send(request, stream=True)


def _with_body(client: httpx.AsyncClient, request: httpx.Request, body: Body) -> httpx.Request:
    headers = httpx.Headers(request.headers)
    size = len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size
    headers["content-length"] = str(size)
    content = body if isinstance(body, bytes) else _read(body)
    return client.build_request(
        request.method,
        request.url,
        content=content,
        headers=headers,
        extensions=request.extensions,
    )


def _next(response: httpx.Response, method: str) -> httpx.Request | None:
    """Return the request that a redirect asks for; None: this is the answer."""
    request = response.next_request
    if request is None or (method != "GET" and response.status_code not in _KEEPS_METHOD):
        return None
    if response.url.scheme == "https" and request.url.scheme != "https":
        raise UrlRefused("redirected from https to http")
    if request.url.scheme not in {"http", "https"}:
        raise UrlRefused("redirected to what is not an http or https URL")
    return request


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    file.seek(0)
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    with target.open("xb") as file:
        try:
            yield file
        except BaseException:
            target.unlink()
            raise


async def _save(response: httpx.Response, file: BinaryIO, max_bytes: int) -> None:
    """Write the body, unpacked, in large pieces and off the event loop."""
    unpack = _unpacker(response.headers.get("content-encoding", ""))
    received = size = 0
    waiting = bytearray()
    async for packed in response.aiter_raw():
        received += len(packed)
        for piece in unpack(packed):
            size += len(piece)
            if size > max_bytes:
                raise FetchError(f"larger than {max_bytes} bytes")
            if size > max(_UNPACKED, _RATIO * received):
                raise FetchError(f"unpacks to more than {_RATIO} times its size")
            waiting += piece
            if len(waiting) >= _CHUNK:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
    file.write(waiting)


def _unpacker(encoding: str) -> Callable[[bytes], Iterable[bytes]]:
    # Nothing was asked for but the bytes themselves; stores that keep files packed send them so.
    if encoding.strip().lower() in {"", "identity"}:
        return lambda data: (data,)
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        raise FetchError("sent in an encoding that was not asked for")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, as its header says

    def unpack(data: bytes) -> Iterator[bytes]:
        while data:
            yield inflate.decompress(data, _CHUNK)
            data = inflate.unconsumed_tail

    return unpack


class _Pinned(httpcore.AsyncNetworkBackend):
    """Looks a host up, asks the guard about every address, and connects to one of them."""

    def __init__(self, guard: Guard, resolve: Resolve) -> None:
        self._guard = guard
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await asyncio.wait_for(self._resolve(host, port), timeout)
        failure: Exception | None = None
        for address in self._guard.checked(host, port, found):
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None, "the guard has checked that there is an address"
        raise failure


class _Lookup:
    """The system's resolver, in threads of its own: a name server that hangs costs no others."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="lookup")

    async def __call__(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
        )
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Httpcore(httpx.AsyncBaseTransport):
    """httpx on our pool of connections; its own pool has no place for the guard."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Stream(cast("AsyncIterator[bytes]", response.stream), response.aclose),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, parts: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]) -> None:
        self._parts = parts
        self._close = close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._parts:
            yield part

    async def aclose(self) -> None:
        await self._close()


_TEXTS: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError), "the URL is not valid", False),
    ((httpcore.UnsupportedProtocol,), "the URL is not valid", False),
    ((socket.gaierror,), "the host is not known", True),
    ((zlib.error,), "the body is not what its content-encoding says", False),
    ((httpcore.TimeoutException, asyncio.TimeoutError), "no answer in time", True),
    ((httpcore.NetworkError, httpcore.ProtocolError), "the connection failed", True),
    ((httpx.RemoteProtocolError,), "the answer to the request is not HTTP", False),
)
"""What went wrong, what a client may know of it, and whether trying again may help."""
_FAILURES: tuple[type[Exception], ...] = (
    UrlRefused,
    *(kind for kinds, _, _ in _TEXTS for kind in kinds),
)


def _failure(error: Exception) -> FetchError:
    if isinstance(error, UrlRefused):
        return FetchError(str(error))
    if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
        return FetchError("no secure connection: the certificate or the protocol is wrong")
    text, retryable = next(
        (text, retryable) for kinds, text, retryable in _TEXTS if isinstance(error, kinds)
    )
    return FetchError(text, retryable=retryable)
