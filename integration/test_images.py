"""The published images: small, labelled as BuildKit asks, and built with plain docker build."""

from __future__ import annotations

import json
from typing import Any

import httpx

from cog_frontend.options import CAPS
from integration.conftest import Workplace
from integration.frontend_images import ROOT, run_docker
from integration.model import image_config

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker.distribution.manifest"
ACCEPT = f"{OCI}.index.v1+json, {OCI}.manifest.v1+json, {DOCKER}.v2+json, {DOCKER}.list.v2+json"


def manifest(registry: str, name: str, reference: str) -> dict[str, Any]:
    """Return the image manifest behind a tag, through an index if there is one."""
    address = f"http://{registry}/v2/{name}/manifests/"
    found: dict[str, Any] = httpx.get(address + reference, headers={"Accept": ACCEPT}).json()
    if "manifests" in found:
        return manifest(registry, name, found["manifests"][0]["digest"])
    return found


def compressed_bytes(registry: str, reference: str) -> int:
    name, _, tag = reference.removeprefix(f"{registry}/").partition(":")
    return sum(layer["size"] for layer in manifest(registry, name, tag)["layers"])


def test_the_frontend_image_is_small_and_labelled(one_place: Workplace) -> None:
    size = compressed_bytes(one_place.engine.registry, one_place.images.frontend)
    assert size < 20_000_000
    labels = image_config(one_place.engine, one_place.images.frontend)["Labels"]
    assert labels["moby.buildkit.frontend.network.none"] == "true"
    caps = labels["moby.buildkit.frontend.caps"].split(",")
    assert {*caps} == CAPS


def test_the_frontend_image_holds_bytecode_only(one_place: Workplace) -> None:
    app = one_place.scratch("app")
    container = run_docker(one_place.engine, "create", one_place.images.frontend)
    try:
        listing = run_docker(one_place.engine, "cp", container + ":/app", str(app))
        assert listing == ""
    finally:
        run_docker(one_place.engine, "rm", container)
    names = {path.suffix for path in app.rglob("*") if path.is_file()}
    assert names <= {".pyc", ".so"}


def test_plain_docker_build_makes_both_targets(one_place: Workplace) -> None:
    for target in ("frontend", "toolbox"):
        run_docker(
            one_place.engine,
            *("build", "-q", "-f", "Dockerfile.frontend", "--target", target, str(ROOT)),
        )


def test_the_runtime_layer_is_the_same_in_every_image(one_place: Workplace) -> None:
    registry = one_place.engine.registry
    layers = []
    for text in ("a", "b"):
        project = one_place.project({"cog.yaml": "build: {python_version: '3.12'}\n", "f": text})
        name = f"cogkit-test/runtime-{text}"
        run_docker(one_place.engine, "tag", one_place.image(project), f"{registry}/{name}:1")
        run_docker(one_place.engine, "push", "--quiet", f"{registry}/{name}:1")
        layers.append([layer["digest"] for layer in manifest(registry, name, "1")["layers"]])
    different = set(layers[0]) ^ set(layers[1])
    assert len(different) == 2, json.dumps(layers)
