"""The toolbox's script: it runs on a made-up root, and what it writes is what we read."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from cog_frontend.sbom import Inventory, read_inventory
from tools import inventory as script

STATUS = """\
Package: libfoo
Status: install ok installed
Architecture: amd64
Source: foo (1.0-1)
Version: 1.0-1+b2
Maintainer: Someone <s@example.org>
Description: a library
 of many
 .
 lines

Package: gone
Status: deinstall ok config-files
Version: 3
Architecture: all

Package: bar
Status: install ok installed
Version: 2
Architecture: all
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+

Files: other
License: Expat
 Permission is hereby granted
"""
METADATA = """\
Metadata-Version: 2.1
Name: Six
Version: 1.17.0
License: MIT
 and a long text
Classifier: Programming Language :: Python
Classifier: License :: OSI Approved :: MIT License

Name: of the description, not of the package
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def image(root: Path) -> Path:
    write(
        root,
        {
            "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\nX=1\n',
            "var/lib/dpkg/status": STATUS,
            "usr/share/doc/libfoo/copyright": COPYRIGHT,
            "usr/share/doc/bar/copyright": "License: as you like",
            "opt/venv/lib/six-1.17.0.dist-info/METADATA": METADATA,
            "opt/venv/lib/six-1.17.0.dist-info/WHEEL": "Tag: py3-none-any\nTag: py2-none-any\n",
            "opt/old.egg-info/PKG-INFO": "Name: old\nVersion: 1\n",
            "opt/flat-2.egg-info": "Name: flat\nVersion: 2\n",
            "opt/broken.dist-info/METADATA": "no metadata\n",
            "opt/empty.dist-info/RECORD": "",
            "run/cogkit/x-1.dist-info/METADATA": "Name: x\nVersion: 1\n",
            "weights/a/big.bin": "big",
        },
    )
    return root


def listed(tmp_path: Path) -> Inventory:
    root = image(tmp_path / "root")
    found = script.inventory(root, {"weights/w": root / "weights"})
    return read_inventory(json.dumps(found).encode())


def test_packages_of_debian_are_those_that_are_installed(tmp_path: Path) -> None:
    bar, foo = listed(tmp_path).debian
    assert (bar.name, bar.version, bar.source, bar.source_version) == ("bar", "2", "bar", "2")
    assert bar.licences == ()
    assert (foo.version, foo.source, foo.source_version) == ("1.0-1+b2", "foo", "1.0-1")
    assert foo.licences == ("Expat", "GPL-2+")


def test_python_packages_are_found_wherever_they_are(tmp_path: Path) -> None:
    found = {each.name: each for each in listed(tmp_path).python}
    assert sorted(found) == ["Six", "flat", "old"]
    six = found["Six"]
    assert (six.path, six.version, six.license) == ("/opt/venv/lib", "1.17.0", "MIT")
    assert six.tags == ("py2-none-any", "py3-none-any")
    assert six.classifiers == ("License :: OSI Approved :: MIT License",)
    assert found["flat"].path == found["old"].path == "/opt"


def test_weights_have_the_paths_of_the_image(tmp_path: Path) -> None:
    (file,) = listed(tmp_path).weights
    assert (file.layer, file.path, file.size) == ("weights/w", "/a/big.bin", 3)
    assert file.sha256 == hashlib.sha256(b"big").hexdigest()


def test_an_image_without_dpkg_has_no_packages_of_it(tmp_path: Path) -> None:
    found = read_inventory(json.dumps(script.inventory(tmp_path, {})).encode())
    assert (found.debian, found.python, found.weights, found.os) == ((), (), (), {})


def test_distroless_images_have_a_file_of_each_package(tmp_path: Path) -> None:
    write(tmp_path, {"var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12\n"})
    write(tmp_path, {"var/lib/dpkg/status.d/base.md5sums": "Package: no\n"})
    found = read_inventory(json.dumps(script.inventory(tmp_path, {})).encode())
    assert [each.name for each in found.debian] == ["base-files"]


def test_it_runs_alone_and_writes_the_same_bytes_again(tmp_path: Path) -> None:
    root = image(tmp_path / "root")
    outs = [tmp_path / "one.json", tmp_path / "two.json"]
    for out in outs:
        command = [sys.executable, "-I", "-S", script.__file__, str(root), str(out)]
        subprocess.run([*command, f"weights/w={root}/weights"], check=True)
    first, second = (out.read_bytes() for out in outs)
    assert first == second
    assert read_inventory(first) == listed(tmp_path)
