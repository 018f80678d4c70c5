"""COG_CA_CERT: certificate authorities for the build, from this machine's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cog_cli.errors import UsageProblem

VARIABLE = "COG_CA_CERT"

# They travel as one argument of buildx, for which Linux allows 128 KiB (execve(2)).
MAX_BYTES = 96 * 1024
_ENDINGS = (".crt", ".pem")


def certificates(env: Mapping[str, str], cwd: Path) -> str:
    """Return what the variable stands for, as the frontend takes it; empty text without it.

    Forms are Cog's: a file, a folder (its ``.crt`` and ``.pem`` files together), PEM text or the
    base64 of it. Raises UsageProblem for files that cannot be read, or are too much.
    """
    value = env.get(VARIABLE, "").strip()
    if not value or "-----BEGIN" in value:
        return _checked(value)
    path = cwd / Path(value).expanduser()
    try:
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS)
            if not files:
                endings = " or ".join(_ENDINGS)
                raise UsageProblem(f"{VARIABLE}={value}: no {endings} file is in that folder")
            return _checked("\n".join(file.read_text() for file in files))
        if path.is_file():
            return _checked(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        # A long base64 text is no file name either; the frontend tells what it is.
        if "/" in value or path.suffix in _ENDINGS:
            raise UsageProblem(f"{VARIABLE}={value} cannot be read: {error}") from error
        return _checked(value)
    if value.startswith(("/", "~", "./", "../")) or path.suffix in _ENDINGS:
        raise UsageProblem(f"{VARIABLE}={value}: there is no such file or folder")
    return _checked(value)


def _checked(text: str) -> str:
    if len(text.encode()) > MAX_BYTES:
        raise UsageProblem(
            f"{VARIABLE} holds more than {MAX_BYTES // 1024} KiB: name the file of your company's"
            " authorities, not the whole bundle of a system"
        )
    return text
