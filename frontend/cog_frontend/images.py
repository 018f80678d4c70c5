"""The images a build stands on: asked for early, turned into states when they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import buildkit_llb as llb
from cog_frontend.errors import FrontendError, Problem, ProjectError, Span
from cog_frontend.gateway import Bridge, Pending, ResolvedImage
from cog_frontend.image import base_env
from cog_frontend.option_values import OptionError
from cog_frontend.options import ARG_TOOLBOX, Options, named_context, toolbox_reference
from cog_frontend.plan.model import Base, Image
from cog_frontend.rpc import RpcError
from cog_frontend.version import FRONTEND

TOOLBOX = "cogkit-toolbox"
_DOCKER_IMAGE = "docker-image://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The images of one platform's build; each request is on its way from the start."""

    platform: llb.Platform
    base: Pending[ResolvedImage]
    toolbox: Pending[ResolvedImage]


def start_images(bridge: Bridge, options: Options, base: Base, platform: llb.Platform) -> Images:
    """Ask the daemon for the digests and configs of a platform's images."""
    toolbox = toolbox_reference(options, FRONTEND, base.python)
    return Images(
        platform=platform,
        base=_start(bridge, options, platform, base.ref),
        toolbox=_start(bridge, options, platform, toolbox, name=TOOLBOX),
    )


def start_others(
    bridge: Bridge, options: Options, images: Iterable[Image], platform: llb.Platform
) -> dict[str, Pending[ResolvedImage]]:
    """Ask for the other images that a plan takes files from."""
    return {each.name: _start(bridge, options, platform, each.ref) for each in images}


def _start(
    bridge: Bridge, options: Options, platform: llb.Platform, ref: str, *, name: str = ""
) -> Pending[ResolvedImage]:
    """Ask for an image, or for the one that a named context (of its own name) puts there."""
    chosen = _full_name(_overridden(options, name or ref, platform) or ref)
    return bridge.start_resolve(
        chosen,
        platform=platform,
        resolve_mode=options.resolve_mode,
        log_name=f"[internal] load metadata for {chosen}",
    )


def _overridden(options: Options, name: str, platform: llb.Platform) -> str:
    # BuildKit's frontend/dockerui/namedcontext.go: one for the platform wins.
    override = named_context(options, f"{name}::{platform}") or named_context(options, name)
    if override and not override.startswith(_DOCKER_IMAGE):
        raise OptionError(f"build context {name}={override} must be a {_DOCKER_IMAGE} reference")
    return override.removeprefix(_DOCKER_IMAGE)


def _full_name(ref: str) -> str:
    try:
        return llb.normalise_reference(ref)
    except llb.LLBError as error:
        raise FrontendError(str(error)) from error


def resolved_base(images: Images, base: Base, filename: str) -> ResolvedImage:
    """Wait for the base image; a failure points at the lines that chose it."""
    return _resolved(images.base, f"the base image {base.ref}", base.span, filename)


def resolved_other(image: Image, answer: Pending[ResolvedImage], filename: str) -> ResolvedImage:
    """Wait for another image; a failure points at the lines that chose it."""
    return _resolved(answer, f"the image {image.ref}", image.span, filename)


def _resolved(
    answer: Pending[ResolvedImage], what: str, span: Span | None, filename: str
) -> ResolvedImage:
    try:
        return answer.result()
    except RpcError as error:
        message = f"{what} cannot be loaded: {error.message}"
        raise ProjectError([Problem(file=filename, message=message, span=span)]) from error


def resolved_toolbox(images: Images) -> ResolvedImage:
    """Wait for the toolbox image."""
    try:
        return images.toolbox.result()
    except RpcError as error:
        raise FrontendError(
            f"the toolbox image cannot be loaded: {error.message}\n"
            f"Name another with --build-arg {ARG_TOOLBOX}=IMAGE or "
            f"--build-context {TOOLBOX}={_DOCKER_IMAGE}IMAGE."
        ) from error


def image_state(image: ResolvedImage, platform: llb.Platform, metadata: llb.Metadata) -> llb.State:
    """An image by its digest, with the environment its config sets."""
    state = llb.image(image.pinned, platform=platform, metadata=metadata)
    for name, value in base_env(image.config).items():
        state = state.with_env(name, value)
    return state
