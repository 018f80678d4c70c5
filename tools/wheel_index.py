"""What a package index says of wheels, without downloading them.

The simple API (PEP 691) lists files; a wheel's METADATA is read from the end of the zip file by
range requests, because not every index serves metadata on its own (PEP 658).
"""

from __future__ import annotations

import io
import json
import ssl
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser

import httpx
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version
from pip._internal.models.index import PyPI

_JSON = "application/vnd.pypi.simple.v1+json"
# Central directory and metadata of the largest wheels stand in here.
_TAIL_BYTES = 1 << 19

Fetch = Callable[[str, Mapping[str, str]], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel of a release, with the Pythons (``3.12``) its tags name (none: any)."""

    version: Version
    url: str
    size: int
    pythons: frozenset[str]
    platforms: frozenset[str]

    @property
    def is_for_linux(self) -> bool:
        """Whether it installs on glibc Linux, x86-64."""
        return any(
            name == "any" or (name.startswith(("manylinux", "linux")) and name.endswith("x86_64"))
            for name in self.platforms
        )


class Index:
    """An index at ``url``, the simple API's root."""

    def __init__(self, url: str, fetch: Fetch) -> None:
        self._url = url.rstrip("/")
        self._fetch = fetch

    def releases(self, project: str) -> dict[Version, list[Wheel]]:
        """Return the Linux wheels of every stable release that has any, oldest first."""
        found: dict[Version, list[Wheel]] = defaultdict(list)
        document = json.loads(self._fetch(f"{self._url}/{project}/", {"Accept": _JSON}))
        for file in document["files"]:
            if file["filename"].endswith(".whl") and not file.get("yanked"):
                wheel = _wheel(file)
                if wheel.is_for_linux and not wheel.version.is_prerelease:
                    found[wheel.version].append(wheel)
        return dict(sorted(found.items()))

    def requirements(self, wheel: Wheel) -> list[Requirement]:
        """Return what a wheel's metadata requires."""
        with zipfile.ZipFile(_Remote(wheel, self._fetch)) as archive:
            (name,) = (
                name
                for name in archive.namelist()
                if name.endswith(".dist-info/METADATA") and name.count("/") == 1
            )
            headers = HeaderParser().parsestr(archive.read(name).decode())
        return [Requirement(text) for text in headers.get_all("Requires-Dist") or ()]


def _wheel(file: Mapping[str, object]) -> Wheel:
    _, version, _, tags = parse_wheel_filename(str(file["filename"]))
    return Wheel(
        version=version,
        url=str(file["url"]),
        size=int(str(file["size"])),
        pythons=frozenset(
            f"3.{tag.interpreter[3:]}"
            for tag in tags
            if tag.interpreter.startswith("cp3") and not tag.abi.endswith("t")  # free-threaded
        ),
        platforms=frozenset(tag.platform for tag in tags),
    )


class _Remote(io.RawIOBase):
    """A file at a URL, read by ranges; its end is fetched once."""

    def __init__(self, wheel: Wheel, fetch: Fetch) -> None:
        self._wheel = wheel
        self._fetch = fetch
        self._position = 0
        self._tail_start = max(0, wheel.size - _TAIL_BYTES)
        self._tail = self._range(self._tail_start, wheel.size)

    def _range(self, start: int, end: int) -> bytes:
        return self._fetch(self._wheel.url, {"Range": f"bytes={start}-{end - 1}"})

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._wheel.size}
        self._position = origin[whence] + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        start = self._position
        end = self._wheel.size if size < 0 else min(start + size, self._wheel.size)
        if start >= end:
            return b""
        if start >= self._tail_start:
            data = self._tail[start - self._tail_start : end - self._tail_start]
        else:
            data = self._range(start, end)
        self._position = end
        return data


def named(requirements: Iterable[Requirement], *names: str) -> list[Requirement]:
    """Return the requirements on any of these projects."""
    return [each for each in requirements if canonicalize_name(each.name) in names]


@contextmanager
def configured_index(environment: Mapping[str, str]) -> Iterator[Index]:
    """The index that pip is set up to use on this machine."""
    context = ssl.create_default_context(cafile=environment.get("SSL_CERT_FILE"))
    with httpx.Client(verify=context, follow_redirects=True, timeout=120) as client:

        def fetch(address: str, headers: Mapping[str, str]) -> bytes:
            answer = client.get(address, headers=dict(headers))
            answer.raise_for_status()
            return answer.content

        yield Index(_configured_url(), fetch)


def _configured_url() -> str:
    argv = (sys.executable, "-m", "pip", "config", "list")
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        if name.endswith(".index-url"):
            return value.strip("'")
    return PyPI.simple_url
