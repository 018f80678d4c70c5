"""Checks inputs against the project's OpenAPI document: values in, faults out.

Covers the keywords that Cog's schema generator emits (``pkg/schema`` of Cog) and reads them as
JSON Schema does. ``nullable: true`` (OpenAPI 3.0) admits null, which Cog's server refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cog.server.keywords import (
    HIDDEN,
    KEYWORDS,
    Check,
    Compiler,
    Fault,
    Node,
    Place,
    SchemaError,
    as_node,
    as_nodes,
    is_secret,
)


class InputKind(NamedTuple):
    """The JSON type of an input, that of its items where it is a list, and whether it is a file.

    "any": one of several; empty: not known.
    """

    type: str
    item: str
    is_file: bool


class InputSchema:
    """One object schema of an OpenAPI document, ``components.schemas.<component>``, ready to use.

    Raises SchemaError for a document without it, a dangling reference or a bad pattern.
    """

    def __init__(self, document: object, component: str = "Input") -> None:
        definitions = _definitions(document)
        if component not in definitions:
            raise SchemaError(f"no components.schemas.{component}")
        root = definitions[component]
        self._check = _Definitions(definitions).compile(root)
        self._properties = as_nodes(as_node(root.get("properties", {})))
        self._secrets = {name for name, node in self._properties.items() if is_secret(node)}
        self._definitions = definitions

    def kind(self, name: str) -> InputKind:
        """Return of what kind an input is; of one that is not listed nothing is known."""
        node = self._resolved(self._properties.get(name, {}))
        item = node
        if node.get("type") == "array":
            found = node.get("items")
            item = self._resolved(found if isinstance(found, dict) else {})
        return InputKind(
            str(node.get("type", "")),
            str(item.get("type", "any" if "anyOf" in item else "")),
            is_file=item.get("format") == "uri",
        )

    def _resolved(self, node: Node) -> Node:
        for _ in range(len(self._definitions) + 1):
            parts = node.get("allOf")
            inner = parts[0] if isinstance(parts, list) and len(parts) == 1 else node
            ref = inner.get("$ref") if isinstance(inner, dict) else None
            if ref is None:
                break
            node = self._definitions.get(str(ref).removeprefix("#/components/schemas/"), {})
        return node

    def unknown(self, given: Node) -> list[str]:
        """Return the names in ``given`` that the schema does not list, sorted."""
        return sorted(given.keys() - self._properties.keys())

    def faults(self, given: object) -> list[Fault]:
        """Return what is wrong, in the order of the names of the inputs; empty: nothing."""
        found = self._check(given, ())
        return sorted(found, key=lambda fault: tuple(map(str, fault.loc)))

    def hide_secrets(self, given: Node) -> Node:
        """Return a copy of ``given`` fit to be shown."""
        return {name: HIDDEN if name in self._secrets else value for name, value in given.items()}


class _Definitions(Compiler):
    def __init__(self, definitions: dict[str, Node]) -> None:
        self._definitions = definitions
        self._seen: set[str] = set()
        self._checks: dict[str, Check] = {}

    def compile(self, node: Node) -> Check:
        checks = [keyword(self, node) for name, keyword in KEYWORDS.items() if name in node]
        nullable = node.get("nullable") is True

        def check(value: object, place: Place) -> Iterator[Fault]:
            if not (nullable and value is None):
                for each in checks:
                    yield from each(value, place)

        return check

    def resolve(self, ref: object) -> Check:
        name = str(ref).removeprefix("#/components/schemas/")
        if name not in self._definitions:
            raise SchemaError(f"{ref!r} refers to nothing")
        if name not in self._seen:
            self._seen.add(name)  # before compiling it: a definition may refer to itself
            self._checks[name] = self.compile(self._definitions[name])

        def check(value: object, place: Place) -> Iterator[Fault]:
            return self._checks[name](value, place)  # may still be in the making here

        return check


def _definitions(document: object) -> dict[str, Node]:
    found = document
    for key in ("components", "schemas"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise SchemaError("no components.schemas")
    return as_nodes(found)
