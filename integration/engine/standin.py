"""Stand-ins for ``debian`` and ``python`` base images where none can be pulled.

They are made from the machine's own Debian mirror and interpreters and pushed to the local
registry, which the daemon asks first. A Python that the machine lacks comes from the Debian
suite that packages it. Each image carries a label that says what it is. The machine's
certificates are baked in, since where nothing can be pulled TLS is often intercepted too.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from integration.engine import interpreters, registry
from integration.engine.client import Docker
from integration.engine.debian import Machine
from integration.engine.errors import EngineError
from integration.engine.interpreters import Interpreter

LABEL = "cogkit.stand-in"
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_CA = "/etc/ssl/certs/ca-certificates.crt"
_CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# The shared libraries that a CPython with all its extension modules is linked against, by the
# Debian release that it was compiled on.
_LIBRARIES = {
    "bookworm": "libssl3 libreadline8 libgdbm6 libdb5.3 libtirpc3 libnsl2",
    "trixie": "libssl3t64 libreadline8t64 libgdbm6t64 libdb5.3t64 libtirpc3t64 libnsl2",
}
_COMMON_LIBRARIES = (
    "libffi8 zlib1g libsqlite3-0 libbz2-1.0 liblzma5 libncursesw6 libexpat1 libuuid1"
)
_ALWAYS = "ca-certificates netbase tzdata"

# A mirror may be a snapshot whose Release file says that it has expired. Whether that is refused
# is decided by whoever set this machine's apt up (apt.conf(5)); the stand-ins decide alike.
_APT_DATE_CHECKS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")

# The Debian suite that packages a Python, where one does (packages.debian.org, python3.N).
PYTHON_SUITES = {"3.11": "bookworm", "3.13": "trixie", "3.14": "sid"}


def debian_tags(codename: str) -> tuple[str, ...]:
    """Return the tags of the Debian stand-in, the first one being the one it is built as."""
    return (f"{codename}-slim", codename)


def python_tags(version: str, codename: str) -> tuple[str, ...]:
    """Return the tags of a Python on Debian ``codename``, the one that names it first.

    ``version`` is X.Y.Z, or X.Y for the tags that do not depend on the patch release. The
    ``python`` images name the release below them; none is made on sid.
    """
    minor = ".".join(version.split(".")[:2])
    below = (f"-slim-{codename}", f"-{codename}") if codename in _LIBRARIES else ()
    return tuple(
        f"{name}{variant}"
        for name in dict.fromkeys((minor, version))
        for variant in ("-slim", "", *below)
    )


def packaged_pythons(found: Iterable[Interpreter]) -> dict[str, str]:
    """Return the Pythons (X.Y) that Debian must bring beside ``found``, each with its suite."""
    known = {interpreter.minor for interpreter in found}
    return {minor: suite for minor, suite in PYTHON_SUITES.items() if minor not in known}


def wanted_tags(found: Iterable[Interpreter], codename: str) -> frozenset[str]:
    """Return every tag of ``library/python`` that can be named before the images are made."""
    found = tuple(found)
    tags = [python_tags(interpreter.version, codename) for interpreter in found]
    tags += [python_tags(minor, suite) for minor, suite in packaged_pythons(found).items()]
    return frozenset(tag for group in tags for tag in group)


def debootstrap_packages(suite: str, *, copied: bool) -> str:
    """Return debootstrap's ``--include``.

    ``copied``: interpreters of this machine, which runs ``suite``, shall work in the tree;
    EngineError when we have no list of the libraries they need.
    """
    if not copied:
        return ",".join(_ALWAYS.split())
    if suite not in _LIBRARIES:
        raise EngineError(f"no stand-in base images for Debian {suite}: only {_known()}")
    return ",".join(f"{_ALWAYS} {_COMMON_LIBRARIES} {_LIBRARIES[suite]}".split())


def _known() -> str:
    return " and ".join(_LIBRARIES)


def image_environment() -> dict[str, str]:
    """Return the environment of every stand-in: that of the python images, and the CA bundle."""
    return {"PATH": _PATH, "LANG": "C.UTF-8"} | dict.fromkeys(_CA_VARIABLES, _CA)


def copied_python(base: str, version: str) -> str:
    """Return the Dockerfile of an interpreter (X.Y.Z) from the context's folder ``python``."""
    minor = version.rpartition(".")[0]
    return _lines(
        f"FROM {base}",
        f"ENV PYTHON_VERSION={version}",
        "COPY python /usr/local",
        f"RUN cd /usr/local/bin && ln -s python{minor} python3 && ln -s python3 python"
        " && ldconfig && python -m ensurepip --default-pip >/dev/null"
        " && find /usr/local -name __pycache__ -type d -prune -exec rm -rf {} +"
        " && python -B -c 'import bz2, ctypes, lzma, sqlite3, ssl, zlib'",
        'CMD ["python3"]',
    )


def packaged_python(base: str, minor: str) -> str:
    """Return the Dockerfile of Debian's own Python ``minor`` (X.Y), free to install into."""
    packages = f"python{minor} python{minor}-venv python3-pip"
    return _lines(
        f"FROM {base}",
        f"RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends {packages}"
        " && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED"
        f" && ln -s /usr/bin/python{minor} /usr/local/bin/python3"
        " && ln -s python3 /usr/local/bin/python",
        'CMD ["python3"]',
    )


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """Makes what is missing in the registry at ``address``, through one daemon.

    ``debootstrap`` is the root of the unpacked package, ``folder`` keeps the Debian tree.
    """

    docker: Docker
    address: str
    machine: Machine
    debootstrap: Path
    folder: Path
    env: Mapping[str, str]
    say: Callable[[str], None]

    def ensure(self, found: Iterable[Interpreter]) -> None:
        """Push every stand-in that the registry lacks."""
        found = tuple(found)
        self._ensure_debian(self.machine.codename)
        have = registry.tags(self.address, "library/python")
        for interpreter in found:
            if not set(python_tags(interpreter.version, self.machine.codename)) <= have:
                self._push_copied(interpreter)
        for minor, suite in packaged_pythons(found).items():
            if not set(python_tags(minor, suite)) <= have:
                self._ensure_debian(suite)
                self._push_packaged(minor, suite)

    def _ensure_debian(self, suite: str) -> None:
        if set(debian_tags(suite)) <= registry.tags(self.address, "library/debian"):
            return
        self.say(f"making a stand-in for debian:{suite}-slim")
        tarball = self._debian_tarball(suite)
        first, *others = debian_tags(suite)
        reference = f"{self.address}/library/debian:{first}"
        changes = [f"ENV {name}={value}" for name, value in image_environment().items()]
        changes.append(f"LABEL {LABEL}=debian:{first}")
        arguments = [word for change in changes for word in ("--change", change)]
        self.docker.run("import", *arguments, str(tarball), reference)
        self.docker.run("push", "--quiet", reference)
        for tag in others:
            self._tag_and_push(f"library/debian:{first}", f"library/debian:{tag}")

    def _tag_and_push(self, known: str, new: str) -> None:
        self.docker.run("tag", f"{self.address}/{known}", f"{self.address}/{new}")
        self.docker.run("push", "--quiet", f"{self.address}/{new}")

    def _push_copied(self, interpreter: Interpreter) -> None:
        self.say(f"making a stand-in for python:{interpreter.minor}-slim")
        text = copied_python(self._debian(self.machine.codename), interpreter.version)
        with tempfile.TemporaryDirectory() as context:
            interpreters.copy(interpreter, Path(context) / "python")
            tags = python_tags(interpreter.version, self.machine.codename)
            self._build(Path(context), text, tags)

    def _push_packaged(self, minor: str, suite: str) -> None:
        self.say(f"making a stand-in for python:{minor}-slim from Debian {suite}")
        unnumbered = f"{minor}-of-{suite}"
        image = f"{self.address}/library/python:{unnumbered}"
        with tempfile.TemporaryDirectory() as context:
            text = packaged_python(self._debian(suite), minor)
            self._build(Path(context), text, (unnumbered,))
            # Only the installed package tells the patch release.
            ask = "import platform; print(platform.python_version())"
            version = self.docker.run("run", "--rm", "--pull=always", image, "python", "-c", ask)
            text = _lines(f"FROM {image}", f"ENV PYTHON_VERSION={version}")
            self._build(Path(context), text, python_tags(version, suite))

    def _debian(self, suite: str) -> str:
        return f"{self.address}/library/debian:{debian_tags(suite)[0]}"

    def _build(self, context: Path, text: str, tags: tuple[str, ...]) -> None:
        (context / "Dockerfile").write_text(text)
        references = [f"{self.address}/library/python:{tag}" for tag in tags]
        self.docker.run(
            *("buildx", "build", "--quiet", "--provenance=false", "--push"),
            *("--label", f"{LABEL}=python:{tags[0]}"),
            *(word for reference in references for word in ("--tag", reference)),
            str(context),
        )

    def _debian_tarball(self, suite: str) -> Path:
        tarball = self.folder / f"{suite}.tar"
        if not tarball.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            # Device nodes and other users' files need a file system that allows them: not /tmp.
            tree = self.folder / "tree"
            shutil.rmtree(tree, ignore_errors=True)
            self._debootstrap(suite, tree)
            part = tarball.with_suffix(".part")
            _run(("tar", "-C", str(tree), "-cf", str(part), "."), self.env)
            part.rename(tarball)
            shutil.rmtree(tree)
        return tarball

    def _debootstrap(self, suite: str, tree: Path) -> None:
        root = self.debootstrap
        include = debootstrap_packages(suite, copied=suite == self.machine.codename)
        env = {**self.env, "DEBOOTSTRAP_DIR": str(root / "usr/share/debootstrap")}
        _run(
            (
                *(str(root / "usr/sbin/debootstrap"), "--variant=minbase", f"--include={include}"),
                *(suite, str(tree), self.machine.mirror),
            ),
            env,
        )
        checks = _run(("apt-config", "dump", "--no-empty", *_APT_DATE_CHECKS), self.env)
        (tree / "etc/apt/apt.conf.d/80machine").write_text(checks)
        bundle = Path(self.env.get("SSL_CERT_FILE") or _CA)
        if bundle.is_file():
            shutil.copyfile(bundle, tree / _CA.lstrip("/"))
        for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "var/log"):
            for path in sorted((tree / folder).rglob("*"), reverse=True):
                if path.is_file():
                    path.unlink()


def _run(argv: tuple[str, ...], env: Mapping[str, str]) -> str:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise EngineError(f"{Path(argv[0]).name} failed: {lines[-1] if lines else 'no message'}")
    return done.stdout
