"""Repositories of a model hub: the files of a commit, known before any of them is fetched.

Addresses and fields: huggingface_hub, ``HfApi.model_info(files_metadata=True)`` and
``hf_hub_url``; every mirror of the hub answers the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import buildkit_llb as llb
from cog_frontend.config import Config, Located, WeightSource, is_inside
from cog_frontend.context import marshalled
from cog_frontend.convert import location
from cog_frontend.errors import Problem, ProjectError
from cog_frontend.gateway import Bridge, Pending
from cog_frontend.patterns import Matcher, Verdict
from cog_frontend.plan import Hubs, Remote, hub_sources

ENDPOINT = "https://huggingface.co"
_LISTING = "model.json"


def start_hubs(
    bridge: Bridge, config: Config, endpoint: str, source: llb.SourceInfo
) -> Pending[Hubs]:
    """Ask for the files of every repository that weights come from.

    ``endpoint`` is where the hub is (empty: the public one), ``source`` the config. The result
    raises ``ProjectError`` for an answer that is none, or where no file was chosen.
    """
    hub = (endpoint or ENDPOINT).rstrip("/")
    asked = [(each, _start(bridge, hub, each, source)) for each in hub_sources(config)]

    def found() -> Hubs:
        problems: list[Problem] = []
        hubs: dict[Located, tuple[Remote, ...]] = {}
        for each, content in asked:
            try:
                hubs[each.uri] = _chosen(each, repository_files(content.result(), hub, each.uri))
            except ValueError as error:
                message = f"{each.uri.text}: {error}"
                problem = Problem(file=source.filename, span=each.uri.span, message=message)
                problems.append(problem)
        if problems:
            raise ProjectError(problems)
        return tuple(hubs.items())

    return Pending(found)


def repository_files(data: bytes, hub: str, uri: Located) -> tuple[Remote, ...]:
    """Return the files that the hub's answer names; ``ValueError`` says what is wrong with it.

    Large files have a checksum there; others are what they are by the commit.
    """
    repository, commit = _parts(uri)
    try:
        answer = json.loads(data)
        if answer.get("sha", commit) != commit:
            raise ValueError(f"the hub answers with commit {answer['sha']}")
        return tuple(_remote(each, hub, repository, commit) for each in answer["siblings"])
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{hub} does not answer as a hub does") from error


def _start(
    bridge: Bridge, hub: str, source: WeightSource, config: llb.SourceInfo
) -> Pending[bytes]:
    repository, commit = _parts(source.uri)
    state = llb.http(
        f"{hub}/api/models/{quote(repository)}/revision/{commit}?blobs=true",
        filename=_LISTING,
        metadata=llb.Metadata(
            name=f"[weights] list {source.uri.text}",
            locations=location(config, source.uri.span),
        ),
    )
    ref = bridge.solve(marshalled(state))
    assert ref is not None  # the source is a file
    return bridge.start_read_file(ref, f"/{_LISTING}")


def _parts(uri: Located) -> tuple[str, str]:
    """The repository and the commit."""
    repository, _, commit = uri.text.partition("://")[2].partition("@")
    return repository, commit


def _remote(entry: Mapping[str, object], hub: str, repository: str, commit: str) -> Remote:
    path, size, lfs = str(entry["rfilename"]), entry.get("size"), entry.get("lfs")
    if not is_inside(path) or not path:
        raise ValueError(f"the hub names a file out of the repository: {path!r}")
    return Remote(
        url=f"{hub}/{quote(repository)}/resolve/{commit}/{quote(path)}",
        checksum=f"sha256:{lfs['sha256']}" if isinstance(lfs, dict) else "",
        path=path,
        size=size if isinstance(size, int) else 0,
    )


def _chosen(source: WeightSource, files: tuple[Remote, ...]) -> tuple[Remote, ...]:
    """The files that the patterns of a source choose."""
    include = Matcher([each.text for each in source.include] or ["**"])
    exclude = Matcher([each.text for each in source.exclude])
    chosen = tuple(
        each for each in files if _matches(include, each.path) and not _matches(exclude, each.path)
    )
    if not chosen:
        raise ValueError("there is no file of these patterns")
    return chosen


def _matches(patterns: Matcher, path: str) -> bool:
    verdict: Verdict | None = None
    for place in _way(path):
        verdict = patterns.judge(place, verdict)
    return verdict is not None and verdict.matched


def _way(path: str) -> Iterator[str]:
    """A path and the folders above it, from the top."""
    parts = path.split("/")
    return ("/".join(parts[: length + 1]) for length in range(len(parts)))
