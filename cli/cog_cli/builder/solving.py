"""A build request in BuildKit's words: options of the frontend, exporters, caches. Values only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cog_cli.build import IMAGES, BuildRequest, Cache, Output
from cog_cli.builder.filesend import Destination, ToFile, ToFolder
from cog_cli.builder.pb.control_pb2 import CacheOptionsEntry, Exporter, SolveRequest
from cog_cli.errors import UsageProblem
from cog_frontend import options as keys
from cog_frontend.option_values import PREFIX_BUILD_ARG

CONTEXT, CONFIG = "context", "dockerfile"
_REMOTE = ("docker-image://", "http://", "https://", "git://", "git@", "ssh://")
_MOBY = "moby"
_GATEWAY = "gateway.v0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """What becomes of the result: exporters in order, and where those that send files write.

    ``loads`` are the numbers of those whose image is to be loaded into an engine.
    """

    exporters: tuple[Exporter, ...]
    destinations: Mapping[int, Destination]
    loads: frozenset[int] = frozenset()


def frontend_options(request: BuildRequest, *, moby: bool) -> dict[str, str]:
    """The options of the frontend, by their gateway keys; ``moby``: the builder is an engine."""
    found = {
        keys.KEY_FILENAME: request.file.name,
        keys.KEY_SOURCE: request.frontend.image,
        **{PREFIX_BUILD_ARG + name: value for name, value in request.build_args},
        **{keys.PREFIX_LABEL + name: value for name, value in request.labels},
        **{keys.PREFIX_CONTEXT + name: _context(name, value) for name, value in request.named},
    }
    for kind, parameters in request.attestations.items():
        if parameters is not None:
            found[f"attest:{kind}"] = parameters
    if not request.frontend.in_process:
        found["cmdline"] = request.frontend.image
    if request.target:
        found[keys.KEY_TARGET] = request.target
    if request.platforms:
        found[keys.KEY_PLATFORM] = ",".join(request.platforms)
    if request.no_cache:
        found[keys.KEY_NO_CACHE] = ""
    if request.pull or moby:
        found[keys.KEY_RESOLVE_MODE] = "pull" if request.pull else "local"
    if request.cache_from:
        entries = [
            {"Type": each.type, "Attrs": dict(each.attributes)} for each in request.cache_from
        ]
        found[keys.KEY_CACHE_IMPORTS] = json.dumps(entries, separators=(",", ":"))
    return found


def _is_remote(value: str) -> bool:
    return value.startswith(_REMOTE)


def _context(name: str, value: str) -> str:
    if value.startswith(("oci-layout://", "target:")):
        raise UsageProblem(f"--build-context {name}={value}: only with --via buildx")
    return value if _is_remote(value) else f"local:{_folder_name(name)}"


def _folder_name(name: str) -> str:
    """What a named context's folder is called; the names of a build's own are taken."""
    return f"_{name}" if name in {CONTEXT, CONFIG} else name


def folders(request: BuildRequest, cwd: Path) -> dict[str, Path]:
    """The folders that a build may read, by name; UsageProblem for one that is not there."""
    found = {CONTEXT: request.context, CONFIG: request.file.parent}
    for name, value in request.named:
        if not _is_remote(value):
            folder = cwd / value
            if not folder.is_dir():
                raise UsageProblem(f"--build-context {name}={value}: there is no such folder")
            found[_folder_name(name)] = folder
    return found


def exports(request: BuildRequest, *, moby: bool, cwd: Path) -> Exports:
    """The exporters of a build; an engine of Docker has one of its own for images."""
    found: list[Exporter] = []
    destinations: dict[int, Destination] = {}
    loads: set[int] = set()
    for number, output in enumerate(_merged(request.outputs) if moby else request.outputs):
        attributes = _attributes(output, request)
        if output.destination is not None:
            destinations[number] = _destination(output, cwd)
        elif output.type == "docker" and not moby:
            loads.add(number)
        kind = _MOBY if moby and output.destination is None else output.type
        found.append(Exporter(Type=kind, Attrs=attributes))
    return Exports(exporters=tuple(found), destinations=destinations, loads=frozenset(loads))


def _merged(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """An engine keeps the image that it pushes: to load it too is the same export."""
    kept = [each for each in outputs if each.destination is not None or each.type != "docker"]
    images = any(each.destination is None for each in kept)
    loaded = [each for each in outputs if each not in kept]
    return tuple(kept) if images else (*kept, *loaded[:1])


def _attributes(output: Output, request: BuildRequest) -> dict[str, str]:
    attributes = dict(output.attributes)
    if output.type in IMAGES:
        attributes.update(request.annotations)
        if request.tags:
            attributes.setdefault("name", ",".join(request.tags))
    return attributes


def _destination(output: Output, cwd: Path) -> Destination:
    place = output.destination or ""
    if output.type == "local":
        return ToFolder(cwd / place)
    return ToFile(Path(place) if place == "-" else cwd / place)


def solve_request(
    request: BuildRequest,
    options: Mapping[str, str],
    exported: Exports,
    *,
    ref: str,
    session: str,
) -> SolveRequest:
    """The whole build as the control API takes it.

    Without a frontend's name the daemon waits for one that calls: the one in this process.
    """
    message = SolveRequest(
        Ref=ref,
        Session=session,
        Frontend="" if request.frontend.in_process else _GATEWAY,
        FrontendAttrs=options,
        Exporters=exported.exporters,
    )
    if exported.exporters:  # daemons before BuildKit 0.13 know one exporter only
        message.ExporterDeprecated = exported.exporters[0].Type
        message.ExporterAttrsDeprecated.update(exported.exporters[0].Attrs)
    message.Cache.Exports.extend(_cache_entry(each) for each in request.cache_to)
    message.Cache.Imports.extend(_cache_entry(each) for each in request.cache_from)
    return message


def _cache_entry(cache: Cache) -> CacheOptionsEntry:
    return CacheOptionsEntry(Type=cache.type, Attrs=dict(cache.attributes))


def with_default_provenance(request: BuildRequest, env: Mapping[str, str]) -> BuildRequest:
    """Ask for the provenance that buildx asks for by itself: the least, where it costs nothing.

    ``BUILDX_NO_DEFAULT_ATTESTATIONS`` switches it off, as there.
    """
    if "provenance" in request.attestations or env.get("BUILDX_NO_DEFAULT_ATTESTATIONS"):
        return request
    least = {"provenance": "mode=min,inline-only=true"}
    return replace(request, attestations={**request.attestations, **least})


def with_github_cache(request: BuildRequest, env: Mapping[str, str]) -> BuildRequest:
    """Give caches of type ``gha`` what GitHub's runner says of its cache."""
    given = (
        ("url", "ACTIONS_CACHE_URL"),
        ("url_v2", "ACTIONS_RESULTS_URL"),
        ("token", "ACTIONS_RUNTIME_TOKEN"),
    )
    known = tuple((key, env[name]) for key, name in given if env.get(name))

    def complete(cache: Cache) -> Cache:
        if cache.type != "gha":
            return cache
        return replace(cache, attributes=tuple({**dict(known), **dict(cache.attributes)}.items()))

    return replace(
        request,
        cache_from=tuple(map(complete, request.cache_from)),
        cache_to=tuple(map(complete, request.cache_to)),
    )


def refuse_local_caches(request: BuildRequest) -> None:
    """UsageProblem for what only buildx can do: it serves a content store to the daemon."""
    for option, caches in (("--cache-from", request.cache_from), ("--cache-to", request.cache_to)):
        if any(cache.type == "local" for cache in caches):
            raise UsageProblem(
                f"{option} type=local works with --via buildx; here use registry, inline or gha"
            )
