"""Writes the reference pages of docs/ from what the programs read: `make docs`.

`docs/cli-reference.md` is made from the commands, `docs/config-reference.md` and
`docs/cog.schema.json` from the table of the config's reader.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from cog_cli.errors import EPILOG
from cog_cli.main import cli
from cog_cli.verb import Verb, grouped_options
from cog_frontend.config.json_schema import json_schema

ROOT = Path(__file__).parents[1]
_MADE = "<!-- Made by `make docs`: edit the program, not this page. -->\n"


def pages() -> dict[str, str]:
    """Return the text of every page that is made, by its path in the repository."""
    return {
        "docs/cli-reference.md": "".join(_cli()),
        "docs/config-reference.md": "".join(_config(json.loads(json_schema()))),
        "docs/cog.schema.json": json_schema(),
    }


def _cli() -> Iterator[str]:
    yield f"# `cog`: every command and flag\n\n{_MADE}\n"
    yield "[cli.md](cli.md) says what they are for.\n"
    yield f"{EPILOG}\n"
    context = click.Context(cli, info_name="cog")
    names = [
        name
        for _, commands in cli.listed()
        for name in sorted(each.name or "" for each in commands)
    ]
    hidden = sorted(set(cli.commands) - set(names))
    for name in [*names, *hidden]:
        command = cli.get_command(context, name)
        if command is not None:
            yield from _command(command, click.Context(command, context, info_name=name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"\n## `cog {command.name}`\n\n"
    if command.hidden:
        yield "Deprecated: it works, and says so.\n"
    # The help is one text of paragraphs; pages have a sentence on each line.
    yield " ".join((command.help or "").split()).replace(". ", ".\n") + "\n"
    usage = " ".join(["cog", command.name or "", *command.collect_usage_pieces(context)])
    examples = command.examples if isinstance(command, Verb) else ()
    yield f"\n```text\n{usage}\n```\n"
    if examples:
        yield "\n```sh\n" + "".join(f"{line}\n" for line in examples) + "```\n"
    for title, rows in grouped_options(command, context):
        flags = [row for row in rows if not row[0].endswith("--help")]
        if flags:
            yield f"\n| {title} | |\n|---|---|\n"
            yield from (f"| `{_cell(flag)}` | {_cell(text)} |\n" for flag, text in flags)


def _config(schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"# `cog.yaml`: every key\n\n{_MADE}\n"
    yield "[config.md](config.md) says what they are for.\n"
    yield "[cog.schema.json](cog.schema.json) is the same for editors.\n"
    yield "`[]` is an entry of a list.\n\n| key | value | meaning |\n|---|---|---|\n"
    for key, value, meaning in _keys(schema, ""):
        yield f"| `{key}` | {_cell(value)} | {_cell(meaning)} |\n"


def _keys(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    """Return key, kind of value and meaning of every key below a schema, once each."""
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        key = f"{prefix}{name}"
        notes = ["Deprecated. "] if value.get("deprecated") else []
        notes += ["Required. "] if name in required else []
        yield key, _kind(value), f"{''.join(notes)}{value.get('description', '')}"
        yield from _merged(_below(value, key))


def _merged(rows: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """Lay rows of one key together: forms of an entry share keys and mean them differently."""
    kinds: dict[str, dict[str, None]] = {}
    meanings: dict[str, dict[str, None]] = {}
    for key, kind, meaning in rows:
        kinds.setdefault(key, {})[kind] = None
        meanings.setdefault(key, {})[meaning] = None
    return ((key, " or ".join(kinds[key]), " Or: ".join(meanings[key])) for key in kinds)


def _below(value: Mapping[str, Any], key: str) -> Iterator[tuple[str, str, str]]:
    yield from _keys(value, f"{key}.")
    for form in value.get("anyOf", ()):
        yield from _below(form, key)
    if "items" in value:
        yield from _below(value["items"], f"{key}[]")


_KINDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "string": "text",
}


def _kind(value: Mapping[str, Any]) -> str:
    """Return what may stand for a key, in words."""
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(kind for form in value["anyOf"] if (kind := _kind(form))))
    if "enum" in value:
        return " or ".join(f"`{each}`" for each in value["enum"] if each is not None)
    types = value["type"] if isinstance(value["type"], list) else [value["type"]]
    kinds = [_KINDS[each] for each in types if each != "null"]
    text = " or ".join(kinds)
    if "items" in value:
        text = f"{text} of {_kind(value['items'])}"
    if "minimum" in value:
        text = f"{text}, {value['minimum']} to {value['maximum']}"
    return text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Write the pages."""
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
