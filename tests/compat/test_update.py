"""The generator, on a package index in memory: real simple API documents, real wheels."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from tools.update_compat import tables
from tools.wheel_index import Index

MARKED = '; platform_system == "Linux"'


class FakeIndex:
    """Answers the simple API and range requests for wheels."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.projects: dict[str, list[dict[str, object]]] = {}

    def add(self, project: str, version: str, *requires: str, tags: str = "cp312-cp312") -> None:
        stem = project.replace("-", "_")
        name = f"{stem}-{version}-{tags}-manylinux_2_28_x86_64.whl"
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as wheel:
            wheel.writestr("big.so", bytes(2 << 20))
            lines = [f"Name: {project}", f"Version: {version}"]
            lines += [f"Requires-Dist: {each}" for each in requires]
            wheel.writestr(f"{stem}-{version}.dist-info/METADATA", "\n".join(lines) + "\n\n")
        self.files[f"https://files/{name}"] = content.getvalue()
        self.projects.setdefault(project, []).append(
            {"filename": name, "url": f"https://files/{name}", "size": len(content.getvalue())}
        )

    def fetch(self, url: str, headers: Mapping[str, str]) -> bytes:
        if url in self.files:
            first, last = headers["Range"].removeprefix("bytes=").split("-")
            return self.files[url][int(first) : int(last) + 1]
        project = url.removeprefix("https://index/").strip("/")
        return json.dumps({"files": self.projects.get(project, [])}).encode()


def index() -> Index:
    fake = FakeIndex()
    fake.add("torch", "1.13.0", tags="cp310-cp310")
    fake.add("torch", "2.99.0", f"cuda-toolkit[cublas]==13.4.1{MARKED}")
    fake.add("torch", "2.99.0", tags="cp313-cp313")
    fake.add("torch", "2.99.0", tags="cp314-cp314t")
    fake.add("torch", "2.99.1rc1")
    fake.add("torch", "1.2.0")
    fake.add("tensorflow", "2.15.0")
    fake.add("tensorflow", "2.98.0", 'nvidia-cuda-runtime-cu12>=12.9.1; extra == "and-cuda"',
             'nvidia-cudnn-cu12==9.8.1; extra == "and-cuda"')  # fmt: skip
    fake.add("jax", "0.5.0", 'jax-cuda12-plugin[with-cuda]; extra == "cuda12"', tags="py3-none")
    fake.add("jax-cuda12-plugin", "0.5.0", tags="cp311-cp311")
    fake.add("onnxruntime-gpu", "1.16.0")
    fake.add("onnxruntime-gpu", "1.97.0", 'nvidia-cuda-runtime~=13.0; extra == "cuda"')
    return Index("https://index/", fake.fetch)


def test_tables_come_from_metadata_where_it_tells_and_from_what_is_published() -> None:
    found = tables(index())
    assert found["torch"] == [
        ("2.99.0", "13.4", "3.12 3.13", "pypi"),
        ("2.99.0", "", "3.12 3.13", ""),
        ("1.13.0", "11.7", "3.10", "pypi"),
        ("1.13.0", "11.6", "3.10", ""),
        ("1.13.0", "", "3.10", ""),
    ]
    assert found["tensorflow"] == [
        ("2.98.0", "12.9", "9.8", "3.12", "and-cuda"),
        ("2.15.0", "12.2", "8.9", "3.12", ""),
    ]
    assert found["jax"] == [("0.5.0", "12", "3.11")]
    assert found["onnxruntime"] == [
        ("1.97.0", "13.0", "9.1", "3.12", "cuda"),
        ("1.16.0", "11.8", "8.9", "3.12", ""),
    ]
    assert found["cuda_images"][0] == ("13.2.1", "cudnn", "9", "24.04")
