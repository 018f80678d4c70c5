"""SBOM and provenance of a pushed image, read back from the registry and held against the image."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.command import cog
from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.model import build

SPDX = "https://spdx.dev/Document"
PROVENANCE = ("https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
WORD = "hunter2-not-to-be-seen"
EPOCH = "1700000000"
CONFIG = """\
build:
  python_version: '3.12'
  system_packages: [tree]
  python_packages: ['six==1.17.0', 'markupsafe==3.0.2']
  run:
    - command: test -s /run/word && pip install --quiet --target /opt/more iniconfig==2.1.0
      mounts: [{type: secret, id: word, target: /run/word}]
weights:
  - {name: w, target: /models/w, source: {uri: w}}
run: run.py:run
"""
ASKED = ("--sbom=true", "--provenance=mode=max")


@dataclass(frozen=True, slots=True)
class Attested:
    """An image in a registry: its statements by predicate type, and all of their bytes."""

    digest: str
    statements: dict[str, dict[str, Any]]
    data: bytes

    @property
    def sbom(self) -> dict[str, Any]:
        found: dict[str, Any] = self.statements[SPDX]["predicate"]
        return found

    @property
    def purls(self) -> set[str]:
        return {
            ref["referenceLocator"]
            for package in self.sbom["packages"]
            for ref in package.get("externalRefs", ())
        }

    def package(self, name: str, of: str = "pkg:pypi/") -> dict[str, Any]:
        (found,) = (
            each
            for each in self.sbom["packages"]
            if each["name"] == name and each["externalRefs"][0]["referenceLocator"].startswith(of)
        )
        return dict(found)


def fetch(place: Workplace, name: str, what: str) -> bytes:
    address = f"http://{place.engine.registry}/v2/{name}/{what}"
    accept = {"Accept": f"{INDEX}, {MANIFEST}"}
    return httpx.get(address, headers=accept, timeout=60).raise_for_status().content


def attested(place: Workplace, name: str) -> Attested:
    index = json.loads(fetch(place, name, "manifests/1"))
    assert index["mediaType"] == INDEX
    (image,) = (each for each in index["manifests"] if "annotations" not in each)
    (stated,) = (each for each in index["manifests"] if "annotations" in each)
    assert stated["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"
    assert stated["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    layers = json.loads(fetch(place, name, f"manifests/{stated['digest']}"))["layers"]
    blobs = [fetch(place, name, f"blobs/{each['digest']}") for each in layers]
    found = [json.loads(blob) for blob in blobs]
    return Attested(
        digest=image["digest"],
        statements={each["predicateType"]: each for each in found},
        data=b"".join(blobs),
    )


def project(place: Workplace) -> Path:
    return place.project(
        {
            "cog.yaml": CONFIG,
            "run.py": "def run(a: int) -> int:\n    return a\n",
            "w/model.bin": b"weights" * 1000,
        }
    )


@pytest.fixture(scope="module")
def folder(one_place: Workplace) -> Path:
    return project(one_place)


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("secret") / "word"
    file.write_text(WORD)
    return f"id=word,src={file}"


@pytest.fixture(scope="module")
def pushed(one_place: Workplace, folder: Path, secret: str) -> tuple[str, Attested]:
    """The image and its statements, as buildx has them made."""
    name = f"cogkit-test/attested-{os.getpid()}"
    tag = f"{one_place.engine.registry}/{name}:1"
    options = ("--push", *ASKED, f"--secret={secret}", f"--build-arg=SOURCE_DATE_EPOCH={EPOCH}")
    done = build(one_place.engine, folder, tag, options)
    assert done.code == 0, done.output
    assert "[sbom] list what is installed" in done.output
    return tag, attested(one_place, name)


def run(place: Workplace, tag: str, *words: str) -> list[str]:
    output = run_docker(place.engine, "run", "--rm", "--entrypoint", words[0], tag, *words[1:])
    return output.splitlines()


def test_nothing_that_dpkg_knows_is_missing(
    one_place: Workplace, pushed: tuple[str, Attested]
) -> None:
    tag, found = pushed
    asked = "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"
    listed = [line.split() for line in run(one_place, tag, "dpkg-query", "-W", "-f", asked)]
    installed = {(name, version, arch) for status, name, version, arch in listed
                 if status == "installed"}  # fmt: skip
    told = {
        (each["name"], each["versionInfo"], purl.partition("arch=")[2].partition("&")[0])
        for each in found.sbom["packages"]
        for purl in (each.get("externalRefs", [{}])[0].get("referenceLocator", ""),)
        if purl.startswith("pkg:deb/debian/")
    }
    assert "tree" in {name for name, _, _ in installed}
    assert told == installed


def test_nothing_that_pip_knows_is_missing(
    one_place: Workplace, pushed: tuple[str, Attested]
) -> None:
    tag, found = pushed
    script = (
        "import importlib.metadata as m, json, sys\n"
        "sys.path += ['/opt/more', '/opt/cog/deps']\n"
        "from glob import glob\n"
        "sys.path += glob('/usr/local/lib/python3*/site-packages')\n"
        "print(json.dumps(sorted({(d.metadata['Name'].lower().replace('_', '-'), d.version)"
        " for d in m.distributions()})))"
    )
    (text,) = run(one_place, tag, "/opt/venv/bin/python", "-c", script)
    installed = {f"pkg:pypi/{name}@{version}" for name, version in json.loads(text)}
    told = {purl.partition("?")[0] for purl in found.purls if purl.startswith("pkg:pypi/")}
    assert {"pkg:pypi/six@1.17.0", "pkg:pypi/iniconfig@2.1.0"} <= installed
    assert "pkg:pypi/granian" in {each.partition("@")[0] for each in installed}
    assert installed <= told


def test_packages_have_their_files_hash_and_licence(pushed: tuple[str, Attested]) -> None:
    _, found = pushed
    for name, licence in (("six", "MIT"), ("markupsafe", "BSD")):
        package = found.package(name)
        assert (
            package["licenseDeclared"].startswith(licence) or licence in package["licenseComments"]
        )
        (checksum,) = package["checksums"]
        assert checksum["algorithm"] == "SHA256"
        address = package["downloadLocation"]
        content = httpx.get(address, timeout=60, follow_redirects=True).raise_for_status().content
        assert hashlib.sha256(content).hexdigest() == checksum["checksumValue"]


def test_weights_have_their_hash(pushed: tuple[str, Attested]) -> None:
    _, found = pushed
    package = found.package("model.bin", "pkg:generic/")
    assert package["packageFileName"] == "/models/w/model.bin"
    assert package["checksums"][0]["checksumValue"] == (
        hashlib.sha256(b"weights" * 1000).hexdigest()
    )


def test_statements_are_about_the_image_and_of_its_time(pushed: tuple[str, Attested]) -> None:
    _, found = pushed
    (subject,) = found.statements[SPDX]["subject"]
    assert f"sha256:{subject['digest']['sha256']}" == found.digest
    assert found.sbom["creationInfo"]["created"] == "2023-11-14T22:13:20Z"


def test_provenance_has_the_whole_graph_and_no_secret(pushed: tuple[str, Attested]) -> None:
    _, found = pushed
    (kind,) = set(PROVENANCE) & set(found.statements)
    predicate = found.statements[kind]["predicate"]
    inner = predicate.get("buildDefinition", {}).get("internalParameters", predicate)
    steps = json.dumps(inner["buildConfig"]["llbDefinition"])  # there with mode=max alone
    assert '"tree"' in steps  # what apt-get is told to install
    assert "uv" in steps
    assert WORD.encode() not in found.data


def test_cog_build_makes_the_same_statement(
    one_place: Workplace, folder: Path, secret: str, pushed: tuple[str, Attested]
) -> None:
    name = f"cogkit-test/attested-cog-{os.getpid()}"
    tag = f"{one_place.engine.registry}/{name}:1"
    words = ("build", "-t", tag, "--push", "--sbom", "true", "--provenance", "mode=max")
    done = cog(
        *(one_place, folder, *words, "--secret", secret),
        *("--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}"),
    )
    assert done.returncode == 0, done.stderr
    found = attested(one_place, name)
    assert found.sbom == pushed[1].sbom
    assert found.digest == pushed[1].digest
    assert set(PROVENANCE) & set(found.statements)
    assert WORD.encode() not in found.data


def test_what_nobody_asked_for_is_not_made(one_place: Workplace, folder: Path, secret: str) -> None:
    _, done = one_place.build(folder, f"--secret={secret}")
    assert done.code == 0, done.output
    assert "[sbom]" not in done.output


def test_an_engine_that_cannot_keep_them_says_so(place: Workplace) -> None:
    if place.kind.endswith("containerd"):
        return
    plain = place.project({"cog.yaml": "build: {python_version: '3.12'}\n"})
    for words in (("--sbom", "true"), ("--provenance", "mode=max")):
        done = cog(place, plain, "build", "-t", place.tag(), *words)
        assert done.returncode != 0
        assert "this builder cannot keep" in done.stderr
        assert "containerd image store" in done.stderr
