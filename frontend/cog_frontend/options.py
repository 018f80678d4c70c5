"""What the client asked for: gateway options as values, each key named once.

Keys and meanings: BuildKit's frontend/dockerui/config.go and frontend/gateway/gateway.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from buildkit_llb import LLBError, Platform
from cog_frontend.attestations import Attestations, read_attestations
from cog_frontend.option_values import (
    PREFIX_BUILD_ARG,
    OptionError,
    boolean,
    names,
    number,
    one_of,
)
from cog_frontend.sandbox import Sandbox, read_sandbox

KEY_FILENAME = "filename"
KEY_PLATFORM = "platform"
KEY_MULTI_PLATFORM = "multi-platform"
KEY_TARGET = "target"
KEY_NO_CACHE = "no-cache"
KEY_CACHE_IMPORTS = "cache-imports"
KEY_CACHE_FROM = "cache-from"
KEY_RESOLVE_MODE = "image-resolve-mode"
KEY_CONTEXT = "context"
KEY_CONTEXT_NAME = "contextkey"
KEY_CONTEXT_SUBDIR = "contextsubdir"
KEY_CONFIG_NAME = "dockerfilekey"
KEY_SOURCE = "source"
KEY_REQUEST = "requestid"
KEY_CAPS = "frontend.caps"
PREFIX_LABEL = "label:"
PREFIX_CONTEXT = "context:"
PREFIX_INPUT = "input-metadata:"
PREFIX_SESSION = "local-sessionid:"
PREFIX_SHARED_KEY = "sharedkey:localdir:"
ARG_MULTI_PLATFORM = "BUILDKIT_MULTI_PLATFORM"
ARG_CACHE_NAMESPACE = "BUILDKIT_CACHE_MOUNT_NS"
ARG_KEEP_GIT_DIR = "BUILDKIT_CONTEXT_KEEP_GIT_DIR"
ARG_EPOCH = "SOURCE_DATE_EPOCH"
ARG_CHECK = "BUILDKIT_DOCKERFILE_CHECK"
ARG_TOOLBOX = "COGKIT_TOOLBOX"
ARG_HUB = "HF_ENDPOINT"
ARG_SEPARATE = "COGKIT_SEPARATE_WEIGHTS"
TARGET_LOCK = "lock"
TARGET_BASE = "base"

RESOLVE_MODES = ("default", "pull", "local")
# What a client may ask of a frontend (the label `moby.buildkit.frontend.caps` of the image).
CAPS = frozenset(
    f"moby.buildkit.frontend.{name}"
    for name in ("inputs", "subrequests", "contexts", "gitquerystring")
)

_ENV_OPTION = "BUILDKIT_FRONTEND_OPT_"
_ENV_SESSION = "BUILDKIT_SESSION_ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSource:
    """A cache to import from, as ``--cache-from`` names it."""

    type: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One build's options; defaults are those of ``docker buildx build .``.

    ``no_cache_layers`` are names of layers, in lower case, whose commands run again, where not all
    do. ``context`` is the URL of a remote build context, ``context_subdir`` a folder in it.
    ``context_name`` and ``config_name`` are the client's folders; with ``is_config_local`` the
    config comes from there although the context is remote. ``named_contexts``, ``inputs`` (image
    configs), ``sessions`` and ``shared_keys`` are pairs of a name and what is told of it.
    ``epoch`` is the time of everything that the build makes, in seconds since 1970.
    """

    session_id: str = ""
    filename: str = "cog.yaml"
    platforms: tuple[Platform, ...] = ()
    multi_platform: bool = False
    target: str = ""
    no_cache: bool = False
    no_cache_layers: frozenset[str] = frozenset()
    cache_imports: tuple[CacheSource, ...] = ()
    resolve_mode: str = ""
    sandbox: Sandbox = field(default_factory=Sandbox)
    context: str = ""
    context_name: str = "context"
    context_subdir: str = ""
    config_name: str = "dockerfile"
    is_config_local: bool = False
    keep_git_dir: bool = False
    epoch: int | None = None
    attestations: Attestations = field(default_factory=Attestations)
    source: str = ""
    request: str = ""
    caps: tuple[str, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    named_contexts: tuple[tuple[str, str], ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    sessions: tuple[tuple[str, str], ...] = ()
    shared_keys: tuple[tuple[str, str], ...] = ()

    def for_platforms(self, names: Sequence[str]) -> Options:
        """These options for the platforms of the config, where the command named none."""
        if self.platforms or not names:
            return self
        platforms = _platforms(",".join(names))
        multi_platform = self.multi_platform or len(platforms) > 1
        return replace(self, platforms=platforms, multi_platform=multi_platform)

    def build_arg(self, name: str) -> str:
        """The value of a build argument, or empty text."""
        return dict(self.build_args).get(name, "")

    @property
    def separate_weights(self) -> bool | None:
        """Whether weights have layers of their own; None: nothing was said; ``OptionError``."""
        text = self.build_arg(ARG_SEPARATE)
        return boolean(PREFIX_BUILD_ARG + ARG_SEPARATE, text) if text else None

    def session(self, folder: str) -> str:
        """The session that has one of the client's folders."""
        return dict(self.sessions).get(folder, self.session_id)

    @property
    def unknown_caps(self) -> tuple[str, ...]:
        """What the client needs of a frontend and this one lacks."""
        return tuple(cap for cap in self.caps if cap not in CAPS)


def options_from_environment(environment: Mapping[str, str]) -> Options:
    """Read the options the gateway passes to a frontend container."""
    pairs = [
        value.partition("=") for name, value in environment.items() if name.startswith(_ENV_OPTION)
    ]
    options = {key: value for key, _, value in pairs}
    return read_options(options, environment.get(_ENV_SESSION, ""))


def read_options(raw: Mapping[str, str], session_id: str = "") -> Options:
    """Read options by their gateway keys; raise ``OptionError`` naming a bad one."""
    args = {
        key.removeprefix(PREFIX_BUILD_ARG): value
        for key, value in sorted(raw.items())
        if key.startswith(PREFIX_BUILD_ARG)
    }
    platforms = _platforms(raw.get(KEY_PLATFORM, ""))
    return Options(
        session_id=session_id,
        filename=raw.get(KEY_FILENAME, "") or "cog.yaml",
        platforms=platforms,
        multi_platform=_multi_platform(raw, len(platforms)),
        target=raw.get(KEY_TARGET, ""),
        no_cache=KEY_NO_CACHE in raw and not raw[KEY_NO_CACHE],
        no_cache_layers=frozenset(names(raw.get(KEY_NO_CACHE, "").lower())),
        cache_imports=_cache_imports(raw),
        resolve_mode=one_of(KEY_RESOLVE_MODE, raw.get(KEY_RESOLVE_MODE, ""), RESOLVE_MODES),
        sandbox=read_sandbox(raw),
        context=raw.get(raw.get(KEY_CONTEXT_NAME, "") or KEY_CONTEXT, ""),
        context_name=raw.get(KEY_CONTEXT_NAME, "") or "context",
        context_subdir=raw.get(KEY_CONTEXT_SUBDIR, ""),
        config_name=raw.get(KEY_CONFIG_NAME, "") or "dockerfile",
        is_config_local=KEY_CONFIG_NAME in raw,
        keep_git_dir=_flag(args, ARG_KEEP_GIT_DIR),
        epoch=_epoch(args.get(ARG_EPOCH, "")),
        attestations=read_attestations(raw),
        source=raw.get(KEY_SOURCE, ""),
        request=raw.get(KEY_REQUEST, ""),
        caps=tuple(cap.partition("+")[0] for cap in names(raw.get(KEY_CAPS, ""))),
        build_args=tuple(args.items()),
        labels=_prefixed(raw, PREFIX_LABEL),
        named_contexts=_prefixed(raw, PREFIX_CONTEXT),
        inputs=_prefixed(raw, PREFIX_INPUT),
        sessions=_prefixed(raw, PREFIX_SESSION),
        shared_keys=_prefixed(raw, PREFIX_SHARED_KEY),
    )


def _multi_platform(raw: Mapping[str, str], platforms: int) -> bool:
    for key in (KEY_MULTI_PLATFORM, PREFIX_BUILD_ARG + ARG_MULTI_PLATFORM):
        if text := raw.get(key, ""):
            if not boolean(key, text) and platforms > 1:
                raise OptionError(f"option {key}={text} with {platforms} platforms")
            return boolean(key, text)
    return platforms > 1


def _flag(args: Mapping[str, str], name: str) -> bool:
    text = args.get(name, "")
    return bool(text) and boolean(PREFIX_BUILD_ARG + name, text)


def _epoch(text: str) -> int | None:
    key = PREFIX_BUILD_ARG + ARG_EPOCH
    return number(key, text, "seconds since 1970") if text else None


def _prefixed(raw: Mapping[str, str], prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (key.removeprefix(prefix), value)
        for key, value in sorted(raw.items())
        if key.startswith(prefix)
    )


def _platforms(text: str) -> tuple[Platform, ...]:
    try:
        found = [Platform.parse(name) for name in names(text)]
    except LLBError as error:
        raise OptionError(f"option {KEY_PLATFORM}={text}: {error}") from error
    return tuple(dict.fromkeys(found))


def _cache_imports(raw: Mapping[str, str]) -> tuple[CacheSource, ...]:
    if text := raw.get(KEY_CACHE_IMPORTS, ""):
        try:
            return tuple(_cache_source(entry) for entry in json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OptionError(
                f"option {KEY_CACHE_IMPORTS} is not a list of caches: {text}"
            ) from error
    refs = names(raw.get(KEY_CACHE_FROM, ""))
    return tuple(CacheSource(type="registry", attributes=(("ref", ref),)) for ref in refs)


def _cache_source(entry: Mapping[str, Mapping[str, str]]) -> CacheSource:
    attributes = tuple(sorted((str(k), str(v)) for k, v in (entry.get("Attrs") or {}).items()))
    return CacheSource(type=str(entry["Type"]), attributes=attributes)


def toolbox_reference(options: Options, released: str, python: str) -> str:
    """Where the toolbox image for a Python such as ``3.12`` is.

    A build argument names it; else it stands beside the frontend's own image, with
    ``-toolbox-3.12`` added to the tag (a digest is dropped: it names the frontend's bytes, not the
    toolbox's), and without a frontend image beside the ``released`` one.
    """
    if chosen := options.build_arg(ARG_TOOLBOX):
        return chosen
    name = options.source.partition("@")[0] or released
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, "latest"
    return f"{repository}:{tag}-toolbox-{python}"


def named_context(options: Options, name: str) -> str:
    """The value of ``--build-context NAME=...``, or empty text."""
    return dict(options.named_contexts).get(name, "")
