"""The ``cog`` command: arguments in, one command run, an exit status out.

Every error of a command becomes one text on stderr here, and nowhere else. Nothing is imported
here that ``cog --help`` does not need.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from cog_cli.errors import EPILOG, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, CliError
from cog_cli.lazy import Elsewhere, LazyGroup
from cog_frontend.errors import FrontendError
from cog_frontend.version import VERSION

if TYPE_CHECKING:
    from cog_cli.app import App
    from cog_cli.screen import Screen

_VERBS = (
    Elsewhere("build", "cog_cli.verbs.build:build", "Build an image of the project."),
    Elsewhere("completion", "cog_cli.verbs.completion:completion", "Let a shell complete cog."),
    Elsewhere("doctor", "cog_cli.verbs.doctor:doctor", "Check the project against docs/lint.md."),
    Elsewhere("exec", "cog_cli.verbs.exec:exec_", "Run a command in the model's environment."),
    Elsewhere("explain", "cog_cli.verbs.explain:explain", "Show what is decided, and why."),
    Elsewhere("init", "cog_cli.verbs.init:init_", "Write the files of a new project."),
    Elsewhere("lock", "cog_cli.verbs.build:lock", "Write pylock.toml: packages of later builds."),
    Elsewhere("login", "cog_cli.verbs.login:login", "Log in to a registry."),
    Elsewhere("predict", "cog_cli.verbs.run:predict"),
    Elsewhere("push", "cog_cli.verbs.build:push", "Build an image of the project and push it."),
    Elsewhere("run", "cog_cli.verbs.run:run", "Run one prediction."),
    Elsewhere("serve", "cog_cli.verbs.run:serve", "Serve a model over HTTP."),
    Elsewhere("train", "cog_cli.verbs.run:train"),
)
_FAMILIES = {
    "Write a project": ("init", "lock", "doctor", "explain"),
    "Work with a model": ("run", "serve", "exec"),
    "Make an image": ("build", "push", "login"),
}
_EXAMPLES = (
    "cog init --template torch",
    "cog run -i x=0.5 -i y=0.5",
    "cog build -t my-model",
    "cog serve my-model",
)


@click.group(
    cls=LazyGroup,
    families=_FAMILIES,
    examples=_EXAMPLES,
    commands={each.name or "": each for each in _VERBS},
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.version_option(VERSION, prog_name="cog", message="%(prog)s version %(version)s (cogkit)")
@click.pass_context
def cli(context: click.Context) -> None:
    """Build, run and serve machine learning models from a cog.yaml."""
    # Here, since this runs before a command and not before --help or --version.
    context.obj = context.obj or import_module("cog_cli.this_process").this_process()


def main(argv: Sequence[str] | None = None, app: App | None = None) -> int:
    """Run ``cog`` with ``argv`` (default: the process's) and return the exit status.

    ``app`` is the world outside; the real one by default.
    """
    try:
        cli.main(args=argv, prog_name="cog", obj=app, standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        _screen(app).note("interrupted")
        return EXIT_INTERRUPTED
    except (CliError, FrontendError) as error:
        _screen(app).error(str(error))
        return error.exit_status if isinstance(error, CliError) else EXIT_FAILED
    return EXIT_OK


def _screen(app: App | None) -> Screen:
    # Imported for an error only: a screen with colours is a third of a plain command's time.
    if app is not None:
        return app.screen
    found: Screen = import_module("cog_cli.screen").screen(os.environ)
    return found
