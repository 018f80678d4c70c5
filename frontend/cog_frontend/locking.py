"""Working out the packages of a build: a solve of its own, before the image's layers are known.

While a daemon resolves, it also runs the steps that do not wait for the answer.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import buildkit_llb as llb
from cog_frontend import plan
from cog_frontend.config import Config
from cog_frontend.convert import Surroundings, convert_ahead, convert_layer
from cog_frontend.errors import Problem, ProjectError
from cog_frontend.gateway import Bridge, Pending, Ref
from cog_frontend.plan import layout

Planner = Callable[[plan.Project], plan.Plan]


class Solve(Protocol):
    """Starts to solve a state; with ``run`` its steps run whether or not anyone waits."""

    def __call__(self, state: llb.State, *, run: bool) -> Pending[Ref | None]:
        """Return the tree, on its way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Locking:
    """The lock of one platform's packages, on its way; ``planner`` makes the plan of a project."""

    bridge: Bridge
    project: plan.Project
    target: plan.Target
    around: Surroundings
    planner: Planner
    solve: Solve

    def start(self) -> Pending[plan.Project]:
        """Return the project with its lock; the daemon is asked to resolve at once."""
        found = self.project.lock_file
        if found and not found.is_uv:
            lock = plan.read_lock(found.data, self.target, file=found.path, pins=self._pins)
            known = replace(self.project, lock=lock)
            return Pending(lambda: known)
        first = self.planner(self._wanted)
        if not first.stage(plan.LOCK):
            return Pending(lambda: self.project)
        self._run_ahead(first)
        reading = self._read(first)
        return Pending(lambda: self._finish(reading.result()))

    def _run_ahead(self, planned: plan.Plan) -> None:
        """Run what packages do not decide: nothing awaits it, failures are met again later."""
        for state in convert_ahead(planned, self.around, plan.BEFORE_PACKAGES):
            self.solve(state, run=True)

    def _finish(self, data: bytes | None) -> plan.Project:
        project = self._wanted
        if data is None:  # without the system packages it is not to be worked out
            project = replace(project, system_first=True)
            data = self._read(self.planner(project)).result()
        assert data is not None  # the step fails where it has no answer
        # uv wrote its paths relative to the project folder, wherever the lock is kept.
        name = posixpath.basename(layout.LOCK)
        lock = plan.read_lock(data, self.target, file=name, pins=self._pins)
        return replace(project, lock=lock)

    @property
    def _wanted(self) -> plan.Project:
        """The project, with what of an old lock is this platform's."""
        relock = self.project.relock
        return replace(self.project, relock=relock.for_target(self.target) if relock else None)

    @property
    def _pins(self) -> dict[str, tuple[str, ...]]:
        return dict(self.project.requirements.pins) if self.project.requirements else {}

    def _read(self, planned: plan.Plan) -> Pending[bytes | None]:
        solving = self.solve(convert_layer(planned, self.around, plan.LOCK), run=False)
        ref = solving.result()
        assert ref is not None  # the layer has a step
        return self.bridge.start_read_file_optional(ref, layout.LOCK)


def lock_tree(
    config: Config,
    project: plan.Project,
    locks: Mapping[plan.Target, plan.Lock | None],
    filename: str,
) -> llb.State:
    """The tree of the target ``lock``: the lock file of all platforms, and nothing else.

    Raises ``ProjectError`` where no requirements are named.
    """
    if project.requirements is None or project.relock is None:
        problem = Problem(
            file=filename,
            message="there is nothing to lock: no requirements are named",
            hint="add build.python_requirements",
        )
        raise ProjectError([problem])
    known = {target: lock for target, lock in locks.items() if lock}
    path = project.relock.path
    folder = posixpath.dirname(path)
    data = plan.lock_document(known, project.requirements, config, folder=folder)
    above = [llb.mkdir(f"/{folder}", parents=True)] if folder else []
    return llb.scratch().file(
        *above,
        llb.mkfile(f"/{path}", data),
        metadata=llb.Metadata(name=f"[lock] write {path}"),
    )
