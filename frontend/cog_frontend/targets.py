"""What of a project can be built: one table, which ``--target`` and ``--call targets`` read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import buildkit_llb as llb
from cog_frontend import plan
from cog_frontend.config import Config
from cog_frontend.errors import FrontendError, near
from cog_frontend.options import TARGET_BASE, TARGET_LOCK
from cog_frontend.plan.layout import SCHEMA

# Layers, by stage, that hold something of the project: an edit of code changes them.
_OF_THE_PROJECT = ("source", "schema", plan.WEIGHTS)
_PLAN_FILE = "plan.json"
_MODEL_VARIABLES = ("COG_PREDICT_TYPE_STUB", "COG_TRAIN_TYPE_STUB", "COG_MAX_CONCURRENCY")
_MODEL_LABELS = ("run.cog.config", "run.cog.has_init", "run.cog.openapi_schema", plan.LABEL)

Change = Callable[[plan.Plan, Config, plan.Project], plan.Plan]


def _same(planned: plan.Plan, _config: Config, _project: plan.Project) -> plan.Plan:
    return planned


def _base(planned: plan.Plan, _config: Config, _project: plan.Project) -> plan.Plan:
    """The environment that the model runs in: the same layers, without the project's own."""
    image = planned.image
    return replace(
        planned,
        layers=tuple(
            layer for layer in planned.layers
            if layer.name.partition("/")[0] not in _OF_THE_PROJECT and layer.name != plan.DESCRIBED
        ),
        image=replace(
            image,
            command=("python",),
            ports=(),
            env=tuple(pair for pair in image.env if pair[0] not in _MODEL_VARIABLES),
            labels=tuple(pair for pair in image.labels if pair[0] not in _MODEL_LABELS),
        ),
    )  # fmt: skip


def _tested(planned: plan.Plan, config: Config, project: plan.Project) -> plan.Plan:
    """The image, with a layer beside it that tries it."""
    packages = project.lock.packages if project.lock else ()
    layer = plan.tested_layer(planned, config, tuple(each.name for each in packages))
    if layer is None:
        raise FrontendError(
            "there is nothing to test: cog.yaml names no predictor, and pytest is not installed"
        )
    return replace(planned, layers=(*planned.layers, layer))


def _schema_file(planned: plan.Plan) -> tuple[str, bytes]:
    text = dict(planned.image.labels).get("run.cog.openapi_schema", "")
    if not text:
        raise FrontendError("there is no schema: cog.yaml names no predictor")
    document = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return SCHEMA.rpartition("/")[2], f"{document}\n".encode()


def _plan_file(planned: plan.Plan) -> tuple[str, bytes]:
    return _PLAN_FILE, plan.plan_json(planned).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target; ``name`` is what ``--target`` takes.

    ``change`` makes its plan from the image's. ``file`` is the name and the content of the only
    file of a target that is no image; ``is_common``: it is the same for every platform.
    ``checked`` is a layer that must have been built before the result counts.
    """

    name: str
    description: str
    change: Change = _same
    file: Callable[[plan.Plan], tuple[str, bytes]] | None = None
    is_common: bool = False
    checked: str = ""

    @property
    def is_image(self) -> bool:
        """Whether it is an image, and no file."""
        return not self.is_lock and self.file is None

    @property
    def is_lock(self) -> bool:
        """Whether it is the lock file, which is worked out anew."""
        return self.name == TARGET_LOCK

    @property
    def has_project(self) -> bool:
        """Whether the project itself is in it: its files, whose sizes decide layers, its schema."""
        return not self.is_lock and self.change is not _base

    def needs_packages(self, project: plan.Project) -> bool:
        """Whether the project's packages decide what it is."""
        return not self.is_common or bool(project.describe)


TARGETS = (
    Target(name="image", description="the model's image (default)"),
    Target(
        name=TARGET_BASE,
        description="the environment without the project: packages, and what `run` made",
        change=_base,
    ),
    Target(
        name="test",
        description="the image, once its predictor imports and, with pytest, its tests pass",
        change=_tested,
        checked=plan.TESTED,
    ),
    Target(name=TARGET_LOCK, description="the lock file, for --output"),
    Target(
        name="schema", description="the API document, for --output", file=_schema_file,
        is_common=True,
    ),
    Target(
        name="plan", description="what the image is made of, as JSON, for --output",
        file=_plan_file,
    ),
)  # fmt: skip
DEFAULT = TARGETS[0]


def find_target(name: str) -> Target:
    """Return the target of a name, the default for empty text; raise ``FrontendError``."""
    for target in TARGETS:
        if target.name == (name or DEFAULT.name):
            return target
    names = [target.name for target in TARGETS]
    advice = near(name, names) or f"there are {', '.join(names[:-1])} and {names[-1]}"
    raise FrontendError(f"there is no target {name!r} ({advice})")


def file_tree(target: Target, plans: Mapping[llb.Platform, plan.Plan]) -> llb.State:
    """The tree with the target's file; with a folder per platform where they differ."""
    assert target.file is not None  # it is a target of a file
    made = {platform: target.file(planned) for platform, planned in plans.items()}
    if target.is_common or len(made) == 1:
        made_of = {"": next(iter(made.values()))}
    else:
        # As the client's local exporter names the folders of platforms.
        made_of = {f"{str(each).replace('/', '_')}/": file for each, file in made.items()}
    actions = []
    for folder, (name, data) in made_of.items():
        if folder:
            actions.append(llb.mkdir(f"/{folder}"))
        actions.append(llb.mkfile(f"/{folder}{name}", data))
    metadata = llb.Metadata(name=f"[{target.name}] write {next(iter(made.values()))[0]}")
    return llb.scratch().file(*actions, metadata=metadata)
