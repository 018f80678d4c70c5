"""Entries of the lists in cog.yaml that are texts or mappings."""

from __future__ import annotations

from collections.abc import Iterator

from cog_frontend.config import texts
from cog_frontend.config.model import (
    Command,
    Compression,
    CopyEntry,
    Index,
    Located,
    SecretMount,
    SshMount,
    Weight,
    WeightSource,
)
from cog_frontend.config.sections import Either, Key, ListOf, Section, Several, Tagged
from cog_frontend.config.shapes import Boolean, Complaint, Made, Whole, Word
from cog_frontend.errors import Span

Mount = SecretMount | SshMount


def _mount(*, type: Located, id: Located | None = None, target: Located | None = None) -> Mount:
    if id and target:
        return SecretMount(id.text, target.text)
    return SshMount(id.text if id else "default")


_MOUNT = Tagged(
    "type",
    {
        "secret": Section(
            _mount,
            {
                "type": Key(Word("secret"), "A secret of the build.", required=True),
                "id": Key(texts.SECRET, "The id that --secret gives it.", required=True),
                "target": Key(texts.TARGET, "The file it is read from.", required=True),
            },
        ),
        "ssh": Section(
            _mount,
            {
                "type": Key(Word("ssh"), "An SSH agent of the build.", required=True),
                "id": Key(texts.SECRET, "The id that --ssh gives it; default: default."),
            },
        ),
    },
)


def _command(*, command: Located, span: Span, mounts: tuple[Mount, ...] = ()) -> Command:
    return Command(command.text, span, mounts)


COMMAND = Either(
    Made(texts.LINES, lambda text: Command(text.text, text.span)),
    mapping=Section(
        _command,
        {
            "command": Key(texts.LINES, "Lines for /bin/sh.", required=True),
            "mounts": Key(ListOf(_MOUNT), "Secrets and SSH agents that the command may use."),
        },
        located=True,
    ),
)

INDEX = Either(
    Made(texts.INDEX_URL, lambda url: Index(url=url, span=url.span)),
    mapping=Section(
        Index,
        {
            "url": Key(texts.INDEX_URL, "The address of the index.", required=True),
            "name": Key(texts.INDEX_NAME, "What the index is called."),
            "secret": Key(texts.SECRET, "The build secret with the index's credentials."),
            "default": Key(Boolean(), "Whether it takes the place of PyPI."),
        },
        located=True,
    ),
)


def _copy(*, source: Located, span: Span, target: Located | None = None) -> CopyEntry:
    where = target.text if target else f"/src/{source.text}"
    return CopyEntry(source=source.text, target=where, span=span)


COPY = Either(
    Made(texts.PATH, lambda path: _copy(source=path, span=path.span)),
    mapping=Section(
        _copy,
        {
            "source": Key(texts.PATH, "A file or folder of the project.", required=True),
            "target": Key(texts.FOLDER, "Where it stands; default: where it is in /src."),
        },
        located=True,
    ),
)

# The most that BuildKit takes (util/compression); layers as they are have no level.
_MOST = {"gzip": 9, "zstd": 22, "estargz": 9, "uncompressed": None}
_COMPRESSION = Word(*_MOST)


def _level(of: Compression) -> Iterator[Complaint]:
    most = _MOST[of.type.text]
    if of.level is None or (most is not None and of.level <= most):
        return
    levels = "has no level" if most is None else f"has levels from 0 to {most}"
    yield Complaint(f".level: {of.type.text} {levels}", span=of.type.span)


_COMPRESSION_KEYS = Section(
    Compression,
    {
        "type": Key(_COMPRESSION, "The kind of compression.", required=True),
        "level": Key(Whole(0, 22), "How hard to compress; default: BuildKit's."),
        "force": Key(Boolean(), "Whether layers that exist are compressed anew; default: true."),
    },
    _level,
)
COMPRESSION = Either(
    Made(_COMPRESSION, lambda word: Compression(type=word)), mapping=_COMPRESSION_KEYS
)


def _downloaded(source: WeightSource) -> Iterator[Complaint]:
    if not source.uri.text.startswith(("http://", "https://")):
        return
    if not texts.is_file_name(source.file_name):
        hint = "write https://host/path/file"
        yield Complaint(": the URL does not end in the name of a file", hint, source.uri.span)
    if not source.checksum:
        hint = "write the source as {uri: ..., checksum: 'sha256:...'}"
        yield Complaint(": a download needs its checksum", hint, source.uri.span)


_URI = Made(texts.WEIGHT_URI, lambda uri: WeightSource(uri=uri), _downloaded)
_SOURCE = Section(
    WeightSource,
    {
        "uri": Key(
            texts.WEIGHT_URI,
            "A path of the project, https:// or hf://owner/name@COMMIT.",
            required=True,
        ),
        "checksum": Key(texts.CHECKSUM, "sha256: and 64 digits; needed for https://."),
        "include": Key(
            ListOf(texts.PATTERN, most=None), "Patterns of the files to take; default: all."
        ),
        "exclude": Key(ListOf(texts.PATTERN, most=None), "Patterns of the files to leave out."),
    },
    _downloaded,
)


def _not_empty(items: tuple[WeightSource, ...]) -> Iterator[Complaint]:
    if not items:
        yield Complaint(" must not be empty")


WEIGHT = Section(
    Weight,
    {
        "target": Key(texts.FOLDER, "The folder they stand in.", required=True),
        "source": Key(
            Either(
                Several(_URI),
                mapping=Several(_SOURCE),
                sequence=ListOf(Either(_URI, mapping=_SOURCE), _not_empty),
            ),
            "Where they come from: one place or a list.",
            required=True,
        ),
        "name": Key(texts.WEIGHT_NAME, "What they are called."),
    },
    located=True,
)
