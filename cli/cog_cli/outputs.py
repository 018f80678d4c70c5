"""A prediction's output -> the text for stdout and the files to write.

Deciding and writing are apart: ``present`` decides, ``write`` writes. Files are the strings
that the schema calls URIs and that hold a data URL (RFC 2397).
"""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from cog_cli.errors import CliError
from cog_cli.interface import Interface, Schema

_DEFAULT_NAME = "output"
# What Python's own table lacks (3.11), so that a machine's /etc/mime.types does not decide.
_EXTENSIONS = {
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "image/webp": ".webp",
    "model/gltf-binary": ".glb",
}


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file of the output and where it belongs."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class Presented:
    """``text`` for stdout (None: nothing but files), ``files`` to write."""

    text: str | None
    files: tuple[OutputFile, ...]


def present(
    output: object, model: Interface, destination: Path | None, *, is_folder: bool
) -> Presented:
    """Return what to show of ``output``.

    ``destination`` is where files go: a folder, or the name of the one file (an extension is
    added when it has none; further files put their place in the output before it). Without one
    they are ``output.<ext>``, ``output.0.<ext>`` and so on in the current folder. Texts are
    shown raw, everything else as JSON in which a file is its path.
    """
    places = _Places(destination, is_folder=is_folder)
    replaced = _Replacer(model, places).replace(output, model.output)
    files = tuple(places.files)
    if files and _is_only_files(output, replaced):
        return Presented(None, files)
    if model.output.get("x-cog-array-display") == "concatenate" and isinstance(replaced, list):
        return Presented("".join(map(str, replaced)), files)
    if isinstance(replaced, str):
        return Presented(replaced, files)
    return Presented(json.dumps(replaced, indent=2, ensure_ascii=False), files)


def write(files: tuple[OutputFile, ...]) -> Iterator[Path]:
    """Write the files and yield the path of each."""
    for file in files:
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_bytes(file.content)
        except OSError as error:
            raise CliError(f"cannot write {file.path}: {error.strerror}") from error
        yield file.path


class _Places:
    """Names the files of one output, in the order they come."""

    def __init__(self, destination: Path | None, *, is_folder: bool) -> None:
        if destination is None:
            destination = Path(_DEFAULT_NAME)
        self._base = destination / _DEFAULT_NAME if is_folder else destination
        self.files: list[OutputFile] = []

    def add(self, url: str, trail: tuple[str, ...]) -> str:
        """Keep the file in ``url`` and return its path."""
        kind, content = decode_data_url(url)
        extension = self._base.suffix or extension_of(kind)
        # A key of an object comes from the model: no folder in it may lead elsewhere.
        safe = (part.replace("/", "_").replace("\0", "_") for part in trail)
        name = ".".join((self._base.stem, *safe))
        path = self._base.with_name(name + extension)
        self.files.append(OutputFile(path, content))
        return str(path)


def extension_of(kind: str) -> str:
    """Return the extension of files of a media type, with its dot; empty for an unknown one."""
    return _EXTENSIONS.get(kind) or mimetypes.guess_extension(kind, strict=False) or ""


def decode_data_url(url: str) -> tuple[str, bytes]:
    """Return media type and content of a data URL (RFC 2397); CliError when it is broken."""
    head, separator, data = url.removeprefix("data:").partition(",")
    kind, *parameters = head.split(";")
    if not separator:
        raise CliError("the model returned a broken data URL")
    if "base64" not in parameters:
        return kind or "text/plain", unquote_to_bytes(data)
    try:
        return kind or "text/plain", base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise CliError("the model returned a broken data URL") from error


@dataclass(frozen=True, slots=True)
class _Replacer:
    """Puts the paths of files in the place of their content."""

    model: Interface
    places: _Places

    def replace(self, value: object, schema: Schema, trail: tuple[str, ...] = ()) -> object:
        schema = self.model.resolve(schema)
        match value:
            case str() if schema.get("format") == "uri" and value.startswith("data:"):
                return self.places.add(value, trail)
            case list():
                return self._list(value, schema.get("items", {}), trail)
            case dict():
                return self._object(value, schema, trail)
            case _:
                return value

    def _list(self, value: list[object], items: Schema, trail: tuple[str, ...]) -> list[object]:
        return [self.replace(each, items, (*trail, str(index))) for index, each in enumerate(value)]

    def _object(
        self, value: dict[str, object], schema: Schema, trail: tuple[str, ...]
    ) -> dict[str, object]:
        properties = schema.get("properties", {})
        other = schema.get("additionalProperties")
        other = other if isinstance(other, Mapping) else {}
        return {
            name: self.replace(each, properties.get(name, other), (*trail, name))
            for name, each in value.items()
        }


def _is_only_files(output: object, replaced: object) -> bool:
    """Whether the output is nothing but files: one, or a list of them."""
    if isinstance(output, list) and isinstance(replaced, list):
        pairs = zip(output, replaced, strict=True)
        return all(isinstance(new, str) and new != old for old, new in pairs)
    return isinstance(output, str) and output != replaced
