"""``cog completion``: what a shell reads to complete the words of ``cog``."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from cog_cli.app import App
from cog_cli.verb import Verb

_SHELLS: Mapping[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "fish": FishComplete,
    "zsh": ZshComplete,
}
# The variable by which the script asks ``cog`` for words; click makes it of the program's name.
_VARIABLE = "_COG_COMPLETE"


@click.command(
    cls=Verb,
    examples=(
        'eval "$(cog completion bash)"    # in ~/.bashrc',
        'eval "$(cog completion zsh)"     # in ~/.zshrc',
        "cog completion fish > ~/.config/fish/completions/cog.fish",
    ),
)
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_obj
def completion(app: App, shell: str) -> None:
    """Print a script that has SHELL complete the commands and flags of cog."""
    # Without asking the shell for its version, as click's source() does: none has to be here.
    asked = _SHELLS[shell](click.Command("cog"), {}, "cog", _VARIABLE)
    app.screen.out((asked.source_template % asked.source_vars()).strip())
