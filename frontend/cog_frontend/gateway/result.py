"""What a build returns: refs and the metadata keys that exporters read; values only.

The keys are those of BuildKit's exporter/containerimage/exptypes and of frontend/subrequests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from cog_frontend.gateway.values import Ref, utf8

if TYPE_CHECKING:
    from buildkit_llb import Platform

CONFIG_KEY = "containerimage.config"
BASE_CONFIG_KEY = "containerimage.base.config"
PLATFORMS_KEY = "refs.platforms"
EPOCH_KEY = "source.date.epoch"

# The files, the OCI image config as JSON, and the config of the image it is built on: with the
# last one, rewriting timestamps leaves the layers of the base alone.
PlatformImage: TypeAlias = tuple[Ref | None, bytes, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What is stated about an image: the file at ``path`` of a tree is the statement's predicate.

    ``predicate_type`` is its type as in-toto names it, ``reason`` what it was made for.
    """

    ref: Ref
    path: str
    predicate_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One filesystem (``ref``; None is scratch), or one per platform ID (``refs``).

    ``attestations`` are by platform ID too, whether there is one platform or several.
    """

    ref: Ref | None = None
    refs: Mapping[str, Ref | None] = field(default_factory=dict)
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    attestations: Mapping[str, tuple[Attestation, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ref is not None and self.refs:
            raise ValueError("a result has one ref or a ref per platform, not both")

    def with_metadata(self, more: Mapping[str, bytes]) -> Result:
        """Return the same result with more keys; a key given again is replaced."""
        return replace(self, metadata={**self.metadata, **more})


def platform_id(platform: Platform) -> str:
    """Return the key of a platform, as ``FormatAll`` of containerd/platforms writes it."""
    system = f"{platform.os}({platform.os_version})" if platform.os_version else platform.os
    variant = f"/{platform.variant}" if platform.variant else ""
    return f"{system}/{platform.architecture}{variant}"


def single_image(
    ref: Ref | None,
    config: bytes,
    platform: Platform,
    base_config: bytes | None = None,
    *,
    epoch: int | None = None,
) -> Result:
    """Return the result of a build for one platform that was not asked to be multi-platform.

    ``epoch`` is the time that exporters give the image, in seconds since 1970.
    """
    metadata = {**_configs(config, base_config, ""), PLATFORMS_KEY: _platform_list([platform])}
    return Result(ref=ref, metadata={**metadata, **_epoch(epoch, "")})


def multi_image(images: Mapping[Platform, PlatformImage], *, epoch: int | None = None) -> Result:
    """Return the result of a multi-platform build; also right when it names one platform."""
    refs: dict[str, Ref | None] = {}
    metadata: dict[str, bytes] = {}
    for platform, (ref, config, base_config) in images.items():
        key = platform_id(platform)
        refs[key] = ref
        metadata |= {**_configs(config, base_config, f"/{key}"), **_epoch(epoch, f"/{key}")}
    metadata[PLATFORMS_KEY] = _platform_list(list(images))
    return Result(refs=refs, metadata=metadata)


def subrequest_reply(
    document: object, text: str, *, version: str = "1.0.0", status: int | None = None
) -> Result:
    """Return the reply to a subrequest (``docker buildx build --call``).

    ``document`` is what a program reads, written as indented JSON; ``text`` what a person reads.
    ``status`` is the exit code of ``--check`` (lint only).
    """
    encoded = json.dumps(document, indent=2, ensure_ascii=False)
    metadata = {"result.json": encoded, "result.txt": text, "version": version}
    if status is not None:
        metadata["result.statuscode"] = str(status)
    return Result(metadata={key: utf8(value) for key, value in metadata.items()})


def _configs(config: bytes, base_config: bytes | None, suffix: str) -> dict[str, bytes]:
    configs = {CONFIG_KEY + suffix: config}
    if base_config is not None:
        configs[BASE_CONFIG_KEY + suffix] = base_config
    return configs


def _epoch(seconds: int | None, suffix: str) -> dict[str, bytes]:
    return {} if seconds is None else {EPOCH_KEY + suffix: str(seconds).encode()}


def _platform_list(platforms: list[Platform]) -> bytes:
    """``exptypes.Platforms`` in JSON; a platform is that of the OCI image spec."""
    entries = [
        {"ID": platform_id(platform), "Platform": _oci_platform(platform)} for platform in platforms
    ]
    return json.dumps({"Platforms": entries}, separators=(",", ":")).encode()


def _oci_platform(platform: Platform) -> dict[str, object]:
    fields: dict[str, object] = {
        "architecture": platform.architecture,
        "os": platform.os,
        "os.version": platform.os_version,
        "os.features": list(platform.os_features),
        "variant": platform.variant,
    }
    return {key: value for key, value in fields.items() if value}
