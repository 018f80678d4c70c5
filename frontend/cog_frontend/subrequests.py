"""Questions about a project that build nothing: ``docker buildx build --call``.

Names and documents: BuildKit's frontend/subrequests. Loaded only when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cog_frontend import plan
from cog_frontend.build_args import BUILD_ARGS
from cog_frontend.config import Config
from cog_frontend.context import Opened
from cog_frontend.errors import ProjectError, Span
from cog_frontend.gateway import Result, subrequest_reply
from cog_frontend.lint import RULES
from cog_frontend.lint_request import check
from cog_frontend.options import Options
from cog_frontend.plan.model import Cache, Exec, Layer, Secret, Ssh
from cog_frontend.reading import Reading
from cog_frontend.replies import Json, encoded, place, table
from cog_frontend.targets import DEFAULT, TARGETS, Target, find_target
from cog_frontend.version import VERSION

DESCRIBE = "frontend.subrequests.describe"
OUTLINE = "frontend.outline"
TARGET_LIST = "frontend.targets"
LINT = "frontend.lint"
# Of each document; those of BuildKit's own frontend.
_DOCUMENT_VERSION = "1.0.0"


class Question:
    """One question about a project; ``sources`` are as those of a build.

    ``options.request`` is one of ``REQUESTS``.
    """

    def __init__(self, options: Options, opened: Opened) -> None:
        self._request = REQUESTS[options.request]
        self._target = find_target(options.target)
        self._reading = Reading(options, opened)

    @property
    def sources(self) -> dict[str, bytes]:
        """The files read so far, by the names that problems use."""
        return self._reading.sources

    def run(self) -> Result:
        """Return the answer; raises ``ProjectError`` for a project that cannot be built."""
        return self._request.answer(self._reading, self._target)


@dataclass(frozen=True, slots=True)
class _Request:
    description: str
    answer: Callable[[Reading, Target], Result]


def _describe(_reading: Reading, _target: Target) -> Result:
    entries: list[Json] = [
        {
            "name": name,
            "version": _DOCUMENT_VERSION,
            "type": "rpc",
            "description": request.description,
            "metadata": [{"name": "result.json"}, {"name": "result.txt"}],
        }
        for name, request in REQUESTS.items()
    ]
    rows = [(name, _DOCUMENT_VERSION, each.description) for name, each in REQUESTS.items()]
    return subrequest_reply(entries, table([("NAME", "VERSION", "DESCRIPTION"), *rows]))


def _targets(reading: Reading, _target: Target) -> Result:
    base = plan.choose_base(_config(reading)).ref
    entries = [_listed(each, base) for each in TARGETS]
    text = table([("TARGET", "DESCRIPTION"), *((each.name, each.description) for each in TARGETS)])
    return subrequest_reply({"targets": entries, "sources": [encoded(reading.data)]}, text)


def _listed(target: Target, base: str) -> Json:
    entry: Json = {"name": target.name, "description": target.description}
    if target is DEFAULT:
        entry["default"] = True
    return entry | ({"base": base} if target.is_image else {})


def _lint(reading: Reading, _target: Target) -> Result:
    return check(reading)


def _config(reading: Reading) -> Config:
    config, problems, _ = reading.examine()
    if problems:
        raise ProjectError(problems)
    return config


@dataclass(frozen=True, slots=True)
class _Needs:
    """What commands use from outside, each with the lines that want it first."""

    secrets: dict[str, tuple[bool, Span | None]]
    agents: dict[str, Span | None]
    caches: dict[str, Span | None]


def _outline(reading: Reading, target: Target) -> Result:
    config, problems, _ = reading.examine()
    project = reading.project(config, problems, relock=target.is_lock)
    planned = plan.make_plan(config, project, version=VERSION)
    needs = _needs(_layers(planned, target, project))
    given = dict(reading.build_args)
    document: Json = {
        "name": target.name,
        "description": target.description,
        "args": [
            {"name": name, "description": about} | ({"value": given[name]} if name in given else {})
            for name, about in BUILD_ARGS.items()
        ],
        "secrets": [
            {"name": name} | ({"required": True} if required else {}) | _located(span)
            for name, (required, span) in needs.secrets.items()
        ],
        "ssh": [
            {"name": name, "required": True} | _located(span) for name, span in needs.agents.items()
        ],
        "cache": [{"ID": name} | _located(span) for name, span in needs.caches.items()],
        "sources": [encoded(reading.data)],
    }
    return subrequest_reply(document, _outline_text(target, given, needs))


def _layers(planned: plan.Plan, target: Target, project: plan.Project) -> tuple[Layer, ...]:
    """The layers that a target is built from; those of packages have the lock's mounts."""
    if not target.needs_packages(project):
        return ()
    if target.is_image or project.describe:
        return planned.layers
    locks = planned.stage(plan.LOCK)
    return tuple(below for each in locks for below in (*planned.needed_by(each), each))


def _needs(layers: Sequence[Layer]) -> _Needs:
    needs = _Needs({}, {}, {})
    commands = [step for layer in layers for step in layer.steps if isinstance(step, Exec)]
    for step, mount in [(each, mount) for each in commands for mount in each.mounts]:
        if isinstance(mount, Secret):
            known = needs.secrets.get(mount.id)
            if known is None or (not mount.optional and not known[0]):
                needs.secrets[mount.id] = (not mount.optional, step.span)
        elif isinstance(mount, Ssh):
            needs.agents.setdefault(mount.id, step.span)
        elif isinstance(mount, Cache):
            needs.caches.setdefault(mount.id, step.span)
    return needs


def _outline_text(target: Target, given: Mapping[str, str], needs: _Needs) -> str:
    blocks = [table([("TARGET:", target.name), ("DESCRIPTION:", target.description)])]
    rows = [(name, _short(given.get(name, "")), about) for name, about in BUILD_ARGS.items()]
    blocks.append(table([("BUILD ARG", "VALUE", "DESCRIPTION"), *rows]))
    if needs.secrets:
        secrets = [
            (key, "true" if required else "") for key, (required, _) in needs.secrets.items()
        ]
        blocks.append(table([("SECRET", "REQUIRED"), *secrets]))
    if needs.agents:
        blocks.append(table([("SSH", "REQUIRED"), *((key, "true") for key in needs.agents)]))
    if needs.caches:
        blocks.append(table([("CACHE",), *((key,) for key in needs.caches)]))
    return "\n".join(blocks)


def _short(value: str) -> str:
    """The first line of a value: certificates have many."""
    first, more, _ = value.partition("\n")
    return f"{first} ..." if more else first


def _located(span: Span | None) -> Json:
    return {"location": place(0, span)} if span else {}


REQUESTS = {
    OUTLINE: _Request("List the arguments, secrets, SSH agents and caches of a build", _outline),
    TARGET_LIST: _Request("List what can be built", _targets),
    LINT: _Request(f"Check the project against {len(RULES)} rules", _lint),
    DESCRIBE: _Request("List the questions that this frontend answers", _describe),
}
