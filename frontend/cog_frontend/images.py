"""The images a build stands on: asked for early, turned into states when they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import buildkit_llb as llb
from cog_frontend.errors import FrontendError, Problem, ProjectError, Span
from cog_frontend.gateway import Bridge, Pending
from cog_frontend.image import base_env
from cog_frontend.options import ARG_TOOLBOX, Options, named_context, toolbox_reference
from cog_frontend.plan.model import Base, Image
from cog_frontend.rpc import RpcError
from cog_frontend.version import FRONTEND

TOOLBOX = "cogkit-toolbox"
DOCKER_IMAGE = "docker-image://"
SCRATCH = "scratch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands behind the name of an image: an image of a registry, or a ``tree``.

    ``ref`` is for people, ``pinned`` tells its content from others as far as is known, ``config``
    is the OCI config (empty: there is none).
    """

    ref: str
    pinned: str
    config: bytes = b""
    tree: llb.State | None = None

    def state(self, platform: llb.Platform, metadata: llb.Metadata) -> llb.State:
        """Return the tree, with the environment that the config sets."""
        if self.tree is None:
            state = llb.image(self.pinned, platform=platform, metadata=metadata)
        else:
            state = self.tree.with_platform(platform)
        for name, value in base_env(self.config).items():
            state = state.with_env(name, value)
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The images of one platform's build; each request is on its way from the start."""

    platform: llb.Platform
    base: Pending[Found]
    toolbox: Pending[Found]


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
) -> dict[str, Pending[Found]]:
    """Ask for the other images that a plan takes files from."""
    return {each.name: _start(bridge, options, platform, each.ref) for each in images}


def _start(
    bridge: Bridge, options: Options, platform: llb.Platform, ref: str, *, name: str = ""
) -> Pending[Found]:
    """Ask for an image, or for what a named context (of its own name) puts in its place."""
    full = _full_name(ref)
    name = name or familiar(full)
    # BuildKit's frontend/dockerui/namedcontext.go: one for the platform wins.
    value = named_context(options, f"{name}::{platform}") or named_context(options, name)
    if not value:
        return start_image(bridge, options, platform, full)
    from cog_frontend.named import start_named  # noqa: PLC0415 - few builds have one

    return start_named(bridge, options, platform, (name, value))


def start_image(
    bridge: Bridge, options: Options, platform: llb.Platform, ref: str
) -> Pending[Found]:
    """Ask for an image of a registry."""
    full = _full_name(ref)
    answer = bridge.start_resolve(
        full,
        platform=platform,
        resolve_mode=options.resolve_mode,
        log_name=f"[internal] load metadata for {full}",
    )

    def found() -> Found:
        image = answer.result()
        return Found(ref=image.ref, pinned=image.pinned, config=image.config)

    return Pending(found)


def familiar(full: str) -> str:
    """Return a full reference as people write it, which is how named contexts are looked up.

    distribution/reference, FamiliarString: Docker Hub is not named, and neither is ``latest``.
    """
    short = full.removeprefix("docker.io/").removeprefix("library/")
    return short.removesuffix(":latest")


def _full_name(ref: str) -> str:
    try:
        return llb.normalise_reference(ref)
    except llb.LLBError as error:
        raise FrontendError(str(error)) from error


def resolved_base(images: Images, base: Base, filename: str) -> Found:
    """Wait for the base image; a failure points at the lines that chose it."""
    return _resolved(images.base, f"the base image {base.ref}", base.span, filename)


def resolved_other(image: Image, answer: Pending[Found], filename: str) -> Found:
    """Wait for another image; a failure points at the lines that chose it."""
    return _resolved(answer, f"the image {image.ref}", image.span, filename)


def _resolved(answer: Pending[Found], what: str, span: Span | None, filename: str) -> Found:
    try:
        return answer.result()
    except RpcError as error:
        message = f"{what} cannot be loaded: {error.message}"
        raise ProjectError([Problem(file=filename, message=message, span=span)]) from error


def resolved_toolbox(images: Images) -> Found:
    """Wait for the toolbox image."""
    try:
        return images.toolbox.result()
    except RpcError as error:
        raise FrontendError(
            f"the toolbox image cannot be loaded: {error.message}\n"
            f"Name another with --build-arg {ARG_TOOLBOX}=IMAGE or "
            f"--build-context {TOOLBOX}={DOCKER_IMAGE}IMAGE."
        ) from error
