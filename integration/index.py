"""A Python package index on this machine, and wheels made for it: heavy, odd, or both.

The index answers as PyPI does (PEP 503 and 691), to builds in the engine's containers too; with
``credentials`` only to who sends them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from integration.engine import EngineInfo
from integration.frontend_images import run_docker

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True)
class Index:
    """A running index; ``url`` is how a build reaches it.

    ``asked`` are the paths it was asked for, ``agents`` who asked, in the same order.
    """

    url: str
    host: str
    asked: list[str] = field(repr=False)
    agents: list[str] = field(repr=False)


def wheel(
    name: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel that holds ``files``."""
    distribution = name.replace("-", "_")
    info = f"{distribution}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    written = {
        **files,
        f"{info}/METADATA": f"{_about(name, version)}{needs}".encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    rows = [f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in written.items()]
    written[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in written.items():
            archive.writestr(path, data)
    return f"{distribution}-{version}-{tag}.whl", buffer.getvalue()


def sdist(name: str, version: str, files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return the file name and the bytes of a source archive that holds ``files``."""
    top = f"{name.replace('-', '_')}-{version}"
    about = _about(name, version).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in {"PKG-INFO": about, **files}.items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return f"{top}.tar.gz", buffer.getvalue()


def _about(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def noise(size: int, seed: int) -> bytes:
    """Return bytes that do not compress, the same every time."""
    return random.Random(seed).randbytes(size)


def gateway(engine: EngineInfo) -> str:
    """The address at which builds in the engine reach this machine."""
    ask = ("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    return run_docker(engine, *ask)


@contextmanager
def serving(
    engine: EngineInfo,
    files: Mapping[str, bytes],
    *,
    credentials: tuple[str, str] | None = None,
) -> Iterator[Index]:
    """Serve ``files`` (file name to bytes), and what is added to them, until the block ends."""
    asked: list[str] = []
    agents: list[str] = []
    server = ThreadingHTTPServer(("0.0.0.0", 0), _handler(files, credentials, asked, agents))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host = gateway(engine)
    try:
        yield Index(f"http://{host}:{server.server_port}/simple/", host, asked, agents)
    finally:
        server.shutdown()
        server.server_close()


def _handler(
    files: Mapping[str, bytes],
    credentials: tuple[str, str] | None,
    asked: list[str],
    agents: list[str],
) -> type[BaseHTTPRequestHandler]:
    wanted = base64.b64encode(":".join(credentials).encode()).decode() if credentials else ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            agents.append(self.headers.get("User-Agent", ""))
            _, kind, name = f"{self.path.partition('?')[0].rstrip('/')}//".split("/", 2)
            name = unquote(name.rstrip("/"))
            if wanted and self.headers.get("Authorization") != f"Basic {wanted}":
                self._answer(401, "text/plain", b"who are you?")
            elif kind == "simple" and (offered := _of_project(name, files)):
                self._answer(200, JSON, self._project(name, offered))
            elif kind == "files" and name in files:
                self._answer(200, "application/octet-stream", files[name])
            elif kind == "files" and (whole := name.removesuffix(".metadata")) in files:
                self._answer(200, "text/plain", _metadata(files[whole]))
            else:
                self._answer(404, "text/plain", b"nothing here")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _project(self, name: str, offered: list[str]) -> bytes:
            entries = [
                {
                    "filename": each,
                    "url": f"/files/{each}",
                    "size": len(files[each]),
                    "hashes": {"sha256": hashlib.sha256(files[each]).hexdigest()},
                    "core-metadata": each.endswith(".whl"),
                }
                for each in offered
            ]
            return json.dumps(
                {"meta": {"api-version": "1.1"}, "name": name, "files": entries}
            ).encode()

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _of_project(name: str, files: Iterable[str]) -> list[str]:
    """The files of a project, by its normalised name."""
    return [each for each in files if each.partition("-")[0].replace("_", "-").lower() == name]


def _metadata(data: bytes) -> bytes:
    """A wheel's METADATA (PEP 658)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return archive.read(name)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
