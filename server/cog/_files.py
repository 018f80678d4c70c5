"""Files as inputs and outputs of a handler: local ones and ones still behind a URL."""

from __future__ import annotations

import io
import os
import pathlib
import shutil
import tempfile
from typing import IO, Any

from cog._url import is_url, open_url, url_name


class Path(pathlib.PosixPath):
    """A file: as an input a local copy of what the client sent, as an output what to send back.

    Local copies of inputs live as long as the prediction.
    """

    @classmethod
    def validate(cls, value: object) -> pathlib.Path:
        """Return a path for a path, text or URL (which stays unopened, as a `URLPath`)."""
        if isinstance(value, pathlib.Path):
            return value
        if is_url(value):
            return URLPath(source=str(value), filename=url_name(str(value)))
        return cls(str(value))


class URLPath(pathlib.PosixPath):
    """A file behind a URL; `convert` makes a local copy, once.

    As an output it stands for its URL. ``fileobj`` is read instead of the URL where given.
    """

    source: str
    filename: str

    # Before Python 3.12 __new__ takes the parts of a path, afterwards __init__ does: this class has
    # none, whatever its arguments.
    def __new__(cls, **_attributes: object) -> URLPath:
        return super().__new__(cls)

    def __init__(self, *, source: str, filename: str, fileobj: IO[bytes] | None = None) -> None:
        super().__init__()
        self.source = source
        self.filename = filename
        self.fileobj = fileobj
        self._local: Path | None = None

    def convert(self) -> Path:
        """Return the local copy, made now unless there is one. Raises OSError or ValueError."""
        if self._local is None:
            with tempfile.NamedTemporaryFile(suffix=self.filename, delete=False) as target:
                with self.fileobj or open_url(self.source, user_agent=_user_agent()) as source:
                    shutil.copyfileobj(source, target)
                self._local = Path(target.name)
        return self._local

    def unlink(self, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - pathlib's signature
        """Remove the local copy, if there is one."""
        if self._local is not None:
            self._local.unlink(missing_ok=missing_ok)
            self._local = None

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"URLPath({self.source!r})"

    def __fspath__(self) -> str:
        return str(self.convert())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URLPath) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)


class File(io.IOBase):
    """Annotation of an input that is an open binary file; deprecated in favour of `Path`."""

    @classmethod
    def validate(cls, value: object) -> Any:  # noqa: ANN401 - whichever file object was given
        """Return an open file for a URL; an open file as it is. Raises ValueError otherwise."""
        if isinstance(value, io.IOBase):
            return value
        if not isinstance(value, str):
            raise ValueError(f"expected a URL or an open file, got {type(value).__name__}")  # noqa: TRY004 - as pydantic wants it
        return URLFile(value) if value[:4].lower() == "http" else open_url(value)


class URLFile(io.IOBase):
    """A file behind a URL, opened when it is first used; can be pickled while it is not."""

    def __init__(self, url: str, *, filename: str | None = None) -> None:
        if not is_url(url):
            raise ValueError(f"not an http(s) or data URL: {url!r:.100}")
        self.url = url
        self.name = filename or url_name(url)
        self._stream: IO[bytes] | None = None

    @property
    def stream(self) -> IO[bytes]:
        """The open response; opening may raise OSError."""
        if self._stream is None:
            self._stream = open_url(self.url, user_agent=_user_agent())
        return self._stream

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, all of them by default."""
        return self.stream.read(size)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line of up to ``size`` bytes."""
        return self.stream.readline(-1 if size is None else size)

    def close(self) -> None:
        """Close the response, if it was opened."""
        if getattr(self, "_stream", None) is not None:
            self.stream.close()
        super().close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the attributes of the response
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.stream, name)

    def __getstate__(self) -> dict[str, str]:
        return {"url": self.url, "name": self.name}

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__init__(state["url"], filename=state["name"])  # type: ignore[misc] # the one way in

    def __repr__(self) -> str:
        return f"URLFile({self.url!r})"


def _user_agent() -> str:
    # Read at the time of the call: the author's own code made it, and no edge of ours lies between.
    return os.environ.get("COG_USER_AGENT", "")
