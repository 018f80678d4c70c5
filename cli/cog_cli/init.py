"""``cog init``: the files of a new project; a file that is there is never touched.

A template is a folder of this package, a project as its users will have it; what is in ``common``
belongs to each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from cog_cli.errors import CliError

_COMMON = "common"
_CONFIG = "cog.yaml"


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of project; ``example`` are the inputs of a first prediction as they are typed."""

    summary: str
    example: str


TEMPLATES = {
    "hello": Template("a predictor without packages", "-i text=world"),
    "torch": Template("a PyTorch network and its training", "-i x=0.5 -i y=0.5"),
    "onnx": Template("an ONNX model that reads pictures", "-i image=@sample.png"),
    "sklearn": Template("a scikit-learn model and its training", "-i petal_length=5.1"),
    "llm": Template("a language model that streams its tokens", "-i prompt=Alice"),
}
DEFAULT = "hello"


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a new project; ``is_new`` is False where one was there already."""

    name: str
    is_new: bool


def project_files(frontend: str, template: str = DEFAULT) -> dict[str, bytes]:
    """Return the content of every file by its name; ``frontend`` builds the project."""
    folders = resources.files("cog_cli") / "templates"
    files = _files(folders / template) | _files(folders / _COMMON)
    return files | {_CONFIG: f"# syntax={frontend}\n".encode() + files[_CONFIG]}


def _files(folder: Traversable) -> dict[str, bytes]:
    # No folders: an installer leaves compiled code of the templates in one.
    found = sorted(folder.iterdir(), key=lambda each: each.name)
    return {each.name: each.read_bytes() for each in found if each.is_file()}


def write_missing(folder: Path, files: Mapping[str, bytes]) -> tuple[Written, ...]:
    """Write the files that ``folder`` lacks and say of each whether it is new.

    CliError where one cannot be written; those written before it are taken back.
    """
    written: list[Written] = []
    for name, content in files.items():
        try:
            written.append(Written(name, is_new=_write(folder / name, content)))
        except OSError as error:
            for each in written:
                if each.is_new:
                    (folder / each.name).unlink(missing_ok=True)
            raise CliError(f"cannot write {folder / name}: {error.strerror}") from error
    return tuple(written)


def _write(path: Path, content: bytes) -> bool:
    """Write a file unless there is one, and tell whether it was written."""
    try:
        # "x" leaves no moment between looking and writing.
        with path.open("xb") as file:
            try:
                file.write(content)
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        return False
    return True
