"""Requests as forms (``multipart/form-data``): files of any size go to disk as they come.

    curl localhost:5000/predictions -F image=@cat.png -F prompt="what is it?"

Each part is an input; parts of one name are a list. A part named ``request`` whose type is JSON is
the rest of the request (``id``, ``webhook``, further inputs). Text becomes what the schema says.
"""

from __future__ import annotations

import asyncio
import tempfile
from email.message import Message
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
from litestar.types import Receive
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from cog._url import safe_name
from cog.server.body import TOO_LARGE, Overloaded, chunks, length_of
from cog.server.inputs import Upload
from cog.server.keywords import Fault
from cog.server.request import BadRequest, InvalidInput, PredictionRequest, parse_request
from cog.server.schema import InputKind, InputSchema
from cog.server.scratch import Scratch

MAX_FORM = 1024 * 1024 * 1024 + 1024 * 1024
"""Bytes of a form: 1 GiB of files, and room for what is around them."""

MAX_TEXT = 16 * 1024 * 1024
"""Bytes of all parts that are no files."""

MAX_PARTS = 1000

MAX_STORED = 8 * 1024 * 1024 * 1024
"""Bytes of uploaded files on disk at a time, of all predictions together."""

_FAILED = "Failed to parse the request body as a form"
_CHUNK = 1024 * 1024


class Form(NamedTuple):
    """A form that has been read: ``stored`` bytes of it, its files among them, in ``folder``."""

    request: PredictionRequest
    has_files: bool
    text_size: int
    folder: Path
    stored: int


class Forms:
    """Reads the forms of all requests, each into a folder that its prediction is to have."""

    def __init__(
        self, scratch: Scratch, schema: InputSchema | None, max_stored: int = MAX_STORED
    ) -> None:
        self._scratch = scratch
        self._schema = schema
        self._room = max_stored

    async def read(self, content_type: bytes, receive: Receive, announced: str) -> Form:
        """Return a form, to be kept or dropped; ``announced`` is its Content-Length.

        Raises BadRequest (400, 408, 413), InvalidInput, InvalidRequest, Overloaded, ClientGone.
        """
        length = length_of(announced.encode())
        if length is not None and length > MAX_FORM:
            raise BadRequest(413, TOO_LARGE)
        folder = self._scratch.lend()
        stored = 0
        try:
            form = _Form(folder)
            with form, _parser(content_type) as parser:
                async for part in chunks(receive, length, MAX_FORM):
                    stored += len(part)
                    self._take_room(len(part))
                    for event in parser.parse(part):
                        await form.take(event)
            request = form.request(self._schema)
            return Form(request, form.has_files, form.text_size, folder, stored)
        except BaseException as error:
            self._give_up(folder, stored)
            if (told := _told(error)) is not None:
                raise told from error
            raise

    def _take_room(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise Overloaded("too many uploaded files are on disk")

    def drop(self, form: Form) -> None:
        """No prediction wants it."""
        self._give_up(form.folder, form.stored)

    def keep(self, form: Form, ended: asyncio.Future[None]) -> None:
        """Its folder is a prediction's, which has ``ended`` at some time."""

        def free(_: object) -> None:
            self._room += form.stored

        ended.add_done_callback(free)

    def _give_up(self, folder: Path, stored: int) -> None:
        self._room += stored
        self._scratch.take_back(folder)


def _told(error: BaseException) -> Exception | None:
    """Return what the client is told where that is something else."""
    if isinstance(error, ParserLimitReached):
        return BadRequest(413, TOO_LARGE)
    if isinstance(error, MultipartError | UnicodeError):
        return BadRequest(400, f"{_FAILED}: {error}")
    if isinstance(error, OSError):
        return Overloaded(f"an uploaded file cannot be stored: {error.strerror}")
    return None


def is_form(content_type: bytes | None) -> bool:
    """Say whether a body is a form."""
    return content_type is not None and content_type[:19].lower() == b"multipart/form-data"


def _parser(content_type: bytes) -> PushMultipartParser:
    header = Message()
    header["content-type"] = content_type.decode("latin-1")
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70:
        raise BadRequest(400, f"{_FAILED}: it names no boundary")
    return PushMultipartParser(
        boundary, max_header_size=8192, max_header_count=8, max_segment_count=MAX_PARTS, strict=True
    )


class _Form:
    """What has come of a form so far."""

    def __init__(self, folder: Path) -> None:
        self.text_size = 0
        self.has_files = False
        self._folder = folder
        self._values: dict[str, list[str]] = {}
        self._whole = b""  # the part "request"
        self._part: MultipartSegment | None = None
        self._text = bytearray()
        self._file: BinaryIO | None = None
        self._target = folder
        self._digest = blake2b(digest_size=8)
        self._waiting = bytearray()

    async def take(self, event: MultipartSegment | bytearray | bytes | None) -> None:
        """Take what the parser found: a part's headers, some of its content, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        elif self._file is None:
            self.text_size += len(event)
            if self.text_size > MAX_TEXT:
                raise BadRequest(413, TOO_LARGE)
            self._text += event
        else:
            self._waiting += event
            if len(self._waiting) >= _CHUNK:
                self._digest.update(self._waiting)
                await asyncio.to_thread(self._file.write, bytes(self._waiting))
                self._waiting.clear()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        # A broken form has left it open.
        if self._file is not None:
            self._file.close()

    def request(self, schema: InputSchema | None) -> PredictionRequest:
        """Return the request; raises BadRequest, InvalidRequest or InvalidInput."""
        request = parse_request(b"application/json", self._whole or b"{}")
        given = request.input if request.input is not None else {}
        if not isinstance(given, dict):
            raise BadRequest(422, f"{_FAILED}: input in the part 'request' is not an object")
        given |= {name: _meant(name, values, schema) for name, values in self._values.items()}
        return msgspec.structs.replace(request, input=given)

    def _begin(self, part: MultipartSegment) -> None:
        self._part = part
        self._text.clear()
        if part.filename is not None:
            place = Path(tempfile.mkdtemp(prefix="upload-", dir=self._folder))
            self._target = place / safe_name(part.filename.replace("\\", "/").rpartition("/")[2])
            self._file = self._target.open("xb")
            self.has_files = True
            self._digest = blake2b(digest_size=8)

    def _end(self) -> None:
        part, self._part = self._part, None
        assert part is not None, "the parser tells of beginnings first"
        if self._file is not None:
            self._digest.update(self._waiting)
            self._file.write(self._waiting)
            self._file.close()
            self._waiting.clear()
            self._file = None
            upload = Upload(self._target, self._digest.hexdigest())
            self._values.setdefault(part.name, []).append(upload)
        elif part.name == "request" and part.content_type == "application/json":
            self._whole = bytes(self._text)
        else:
            self._values.setdefault(part.name, []).append(self._text.decode())


def _meant(name: str, values: list[str], schema: InputSchema | None) -> object:
    """Return the input that parts of one name stand for; raises InvalidInput."""
    kind = schema.kind(name) if schema is not None else InputKind("", "", is_file=True)
    if not kind.is_file and any(isinstance(value, Upload) for value in values):
        raise InvalidInput([Fault((name,), "is not a file")])
    read = [_read(value, kind.item) for value in values]
    if len(read) == 1 and (kind.type != "array" or isinstance(read[0], list)):
        return read[0]
    return read


def _read(value: str, kind: str) -> object:
    if isinstance(value, Upload) or kind in {"string", ""}:
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value  # the schema says what is wrong with it
