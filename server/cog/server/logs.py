"""What was printed: kept for clients within a bound, and written out in whole lines.

Lines go to stderr: JSON objects for machines (the default) or plain text for people
(``LOG_FORMAT=console``, a name of Cog's runtime).
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

LOGGER = "cog"
MODEL_LOGGER = "cog.model"
"""What user code prints: records carry the attributes ``prediction_id`` and ``stream``."""

FIELDS = ("prediction_id", "worker", "status", "stream", "seconds")
"""Attributes of records, given as ``extra``, that become fields of a JSON line."""

LOG_LIMIT = 16 * 1024 * 1024
"""Characters of log kept per prediction and for setup; the end is kept, where errors are."""

_DROPPED = "[earlier log text dropped]\n"


class LogBuffer:
    """Text in the order it came, at most ``limit`` characters; the oldest goes first."""

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self._limit = limit
        self._parts: deque[str] = deque()
        self._size = 0
        self._dropped = False

    def add(self, text: str) -> None:
        """Keep this text."""
        self._parts.append(text)
        self._size += len(text)
        while self._size > self._limit:
            oldest = self._parts.popleft()
            excess = self._size - self._limit
            self._dropped = True
            if excess < len(oldest):
                self._parts.appendleft(oldest[excess:])
                self._size -= excess
            else:
                self._size -= len(oldest)

    def __str__(self) -> str:
        return (_DROPPED if self._dropped else "") + "".join(self._parts)


class Lines:
    """Feed it pieces of text per source; iterate whole lines out, without their newline."""

    def __init__(self, limit: int = 64 * 1024) -> None:
        self._limit = limit  # a progress bar that never ends its line must not grow for ever
        self._rest: dict[tuple[str | None, str], str] = {}

    def add(self, source: tuple[str | None, str], text: str) -> Iterator[str]:
        """Take text of a source, a prediction id and a stream, and iterate what is complete."""
        *whole, rest = (self._rest.pop(source, "") + text).split("\n")
        yield from whole
        if len(rest) >= self._limit:
            yield rest
        elif rest:
            self._rest[source] = rest

    def end(self, prediction_id: str | None) -> Iterator[tuple[str, str]]:
        """Iterate (stream, line) of the unfinished lines of a prediction and forget them."""
        for source in [source for source in self._rest if source[0] == prediction_id]:
            yield source[1], self._rest.pop(source)


class ModelLog:
    """Writes what user code prints to the log of the server, line by line."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._log = logging.getLogger(MODEL_LOGGER)

    def add(self, prediction_id: str | None, stream: str, text: str) -> None:
        """Some text came; None: of no prediction."""
        for line in self._lines.add((prediction_id, stream), text):
            self._write(prediction_id, stream, line)

    def end(self, prediction_id: str | None) -> None:
        """Nothing more comes of this prediction."""
        for stream, line in self._lines.end(prediction_id):
            self._write(prediction_id, stream, line)

    def _write(self, prediction_id: str | None, stream: str, line: str) -> None:
        self._log.info("%s", line, extra={"prediction_id": prediction_id, "stream": stream})


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message`` and fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline."""
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry = {
            "time": f"{whole}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class ConsoleFormatter(logging.Formatter):
    """A line for people: time, level, prediction, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it where there is one."""
        prediction_id = _fields(record).get("prediction_id")
        where = f" [{prediction_id}]" if prediction_id is not None else ""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        message = record.getMessage()
        if record.name != MODEL_LOGGER:
            # It may quote a client: nothing in it may begin a line or command a terminal.
            message = _CONTROL.sub(lambda found: repr(found[0])[1:-1], message)
        line = f"{clock} {record.levelname.lower():7}{where} {message}"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


class _Writer(logging.Handler):
    """Writes bytes: what is printed must not fail on the encoding of a container's locale."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._stream.write(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
            self._stream.flush()
        except OSError:
            self.handleError(record)


def configure_logging(level: int, style: str, stream: BinaryIO) -> None:
    """Send the loggers of this process to ``stream``; ``style`` is "json" or "console"."""
    handler = _Writer(stream)
    handler.setFormatter(ConsoleFormatter() if style == "console" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level)
