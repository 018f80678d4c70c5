"""Stand-ins for ``debian`` and ``python`` base images where none can be pulled.

They are made from the machine's own Debian mirror and interpreters and pushed to the local
registry, which the daemon asks first. Each carries a label that says what it is. The machine's
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

# The shared libraries that a CPython with all its extension modules is linked against.
_LIBRARIES = {
    "bookworm": "libssl3 libreadline8 libgdbm6 libdb5.3 libtirpc3 libnsl2",
    "trixie": "libssl3t64 libreadline8t64 libgdbm6t64 libdb5.3t64 libtirpc3t64 libnsl2",
}
_ALWAYS = (
    "ca-certificates,netbase,tzdata,libffi8,zlib1g,libsqlite3-0,libbz2-1.0,liblzma5,"
    "libncursesw6,libexpat1,libuuid1"
)


def debian_tags(codename: str) -> tuple[str, ...]:
    """Return the tags of the Debian stand-in, the first one being the one it is built as."""
    return (f"{codename}-slim", codename)


def python_tags(version: str, codename: str) -> tuple[str, ...]:
    """Return the tags under which a Python of ``version`` (X.Y.Z) is pushed."""
    names = (version.rpartition(".")[0], version)
    return tuple(
        f"{name}{variant}"
        for name in names
        for variant in ("-slim", f"-slim-{codename}", "", f"-{codename}")
    )


def debootstrap_packages(codename: str) -> str:
    """Return debootstrap's ``--include``; EngineError for a release we have no list for."""
    if codename not in _LIBRARIES:
        raise EngineError(f"no stand-in base images for Debian {codename}: only {_known()}")
    return ",".join((_ALWAYS, *_LIBRARIES[codename].split()))


def _known() -> str:
    return " and ".join(_LIBRARIES)


def image_environment() -> dict[str, str]:
    """Return the environment of every stand-in: that of the python images, and the CA bundle."""
    return {"PATH": _PATH, "LANG": "C.UTF-8"} | dict.fromkeys(_CA_VARIABLES, _CA)


def dockerfile(base: str, version: str | None) -> str:
    """Return the Dockerfile of a python stand-in on ``base``.

    ``version`` (X.Y.Z): an interpreter lies in the context's folder ``python``. None: Debian's
    own python3 is installed and answers to ``python``.
    """
    lines = [f"FROM {base}"]
    if version is None:
        packages = "python3 python3-pip python3-venv"
        lines.append(
            f"RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends {packages}"
            " && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED"
            " && ln -s /usr/bin/python3 /usr/local/bin/python"
            " && ln -s /usr/bin/python3 /usr/local/bin/python3"
        )
    else:
        minor = version.rpartition(".")[0]
        lines += [
            f"ENV PYTHON_VERSION={version}",
            "COPY python /usr/local",
            f"RUN cd /usr/local/bin && ln -s python{minor} python3 && ln -s python3 python"
            " && ldconfig && python -m ensurepip --default-pip >/dev/null"
            " && find /usr/local -name __pycache__ -type d -prune -exec rm -rf {} +"
            " && python -B -c 'import bz2, ctypes, lzma, sqlite3, ssl, zlib'",
        ]
    return "\n".join([*lines, 'CMD ["python3"]', ""])


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
        name = self.machine.codename
        if not set(debian_tags(name)) <= registry.tags(self.address, "library/debian"):
            self._push_debian()
        have = registry.tags(self.address, "library/python")
        for interpreter in found:
            if not set(python_tags(interpreter.version, name)) <= have:
                self._push_python(interpreter)

    def ensure_debian_python(self) -> None:
        """Push Debian's own python3 as the only python; for a machine without others."""
        if registry.tags(self.address, "library/python"):
            return
        with tempfile.TemporaryDirectory() as context:
            self._build_python(Path(context), None, f"{self.address}/library/python:debian")
        version = self.docker.run(
            *("run", "--rm", f"{self.address}/library/python:debian"),
            *("python3", "-c", "import platform; print(platform.python_version())"),
        )
        for tag in python_tags(version, self.machine.codename):
            self._tag_and_push("library/python:debian", f"library/python:{tag}")

    def _push_debian(self) -> None:
        self.say(f"making a stand-in for debian:{self.machine.codename}-slim")
        tarball = self._debian_tarball()
        first, *others = debian_tags(self.machine.codename)
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

    def _push_python(self, interpreter: Interpreter) -> None:
        self.say(f"making a stand-in for python:{interpreter.minor}-slim")
        tags = python_tags(interpreter.version, self.machine.codename)
        references = [f"{self.address}/library/python:{tag}" for tag in tags]
        with tempfile.TemporaryDirectory() as context:
            interpreters.copy(interpreter, Path(context) / "python")
            self._build_python(Path(context), interpreter.version, *references)

    def _build_python(self, context: Path, version: str | None, *references: str) -> None:
        base = f"{self.address}/library/debian:{debian_tags(self.machine.codename)[0]}"
        (context / "Dockerfile").write_text(dockerfile(base, version))
        self.docker.run(
            *("buildx", "build", "--quiet", "--provenance=false", "--push"),
            *("--label", f"{LABEL}={references[0].rpartition('/')[2]}"),
            *(word for reference in references for word in ("--tag", reference)),
            str(context),
        )

    def _debian_tarball(self) -> Path:
        tarball = self.folder / f"{self.machine.codename}.tar"
        if not tarball.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            # Device nodes and other users' files need a file system that allows them: not /tmp.
            tree = self.folder / "tree"
            shutil.rmtree(tree, ignore_errors=True)
            self._debootstrap(tree)
            part = tarball.with_suffix(".part")
            _run(("tar", "-C", str(tree), "-cf", str(part), "."), self.env)
            part.rename(tarball)
            shutil.rmtree(tree)
        return tarball

    def _debootstrap(self, tree: Path) -> None:
        root = self.debootstrap
        include = debootstrap_packages(self.machine.codename)
        env = {**self.env, "DEBOOTSTRAP_DIR": str(root / "usr/share/debootstrap")}
        _run(
            (
                *(str(root / "usr/sbin/debootstrap"), "--variant=minbase", f"--include={include}"),
                *(self.machine.codename, str(tree), self.machine.mirror),
            ),
            env,
        )
        bundle = Path(self.env.get("SSL_CERT_FILE") or _CA)
        if bundle.is_file():
            shutil.copyfile(bundle, tree / _CA.lstrip("/"))
        for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "var/log"):
            for path in sorted((tree / folder).rglob("*"), reverse=True):
                if path.is_file():
                    path.unlink()


def _run(argv: tuple[str, ...], env: Mapping[str, str]) -> None:
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise EngineError(f"{Path(argv[0]).name} failed: {lines[-1] if lines else 'no message'}")
