"""A command whose help groups its options and ends with examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from cog_cli.errors import EPILOG

# Titles of the groups in the order of the help, and the parameters in each; others come first.
_GROUPS = {
    "Inputs and output": ("pairs", "document"),
    "Result": ("tag", "target", "push", "load", "output", "metadata_file"),
    "The image": ("platform", "separate_weights", "label", "annotation", "sbom", "provenance"),
    "The container": ("gpus", "env", "publish", "setup_timeout", "port", "host"),
    "What the build may use": ("secret", "ssh", "build_context", "build_arg"),
    "Caches": ("cache_from", "cache_to", "no_cache", "pull"),
    "The builder": ("builder", "frontend", "via", "progress"),
}


class Verb(click.Command):
    """A command of ``cog``; ``examples`` are lines as they are typed."""

    def __init__(
        self,
        name: str | None,
        *,
        examples: Sequence[str] = (),
        **attributes: Any,  # noqa: ANN401 - whatever click's own command takes
    ) -> None:
        super().__init__(name, epilog=EPILOG, **attributes)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by what they are about."""
        for title, rows in grouped_options(self, ctx):
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, and what the exit status means."""
        write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)


def grouped_options(
    command: click.Command, ctx: click.Context
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Return the rows of a command's options, by the title of their group."""
    titles = {name: title for title, names in _GROUPS.items() for name in names}
    groups: dict[str, list[tuple[str, str]]] = {"Options": []}
    groups |= {title: [] for title in _GROUPS}
    for parameter in command.get_params(ctx):
        row = parameter.get_help_record(ctx)
        if row is not None:
            groups[titles.get(parameter.name or "", "Options")].append(row)
    return ((title, rows) for title, rows in groups.items() if rows)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """Write lines as they are typed, if there are some."""
    if examples:
        with formatter.section("Examples"):
            # Lines that must not be wrapped, since they are copied.
            formatter.write(
                "".join(f"{'':{formatter.current_indent}}{each}\n" for each in examples)
            )
