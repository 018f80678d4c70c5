"""A group of commands that are imported when they are used, not when they are listed.

The builder, the compiler and the screen take half a second of a processor to import; ``--help``,
``--version`` and a mistyped command need none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from cog_cli.verb import write_examples

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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
    """A group that imports one of its commands to run or to explain that one only.

    ``families`` are the titles of the help's lists with the names in each; a command that none
    names is in a last list. ``examples`` are lines as they are typed.
    """

    def __init__(
        self,
        name: str | None,
        *,
        families: Mapping[str, Sequence[str]],
        examples: Sequence[str],
        **attributes: Any,  # noqa: ANN401 - whatever click's own group takes
    ) -> None:
        super().__init__(name, **attributes)
        self.families = families
        self.examples = tuple(examples)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported; None where there is none of this name."""
        found = super().get_command(ctx, cmd_name)
        return found.load() if isinstance(found, Elsewhere) else found

    def listed(self) -> Iterator[tuple[str, list[click.Command]]]:
        """Return the commands that are shown, none of them imported, by their family."""
        named = {name: title for title, names in self.families.items() for name in names}
        lists: dict[str, list[click.Command]] = {title: [] for title in self.families}
        for name, command in sorted(self.commands.items()):
            if not command.hidden:
                lists.setdefault(named.get(name, "Other commands"), []).append(command)
        return ((title, commands) for title, commands in lists.items() if commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lists of commands."""
        for title, commands in self.listed():
            with formatter.section(title):
                formatter.write_dl([(each.name or "", each.short_help or "") for each in commands])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and what the exit status means."""
        write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and flags that a word may become; no command is imported."""
        # Loaded for a shell's question alone.
        shell = import_module("click.shell_completion")
        found = [
            shell.CompletionItem(each.name, help=each.short_help)
            for _, commands in self.listed()
            for each in commands
            if (each.name or "").startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]
