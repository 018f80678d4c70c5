"""What the client asked for: gateway options as values, each key named once.

Keys and meanings: BuildKit's frontend/dockerui/config.go and frontend/gateway/gateway.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from buildkit_llb import LLBError, Platform
from cog_frontend.sandbox import PREFIX_BUILD_ARG, OptionError, Sandbox, read_sandbox

KEY_FILENAME = "filename"
KEY_PLATFORM = "platform"
KEY_MULTI_PLATFORM = "multi-platform"
KEY_TARGET = "target"
KEY_NO_CACHE = "no-cache"
KEY_CACHE_IMPORTS = "cache-imports"
KEY_CACHE_FROM = "cache-from"
KEY_RESOLVE_MODE = "image-resolve-mode"
KEY_CONTEXT = "context"
KEY_SOURCE = "source"
KEY_REQUEST = "requestid"
PREFIX_LABEL = "label:"
PREFIX_CONTEXT = "context:"
ARG_MULTI_PLATFORM = "BUILDKIT_MULTI_PLATFORM"
ARG_CACHE_NAMESPACE = "BUILDKIT_CACHE_MOUNT_NS"
ARG_TOOLBOX = "COGKIT_TOOLBOX"
TARGET_LOCK = "lock"

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

    ``no_cache_layers`` are names of layers whose commands run again, where not all do.
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
    source: str = ""
    request: str = ""
    build_args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    named_contexts: tuple[tuple[str, str], ...] = ()

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


def options_from_environment(environment: Mapping[str, str]) -> Options:
    """Read the options the gateway passes to a frontend container."""
    pairs = [
        value.partition("=") for name, value in environment.items() if name.startswith(_ENV_OPTION)
    ]
    options = {key: value for key, _, value in pairs}
    return read_options(options, environment.get(_ENV_SESSION, ""))


def read_options(raw: Mapping[str, str], session_id: str = "") -> Options:
    """Read options by their gateway keys; raise ``OptionError`` naming a bad one."""
    platforms = _platforms(raw.get(KEY_PLATFORM, ""))
    multi = raw.get(KEY_MULTI_PLATFORM, raw.get(PREFIX_BUILD_ARG + ARG_MULTI_PLATFORM, ""))
    multi_platform = _boolean(KEY_MULTI_PLATFORM, multi) if multi else len(platforms) > 1
    if len(platforms) > 1 and not multi_platform:
        raise OptionError(f"option {KEY_MULTI_PLATFORM}=false with {len(platforms)} platforms")
    return Options(
        session_id=session_id,
        filename=raw.get(KEY_FILENAME, "") or "cog.yaml",
        platforms=platforms,
        multi_platform=multi_platform,
        target=raw.get(KEY_TARGET, ""),
        no_cache=KEY_NO_CACHE in raw and not raw[KEY_NO_CACHE],
        no_cache_layers=frozenset(_names(raw.get(KEY_NO_CACHE, ""))),
        cache_imports=_cache_imports(raw),
        resolve_mode=raw.get(KEY_RESOLVE_MODE, ""),
        sandbox=read_sandbox(raw),
        context=raw.get(KEY_CONTEXT, ""),
        source=raw.get(KEY_SOURCE, ""),
        request=raw.get(KEY_REQUEST, ""),
        build_args=_prefixed(raw, PREFIX_BUILD_ARG),
        labels=_prefixed(raw, PREFIX_LABEL),
        named_contexts=_prefixed(raw, PREFIX_CONTEXT),
    )


def _prefixed(raw: Mapping[str, str], prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (key.removeprefix(prefix), value)
        for key, value in sorted(raw.items())
        if key.startswith(prefix)
    )


def _platforms(text: str) -> tuple[Platform, ...]:
    try:
        found = [Platform.parse(name) for name in _names(text)]
    except LLBError as error:
        raise OptionError(f"option {KEY_PLATFORM}={text}: {error}") from error
    return tuple(dict.fromkeys(found))


def _boolean(key: str, text: str) -> bool:
    # The spellings of Go's strconv.ParseBool, which the Dockerfile frontend uses.
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if text in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise OptionError(f"option {key}={text} must be true or false")


def _cache_imports(raw: Mapping[str, str]) -> tuple[CacheSource, ...]:
    if text := raw.get(KEY_CACHE_IMPORTS, ""):
        try:
            return tuple(_cache_source(entry) for entry in json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OptionError(
                f"option {KEY_CACHE_IMPORTS} is not a list of caches: {text}"
            ) from error
    refs = _names(raw.get(KEY_CACHE_FROM, ""))
    return tuple(CacheSource(type="registry", attributes=(("ref", ref),)) for ref in refs)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


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
