"""A repository over HTTP, served by git itself (git-http-backend, as CGI)."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_IDENTITY = ("-c", "user.name=cogkit", "-c", "user.email=cogkit@example.com")


def git(folder: Path, *arguments: str) -> str:
    """Run one git command in a folder and return what it printed."""
    command = ["git", *_IDENTITY, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Make a folder a repository, or go on with it; commit all of it and return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "config", "http.receivepack", "false")
        git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@contextmanager
def serving(
    folder: Path, *, host: str = "127.0.0.1", credentials: tuple[str, str] | None = None
) -> Iterator[str]:
    """Serve the repositories in a folder until the block ends; yields the URL they are under.

    ``host`` is an address of this machine; with ``credentials`` only who sends them is answered.
    """
    backend = Path(git(folder, "--exec-path")) / "git-http-backend"
    login = base64.b64encode(":".join(credentials).encode()).decode() if credentials else ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                self._answer(b"".join(iter(self._chunk, b"")))
            else:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _chunk(self) -> bytes:
            data = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return data

        def _answer(self, body: bytes) -> None:
            if login and self.headers.get("Authorization") != f"Basic {login}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="code"')
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            env = _cgi(folder, self.command, path, query, dict(self.headers))
            done = subprocess.run(
                [str(backend)],
                input=body,
                env={**env, "CONTENT_LENGTH": str(len(body))},
                capture_output=True,
                check=True,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer((host, 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}"
        server.shutdown()


def _cgi(
    folder: Path, method: str, path: str, query: str, headers: Mapping[str, str]
) -> dict[str, str]:
    """The variables of RFC 3875 that git-http-backend reads."""
    return {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "REMOTE_ADDR": "127.0.0.1",
    }
