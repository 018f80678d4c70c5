"""A group of commands that are imported when they are used, not when they are listed.

The builder, the compiler and the screen take half a second of a processor to import; ``--help``,
``--version`` and a mistyped command need none of them.
"""

from __future__ import annotations

from importlib import import_module

import click


class Elsewhere(click.Command):
    """Stands for a command: ``place`` is ``module:name``; without ``summary`` it is not listed."""

    def __init__(self, name: str, place: str, summary: str = "") -> None:
        super().__init__(name, short_help=summary, hidden=not summary)
        self.place = place

    def load(self) -> click.Command:
        """Import the command's module and return the command."""
        module, _, name = self.place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class LazyGroup(click.Group):
    """A group that imports one of its commands to run or to explain that one only."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported; None where there is none of this name."""
        found = super().get_command(ctx, cmd_name)
        return found.load() if isinstance(found, Elsewhere) else found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, none of which is imported for it."""
        commands = [self.commands[name] for name in self.list_commands(ctx)]
        rows = [(each.name or "", each.short_help or "") for each in commands if not each.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
