"""What an image is made of, as a registry has it, and what a build did to make it."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from integration.engine import EngineInfo
from integration.frontend_images import run_docker

_OCI = "application/vnd.oci.image"
_DOCKER = "application/vnd.docker.distribution.manifest"
_ACCEPT = (
    f"{_OCI}.index.v1+json, {_OCI}.manifest.v1+json, {_DOCKER}.v2+json, {_DOCKER}.list.v2+json"
)
_ROW = re.compile(r"^#(\d+) (\[.*)$")
_CACHED = re.compile(r"^#(\d+) CACHED$")
COMMANDS = ("[python] create", "[system]", "[lock] uv", "[packages ", "[run ")


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in a registry: its layers from the bottom, each with its compressed bytes."""

    registry: str
    name: str
    layers: tuple[tuple[str, int], ...]
    config: tuple[str, int]

    @property
    def size(self) -> int:
        """All bytes of the image."""
        return sum(size for _, size in (*self.layers, self.config))

    def bytes_beyond(self, other: Pushed) -> int:
        """What had to be sent to a registry that has the other image."""
        known = {digest for digest, _ in (*other.layers, other.config)}
        return sum(size for digest, size in (*self.layers, self.config) if digest not in known)

    def blob(self, digest: str) -> bytes:
        """The bytes of a layer or of the config."""
        address = f"http://{self.registry}/v2/{self.name}/blobs/{digest}"
        return httpx.get(address, timeout=120).raise_for_status().content

    def files(self, digest: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        """The entries of a layer, with the content of regular files."""
        data = self.blob(digest)
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() else None
                yield entry, content.read() if content else b""


def manifest(registry: str, name: str, reference: str) -> dict[str, Any]:
    """Return the image manifest behind a tag, through an index if there is one."""
    address = f"http://{registry}/v2/{name}/manifests/{reference}"
    found: dict[str, Any] = httpx.get(address, headers={"Accept": _ACCEPT}).json()
    if "manifests" in found:
        return manifest(registry, name, found["manifests"][0]["digest"])
    return found


def push(engine: EngineInfo, tag: str, name: str) -> Pushed:
    """Push an image to the registry under ``name``; return what the registry has then."""
    reference = f"{engine.registry}/{name}:1"
    run_docker(engine, "tag", tag, reference)
    run_docker(engine, "push", "--quiet", reference)
    run_docker(engine, "image", "rm", reference)
    found = manifest(engine.registry, name, "1")
    layers = tuple((each["digest"], each["size"]) for each in found["layers"])
    config = (found["config"]["digest"], found["config"]["size"])
    return Pushed(engine.registry, name, layers, config)


def commands_run(output: str) -> set[str]:
    """Return the names of the commands that ran, from ``--progress=plain``: cached ones did not."""
    names: dict[str, str] = {}
    cached: set[str] = set()
    for line in output.splitlines():
        if row := _ROW.match(line):
            names.setdefault(row[1], row[2])
        elif hit := _CACHED.match(line):
            cached.add(hit[1])
    ran = {name for number, name in names.items() if number not in cached}
    return {name for name in ran if name.startswith(COMMANDS)}
