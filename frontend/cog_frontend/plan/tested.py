"""The steps that try a finished image: does its predictor import, and do its tests pass."""

from __future__ import annotations

from cog_frontend.config import Config
from cog_frontend.plan import layout
from cog_frontend.plan.described import WORKER
from cog_frontend.plan.model import Exec, Layer, Plan

TESTED = "test"
_PYTEST = "pytest"
# As in a worker: `cog` is there, nothing of the server is, and the project is the current folder.
_RUN_TESTS = (
    "import runpy; "
    f"runpy.run_path({WORKER!r}, run_name='__mp_main__'); "
    "runpy.run_module('pytest', run_name='__main__', alter_sys=True)"
)


def tested_layer(planned: Plan, config: Config, packages: tuple[str, ...]) -> Layer | None:
    """The layer that stands on the whole image and is in none; None: there is nothing to try.

    ``packages`` are the names of those that are installed: with pytest the project's tests run.
    """
    image = planned.image
    env = image.env
    if image.libraries:
        env = (*env, ("LD_LIBRARY_PATH", ":".join(image.libraries)))
    commands = _imports(config)
    if _PYTEST in packages:
        commands.append(((layout.PYTHON, "-c", _RUN_TESTS), "[test] run pytest"))
    if not commands:
        return None
    span = config.predictor.span if config.predictor else None
    steps = tuple(
        Exec(args=args, title=title, span=span, env=env, path=image.path, cwd=image.workdir)
        for args, title in commands
    )
    needs = tuple(layer.name for layer in planned.layers if layer.kept)
    return Layer(name=TESTED, steps=steps, needs=needs, kept=False)


def _imports(config: Config) -> list[tuple[tuple[str, ...], str]]:
    """The command that imports what predicts and what trains, as a worker would."""
    handlers = {"predict": config.predictor, "train": config.train}
    named = {mode: one.text for mode, one in handlers.items() if one}
    if not named:
        return []
    references = [f"{mode}={text}" for mode, text in named.items()]
    args = (layout.PYTHON, WORKER, "describe", "/dev/null", *references)
    return [(args, f"[test] import {' and '.join(named.values())}")]
