"""A requirements file as lines and what each line asks for; nothing is followed, no I/O.

Format: pip's "Requirements File Format" (pip/_internal/req/req_file.py).
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

# pip's auto_decode; the longer marks first, as UTF-16's is the start of UTF-32's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(
    r"^(?:(?P<option>-r|-c)(?:\s+|\s*=\s*|(?=[^\s=]))"
    r"|(?P<long>--requirement|--constraint)(?:\s+|\s*=\s*))(?P<path>\S.*)$"
)
_EDITABLE = re.compile(r"^(?:-e|--editable)(?:\s+|=)?(?P<target>.*)$")
_FIND_LINKS = re.compile(r"^(?:-f\s*=?|--find-links(?:\s+|=))\s*(?P<target>\S+)$")
_TRUSTED_HOST = re.compile(r"^--trusted-host(?:\s+|=)(?P<host>\S+)$")
_INLINE_OPTION = re.compile(
    r"(?<!\s)\s+(?P<name>--extra-index-url|--index-url|--find-links|-i|-f)(?:\s+|=)(?P<value>\S+)"
)
# Without a way back into what they have passed, these take time in proportion to the line.
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*+)\s*(?=$|[\[;<>=!~@ (])")
_DIRECT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*+\s*+(?:\[[^\]]*+\])?\s*+@\s*(?P<target>\S.*)$")
_PATH = re.compile(r"^(?P<path>[^\s;]+?)(?:\[[^\[\]]*+\])?(?:\s|;|$)")
_ARCHIVE = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Nearly every line of nearly every file: a name, extras, plain versions, a comment-free end. What
# does not look like it is left to packaging.
_RELEASE = r"\d{1,9}(?:\.\d{1,9})*+(?:(?:a|b|rc)\d{1,9})?(?:\.post\d{1,9})?(?:\.dev\d{1,9})?"
_VERSION = (
    rf"(?:(?:==|!=)\s*{_RELEASE}(?:\.\*|\+[a-z0-9]++(?:[._-][a-z0-9]++)*+)?"
    rf"|(?:<=?|>=?)\s*{_RELEASE}|~=\s*(?=\d++\.){_RELEASE})"
)
_VERSIONS = rf"(?:{_VERSION}(?:\s*+,\s*{_VERSION})*+)?"
_PLAIN_VERSIONS = re.compile(_VERSIONS)
_ORDINARY = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*+(?<![._-])\s*+(?:\[[A-Za-z0-9._, -]*+\])?"
    rf"\s*+{_VERSIONS}$"
)
_OWN_OPTION = re.compile(r"\s--?[a-z]")
# uv takes a wildcard behind any operator and says what it makes of it; the specification does not.
_WILDCARD = re.compile(r"((?:~=|[<>]=?)\s*\d[\w.!+-]*)\.\*")
# pip's own list: SUPPORTED_OPTIONS of pip/_internal/req/req_file.py.
_FILE_OPTION = re.compile(
    r"-[icref]|--(?:(?:extra-)?index-url|pypi-url|no-index|constraint|requirement|editable"
    r"|find-links|no-binary|only-binary|prefer-binary|require-hashes|pre|trusted-host"
    r"|use-feature)(?![\w-])"
)
_HASH = re.compile(r"--hash[= ]\s*sha256:([0-9a-fA-F]{64})")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_ARCHIVE_NAME = re.compile(r"(?:^|/)([A-Za-z0-9][A-Za-z0-9._]*?)-\d[^/]*$")
_ARCHIVE_VERSION = re.compile(r"-(\d[^-]*)\.(?:zip|tar\.gz|tgz|tar\.bz2|tar\.xz)$")
_COG_REPOSITORY = re.compile(r"^git\+\S+[/:]replicate/cog(?:\.git)?(?:[@#]|$)")


# The longest that are known list the hashes of a few hundred wheels.
MAX_LINE = 64 << 10


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line: its content and the lines of the file it stands on, from 1."""

    start: int
    end: int
    text: str


def decode(data: bytes) -> str:
    """Return a file's text by its byte order mark, else as UTF-8; raise ``UnicodeDecodeError``."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8")


def physical_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends, as editors count them."""
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def logical_lines(text: str) -> Iterator[Line]:
    """Yield the lines that say something: continuations joined, comments cut, as pip does.

    A comment starts at a ``#`` at the start of a line or after white space, so URL fragments stay.
    A comment line ends a continuation.
    """
    start, held, number = 0, "", 0
    for number, raw in enumerate(physical_lines(text), 1):
        start = start or number
        is_comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not is_comment:
            held += raw[:-1]
            continue
        content = _COMMENT.sub("", f"{held} {raw}" if is_comment else held + raw).strip()
        if content:
            yield Line(start, number, content)
        start, held = 0, ""
    if held.strip():
        yield Line(start, number, held.strip())


def included(line: str) -> tuple[str, bool] | None:
    """Return the target of ``-r`` or ``-c`` and whether it holds constraints; None: another line.

    A path may be quoted or have its spaces escaped.
    """
    match = _INCLUDE.match(line)
    if match is None:
        return None
    path = match["path"].strip()
    if path[0] in "'\"" or "\\" in path:
        try:
            path = (shlex.split(path) or [path])[0]
        except ValueError:
            path = path.strip("'\"")  # an odd quote is part of no name
    return path, (match["option"] or match["long"]) in {"-c", "--constraint"}


def editable(line: str) -> str | None:
    """Return what ``-e`` installs, None for another line."""
    match = _EDITABLE.match(line)
    return match["target"] if match else None


def find_links(line: str) -> str | None:
    """Return where ``--find-links`` looks, None for another line."""
    match = _FIND_LINKS.match(line)
    return match["target"] if match else None


def installer_options(line: str) -> tuple[str, ...]:
    """Return what uv takes as an argument only, for options of pip's that it skips in a file."""
    if line == "--pre":
        return ("--prerelease=allow",)
    if match := _TRUSTED_HOST.match(line):
        return (f"--allow-insecure-host={match['host']}",)
    return ()


def split_options(line: str) -> tuple[str, tuple[str, ...]]:
    """Return a requirement without index options behind it, and those, as lines of their own.

    pip has no such form; Cog takes ``torch==2.0 --extra-index-url=URL`` apart in the same way.
    """
    found = tuple(f"{match['name']} {match['value']}" for match in _INLINE_OPTION.finditer(line))
    return (_INLINE_OPTION.sub("", line), found) if found else (line, ())


def unknown_option(line: str) -> str:
    """Return the option that a line starts with where no requirements file may have it."""
    return "" if _FILE_OPTION.match(line) else re.split(r"[\s=]", line, maxsplit=1)[0]


def malformed(line: str) -> str:
    """Say what is wrong with a requirement that names a package by PEP 508; empty: nothing.

    What is filled in from the environment only in the build (``${NAME}``) is not judged.
    """
    requirement = _OWN_OPTION.split(line, maxsplit=1)[0].strip()
    if _ORDINARY.match(requirement) or "${" in requirement:
        return ""
    # Few lines need it, and this import is felt in a build.
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415

    try:
        Requirement(_WILDCARD.sub(r"\1", requirement))
    except InvalidRequirement as error:
        return str(error).partition("\n")[0]
    except RecursionError:
        return "its marker is nested too deeply"
    return ""


def versions(text: str) -> str:
    """Return versions such as ``>=2, <3`` in PEP 440's words; empty for what is none of them.

    Every version in the answer can be compared.
    """
    found = _WILDCARD.sub(r"\1", text.replace(" ", ""))
    if _PLAIN_VERSIONS.fullmatch(found):
        return found
    # As above: few lines need it.
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415
    from packaging.version import Version  # noqa: PLC0415

    try:
        for each in SpecifierSet(found):
            Version(each.version.removesuffix(".*"))
    except ValueError:
        return ""
    return found


def pinned_hashes(line: str) -> tuple[str, ...]:
    """Return the sha256 digests that a requirement pins its files to."""
    return tuple(_HASH.findall(line))


def package_name(line: str) -> str:
    """Return the normalised name (PEP 503) of what a requirement installs; empty: not known."""
    target = direct_target(line)
    if match := _NAME.match(line):
        name = match[1] if "/" not in target or _DIRECT.match(line) else ""
        if name and not name.endswith(_ARCHIVE):
            return normalised(name)
    if match := _EGG.search(line):
        return normalised(match[1])
    if _COG_REPOSITORY.match(line):
        return "cog"
    match = _ARCHIVE_NAME.search(target.partition("#")[0])
    return normalised(match[1]) if match else ""


def direct_target(line: str) -> str:
    """Return the URL or path of a requirement that names one, else empty text."""
    match = _DIRECT.match(line)
    path = _PATH.match(match["target"] if match else line)
    target = path["path"] if path else ""
    is_path = target.startswith((".", "/", "file:")) or "/" in target or target.endswith(_ARCHIVE)
    return target if match or is_path else ""


def archive_version(target: str) -> str:
    """Return the version in the name of a source archive; ``0`` where there is none."""
    name = target.partition("#")[0].rpartition("/")[2]
    match = _ARCHIVE_VERSION.search(name)
    return match[1] if match else "0"


def is_archive(path: str) -> bool:
    """Whether a path is that of a wheel or a source archive (PEP 427, PEP 625 and older forms)."""
    return path.endswith(_ARCHIVE)


def normalised(name: str) -> str:
    """Return a distribution name in the form that is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
