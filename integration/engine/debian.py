"""Debian packages without installing them: a private apt state, unpacked into a folder.

The mirror is the one that the machine's own apt sources name, so a machine behind a proxy
mirror needs no setting.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from integration.engine.errors import EngineError
from integration.engine.layout import package_root

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True, slots=True)
class Machine:
    """The Debian machine: its release name and the mirror its apt uses."""

    codename: str
    mirror: str


@dataclass(frozen=True, slots=True)
class Packages:
    """What makes an engine of one suite: the daemon's side and the client's side.

    ``client_suite`` is the suite of docker-buildx and docker-cli. tini is what
    ``docker run --init`` starts.
    """

    engine: tuple[str, ...]
    client_suite: str


CLIENT_PACKAGES = ("docker-buildx", "docker-cli")

# bookworm packages no buildx: it came to Debian after it. sid's needs no more than libc.
ENGINE_PACKAGES = {
    "sid": Packages(("docker.io", "containerd", "tini-static"), "sid"),
    "trixie": Packages(("docker.io", "containerd", "tini"), "trixie"),
    "bookworm": Packages(("docker.io", "containerd", "tini"), "sid"),
}


def codename(os_release: str) -> str | None:
    """Return the Debian release name in the text of /etc/os-release; None if not Debian."""
    fields = dict(line.partition("=")[::2] for line in os_release.splitlines() if "=" in line)
    if fields.get("ID", "").strip('"') != "debian":
        return None
    return fields.get("VERSION_CODENAME", "").strip('"') or None


def mirror(sources: Iterable[str], release: str) -> str | None:
    """Return the URI that serves ``release`` in apt sources of either format (sources.list(5)).

    None when no source does. Each item is the whole text of one file.
    """
    for text in sources:
        for uri, suites in _entries(text):
            if release in suites:
                return uri
    return None


def _entries(text: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        if line.startswith("deb "):
            words = _without_options(line.removeprefix("deb "))
            if len(words) >= 2:
                yield words[0], (words[1],)
    fields: dict[str, str] = {}
    for line in [*lines, ""]:
        if line.startswith("#"):
            continue
        if line:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
            continue
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            for uri in fields.get("uris", "").split():
                yield uri, tuple(fields.get("suites", "").split())
        fields = {}


def _without_options(line: str) -> list[str]:
    line = line.strip()
    if line.startswith("["):
        line = line.partition("]")[2]
    return line.split()


def this_machine(etc: Path = Path("/etc")) -> Machine:
    """Return the Debian machine this runs on; EngineError when it is none."""
    release = (etc / "os-release").read_text() if (etc / "os-release").exists() else ""
    name = codename(release)
    if name is None:
        raise EngineError(
            "no Docker daemon answers, and an own one can only be started on Debian; start Docker"
        )
    folder = etc / "apt" / "sources.list.d"
    files = [etc / "apt" / "sources.list", *sorted(folder.glob("*.list"))]
    files += sorted(folder.glob("*.sources"))
    uri = mirror((path.read_text() for path in files if path.is_file()), name)
    if uri is None:
        raise EngineError(f"no apt source of this machine serves {name}; add one to {folder}")
    return Machine(name, uri)


def apt_options(folder: Path) -> tuple[str, ...]:
    """Return apt-get's options that keep all its state in ``folder``.

    The sandbox user is switched off: it may not enter a folder below a private home.
    """
    return (
        f"-oDir::Etc::SourceList={folder / 'sources.list'}",
        "-oDir::Etc::SourceParts=/dev/null",
        f"-oDir::State::Lists={folder / 'lists'}",
        f"-oDir::Cache={folder / 'cache'}",
        "-oAPT::Sandbox::User=root",
        "-oAcquire::Retries=3",
    )


def unpack(
    cache: Path, machine: Machine, suite: str, packages: Iterable[str], say: Callable[[str], None]
) -> Path:
    """Unpack ``packages`` of ``suite`` once and return the folder that is their root.

    A package counts as there when its stamp is; the stamp is written last, so that whatever an
    interrupted run left behind is downloaded and unpacked again.
    """
    root = package_root(cache, suite)
    stamps = root.parent / "unpacked"
    missing = [name for name in packages if not (stamps / name).exists()]
    if not missing:
        return root
    say(f"downloading {', '.join(missing)} from Debian {suite}")
    debs = _download(root.parent, machine, suite, missing)
    for deb in debs:
        _run(("dpkg", "-x", str(deb), str(root)), f"cannot unpack {deb.name}")
        deb.unlink()
    stamps.mkdir(parents=True, exist_ok=True)
    for name in missing:
        (stamps / name).touch()
    return root


def _download(folder: Path, machine: Machine, suite: str, packages: Iterable[str]) -> list[Path]:
    apt = folder / "apt"
    debs = folder / "debs"
    shutil.rmtree(debs, ignore_errors=True)
    for part in (apt / "lists" / "partial", apt / "cache" / "archives" / "partial", debs):
        part.mkdir(parents=True, exist_ok=True)
    line = f"deb [signed-by={_KEYRING}] {machine.mirror} {suite} main\n"
    (apt / "sources.list").write_text(line)
    apt_get = ("apt-get", *apt_options(apt), "-qq")
    no_network = f"cannot read Debian {suite} from {machine.mirror} (is there a network?)"
    _run((*apt_get, "-oAPT::Update::Error-Mode=any", "update"), no_network)
    _run((*apt_get, "download", *packages), no_network, cwd=debs)
    return sorted(debs.glob("*.deb"))


def install(packages: Iterable[str], say: Callable[[str], None]) -> None:
    """Install ``packages`` on the machine itself; for those that do not work unpacked."""
    names = tuple(packages)
    if not names:
        return
    say(f"installing {', '.join(names)}")
    what = f"cannot install {', '.join(names)}"
    _run(("apt-get", "-qq", "update"), what)
    _run(("apt-get", "-qq", "-y", "--no-install-recommends", "install", *names), what)


def _run(argv: tuple[str, ...], what: str, cwd: Path | None = None) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise EngineError(f"{what}: {lines[-1] if lines else f'exit status {done.returncode}'}")
