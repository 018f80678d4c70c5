"""Shapes made of shapes: lists, mappings and choices between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar, cast

from cog_frontend.config.model import Located
from cog_frontend.config.shapes import Complaint, Json, Problems, Shape, Text, Word
from cog_frontend.errors import near, shown
from cog_frontend.yamlnode import Mapping as MappingNode
from cog_frontend.yamlnode import Node, Scalar, Sequence

T = TypeVar("T")


# Each entry of most lists is a layer, a mount or a build, and an image has 127 layers at most
# (Docker's layer store, maxLayerDepth).
MOST = 100


class ListOf(Generic[T]):
    """A list of ``most`` entries at most (None: any number); ``check`` looks at them together."""

    def __init__(
        self,
        item: Shape[T],
        check: Callable[[tuple[T, ...]], Iterable[Complaint]] = lambda _: (),
        *,
        hint: str = "start each entry with '- '",
        most: int | None = MOST,
    ) -> None:
        self._item, self._check, self._hint, self._most = item, check, hint, most

    def read(self, node: Node, path: str, problems: Problems) -> tuple[T, ...]:
        """Return the entries that are right."""
        if not isinstance(node, Sequence):
            problems.add(node.span, f"{path} must be a list", self._hint)
            return ()
        if self._most is not None and len(node.items) > self._most:
            message = f"{path} has {len(node.items)} entries, and {self._most} are the most"
            problems.add(node.span, message, "join some of them")
            return ()
        read = [
            self._item.read(item, f"{path}[{index}]", problems)
            for index, item in enumerate(node.items)
        ]
        values = tuple(value for value in read if value is not None)
        problems.complain(node.span, path, self._check(values))
        return values

    def schema(self) -> Json:
        """An array."""
        most = {} if self._most is None else {"maxItems": self._most}
        return {"type": "array", "items": self._item.schema(), **most}


class Several(Generic[T]):
    """One value in the place of a list."""

    def __init__(self, item: Shape[T]) -> None:
        self._item = item

    def read(self, node: Node, path: str, problems: Problems) -> tuple[T, ...] | None:
        """Return the value as a list of one."""
        value = self._item.read(node, path, problems)
        return None if value is None else (value,)

    def schema(self) -> Json:
        """That of the value."""
        return self._item.schema()


class MapOf:
    """A mapping of names to texts, as pairs; a name must fit ``name``."""

    def __init__(self, name: Text, value: Text) -> None:
        self._name, self._value = name, value

    def read(
        self, node: Node, path: str, problems: Problems
    ) -> tuple[tuple[Located, Located], ...]:
        """Return the pairs in file order."""
        if not isinstance(node, MappingNode):
            problems.add(node.span, f"{path} must be a mapping of names to values")
            return ()
        read = [
            (
                self._name.read(key, path, problems),
                self._value.read(value, f"{path}.{_named(key)}", problems),
            )
            for key, value in node.items
        ]
        return tuple((key, value) for key, value in read if key and value)

    def schema(self) -> Json:
        """An object; a number or a boolean is the text it is written as."""
        value = self._value.schema() | {"type": ["string", "number", "boolean"]}
        return {
            "type": "object",
            "propertyNames": self._name.schema(),
            "additionalProperties": value,
        }


class Key(NamedTuple):
    """A key of a section.

    ``about`` says in a sentence what it holds; ``instead``, for a deprecated one, what to do.
    """

    shape: Shape[object]
    about: str
    required: bool = False
    instead: str = ""


class Section(Generic[T]):
    """A mapping with known keys; ``make`` takes those that are set.

    ``located`` sections also get the ``span`` they stand at. ``check`` looks at what was made.
    """

    def __init__(
        self,
        make: Callable[..., T],
        keys: Mapping[str, Key],
        check: Callable[[T], Iterable[Complaint]] = lambda _: (),
        *,
        located: bool = False,
    ) -> None:
        self.keys = keys
        self._make, self._check, self._located = make, check, located

    def read(self, node: Node, path: str, problems: Problems) -> T | None:
        """Return what is made of the keys; None where a required one is missing or wrong."""
        if not isinstance(node, MappingNode):
            what = path or "the file"
            problems.add(node.span, f"{what} must be a mapping of keys to values")
            return None
        found = self._values(node, path, problems)
        required = {name for name, key in self.keys.items() if key.required}
        for name in sorted(required - {key.text for key, value in node.items if not _null(value)}):
            problems.add(node.span, f"{path}.{name} is missing")
        if required - set(found):
            return None
        made = self._make(**found, **({"span": node.span} if self._located else {}))
        problems.complain(node.span, path, self._check(made))
        return made

    def _values(self, node: MappingNode, path: str, problems: Problems) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.items:
            full = f"{path}.{_named(key)}" if path else _named(key)
            if key.text not in self.keys:
                self._unknown(key, full, problems)
                continue
            if not _null(value):
                if instead := self.keys[key.text].instead:
                    problems.warn(key.span, f'deprecated field "{full}"', instead)
                result = self.keys[key.text].shape.read(value, full, problems)
                if result is not None:
                    found[key.text] = result
        return found

    def _unknown(self, key: Scalar, path: str, problems: Problems) -> None:
        known = f"known keys: {', '.join(sorted(self.keys))}"
        hint = (near(key.text, self.keys) if problems.are_few else "") or known
        problems.add(key.span, f"{path}: unknown key", hint)

    def schema(self) -> Json:
        """An object without other properties."""
        required = [name for name, key in self.keys.items() if key.required]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _property(key) for name, key in self.keys.items()},
            **({"required": required} if required else {}),
        }


class Tagged(Generic[T]):
    """One of several sections; the key ``tag`` says which."""

    def __init__(self, tag: str, sections: Mapping[str, Section[T]]) -> None:
        self._tag, self._sections = tag, sections

    def read(self, node: Node, path: str, problems: Problems) -> T | None:
        """Return what the section of that tag makes."""
        if not isinstance(node, MappingNode):
            problems.add(node.span, f"{path} must be a mapping of keys to values")
            return None
        tags = {key.text: value for key, value in node.items}
        if self._tag not in tags:
            problems.add(node.span, f"{path}.{self._tag} is missing")
            return None
        word = Word(*self._sections).read(tags[self._tag], f"{path}.{self._tag}", problems)
        return None if word is None else self._sections[word.text].read(node, path, problems)

    def schema(self) -> Json:
        """Any of the sections."""
        return {"anyOf": [section.schema() for section in self._sections.values()]}


class Either(Generic[T]):
    """A shape for each kind of node: what is not a list or a mapping is a ``scalar``."""

    def __init__(
        self,
        scalar: Shape[T],
        *,
        sequence: Shape[T] | None = None,
        mapping: Shape[T] | None = None,
    ) -> None:
        self._scalar, self._sequence, self._mapping = scalar, sequence, mapping

    def read(self, node: Node, path: str, problems: Problems) -> T | None:
        """Return what the shape for the node's kind reads."""
        if isinstance(node, Sequence) and self._sequence is not None:
            return self._sequence.read(node, path, problems)
        if isinstance(node, MappingNode) and self._mapping is not None:
            return self._mapping.read(node, path, problems)
        return self._scalar.read(node, path, problems)

    def schema(self) -> Json:
        """Any of the shapes."""
        shapes = [self._scalar, self._sequence, self._mapping]
        return {"anyOf": [shape.schema() for shape in shapes if shape is not None]}


def _named(key: Scalar) -> str:
    """A key within a path: as it stands, unless it would take the message apart."""
    return key.text if key.text.isprintable() and len(key.text) < 80 else shown(key.text)


def _null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _property(key: Key) -> Json:
    """The schema of a key's value; null counts as absent."""
    schema = dict(key.shape.schema())
    if key.required:
        pass
    elif "anyOf" in schema:
        schema["anyOf"] = [*cast("list[object]", schema["anyOf"]), {"type": "null"}]
    elif "enum" in schema:
        schema["enum"] = [*cast("list[object]", schema["enum"]), None]
    else:
        kind = schema["type"]
        schema["type"] = [*kind, "null"] if isinstance(kind, list) else [kind, "null"]
    schema["description"] = key.about
    return schema | ({"deprecated": True} if key.instead else {})
