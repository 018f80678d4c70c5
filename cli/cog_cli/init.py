"""``cog init``: the files of a new project; a file that is there is never touched."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from cog_cli.errors import CliError

# Name in the project, name of the template. Templates are no Python modules of this package.
_TEMPLATES = {
    "cog.yaml": "cog.yaml",
    "run.py": "run.py.txt",
    "requirements.txt": "requirements.txt",
    ".dockerignore": "dockerignore.txt",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A file of a new project; ``is_new`` is False where one was there already."""

    name: str
    is_new: bool


def project_files(frontend: str) -> dict[str, str]:
    """Return the text of every file by its name; ``frontend`` builds the project."""
    folder = resources.files("cog_cli") / "templates"
    texts = {name: (folder / template).read_text() for name, template in _TEMPLATES.items()}
    texts["cog.yaml"] = f"# syntax={frontend}\n{texts['cog.yaml']}"
    return texts


def write_missing(folder: Path, texts: dict[str, str]) -> tuple[Written, ...]:
    """Write the files that ``folder`` lacks and say of each whether it is new."""
    written = []
    for name, text in texts.items():
        try:
            # "x" leaves no moment between looking and writing.
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            written.append(Written(name, is_new=False))
        except OSError as error:
            raise CliError(f"cannot write {folder / name}: {error.strerror}") from error
        else:
            written.append(Written(name, is_new=True))
    return tuple(written)
