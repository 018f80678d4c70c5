"""What is installed in an image, as JSON: Debian packages, Python packages, weights.

Runs in a step of the build, in the image's own Python (3.10 or newer), from the toolbox:
``inventory.py ROOT OUT [LAYER=FOLDER ...]``; each folder holds the files of one layer of weights.
It writes down what is there and decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

FORMAT = 1
_CHUNK = 1 << 20
# Not the image's: the kernel's, and what the build mounts.
_ELSEWHERE = ("proc", "sys", "dev", "run")
_METADATA = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_KEPT = ("Name", "Version", "License", "License-Expression", "Home-page")
_LICENCE = "License: "
_CLASSIFIER = "License ::"
_LONGEST = 200


def inventory(root: Path, weights: dict[str, Path]) -> dict[str, object]:
    """Return what is installed below ``root``, in an order that is always the same."""
    return {
        "format": FORMAT,
        "os": _os_release(root),
        "interpreter": {"name": platform.python_implementation(), "version": _version()},
        "debian": list(_debian(root)),
        "python": sorted(_python(root), key=lambda found: (found["path"], found["name"])),
        "weights": [each for name, folder in weights.items() for each in _files(name, folder)],
    }


def _version() -> str:
    return platform.python_version()


def _text(path: Path) -> str:
    """A file as text; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _os_release(root: Path) -> dict[str, str]:
    """The system by its own words (os-release(5))."""
    found = {}
    for line in _text(root / "etc/os-release").splitlines():
        key, equals, value = line.partition("=")
        if equals and key in {"ID", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME"}:
            found[key.lower()] = value.strip().strip("\"'")
    return found


def _debian(root: Path) -> Iterator[dict[str, object]]:
    """The packages that dpkg knows as installed (deb-status: one paragraph each)."""
    parts = root / "var/lib/dpkg/status.d"  # distroless images have a file of each package
    files = [root / "var/lib/dpkg/status"]
    if parts.is_dir():
        files += sorted(path for path in parts.iterdir() if path.suffix != ".md5sums")
    found = []
    for paragraph in "\n\n".join(map(_text, files)).split("\n\n"):
        fields = dict(HeaderParser().parsestr(paragraph.lstrip("\n")).items())
        status = fields.get("Status", "install ok installed").split()
        if "Package" in fields and status[-1:] not in (["not-installed"], ["config-files"]):
            found.append(_debian_package(root, fields))
    yield from sorted(found, key=lambda each: (str(each["name"]), str(each["architecture"])))


def _debian_package(root: Path, fields: dict[str, str]) -> dict[str, object]:
    name, version = fields["Package"], fields.get("Version", "")
    source, _, of_source = fields.get("Source", name).partition(" ")
    return {
        "name": name,
        "version": version,
        "architecture": fields.get("Architecture", ""),
        "source": source,
        "source_version": of_source.strip("()") or version,
        "maintainer": fields.get("Maintainer", ""),
        "licences": _debian_licences(_text(root / f"usr/share/doc/{name}/copyright")),
    }


def _debian_licences(copyright_file: str) -> list[str]:
    """The short names in a machine-readable copyright file; none in another."""
    if not copyright_file.startswith("Format:"):
        return []
    lines = copyright_file.splitlines()
    names = {line[len(_LICENCE) :].strip() for line in lines if line.startswith(_LICENCE)}
    return sorted(name for name in names if name)


def _python(root: Path) -> Iterator[dict[str, object]]:
    """Every Python package, wherever it is."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if here == root:
            folders[:] = [name for name in folders if name not in _ELSEWHERE]
        for name in sorted(folders):
            if Path(name).suffix in _METADATA:
                yield from _python_package(root, here / name, _METADATA[Path(name).suffix])
        for name in sorted(files):
            if name.endswith(".egg-info"):
                yield from _python_package(root, here, name)


def _python_package(root: Path, folder: Path, file: str) -> Iterator[dict[str, object]]:
    text = _text(folder / file)
    metadata = HeaderParser().parsestr(text)
    if not metadata.get("Name"):
        return
    wheel = HeaderParser().parsestr(_text(folder / "WHEEL"))
    record = folder if file in _METADATA.values() else folder / file
    yield {
        "path": f"/{record.parent.relative_to(root)}",
        "classifiers": sorted(
            value for value in metadata.get_all("Classifier", []) if value.startswith(_CLASSIFIER)
        ),
        "tags": sorted(wheel.get_all("Tag", [])),
        **{key.lower().replace("-", "_"): _line(metadata.get(key)) for key in _KEPT},
    }


def _line(value: str | None) -> str:
    """The first line of a field, not more of it than a name is long."""
    return str(value or "").strip().partition("\n")[0].strip()[:_LONGEST]


def _files(layer: str, folder: Path) -> Iterator[dict[str, object]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield {
            "layer": layer,
            "path": f"/{path.relative_to(folder)}",
            "size": path.stat().st_size,
            "sha256": _sha256(path),
        }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def main(args: list[str]) -> None:
    """Write the inventory of an image."""
    root, out, *layers = args
    weights = {name: Path(folder) for name, _, folder in (each.partition("=") for each in layers)}
    found = inventory(Path(root), weights)
    Path(out).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
