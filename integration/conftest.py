"""One engine of each kind for the whole run, with this checkout's images in its registry."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from integration.engine import EngineInfo, ensure_engine
from integration.frontend_images import Images, push_images, run_docker
from integration.model import BuildResult, Model, build, running, wait_for_health

NEWEST = "sid"
OLDEST = "trixie"
SECOND_STORE = f"{NEWEST}-graphdriver"
# Engines of other kinds are made from Debian's packages; elsewhere the user's own has to do.
CAN_MAKE = os.geteuid() == 0 and Path("/etc/debian_version").exists()
KINDS = (f"{NEWEST}-containerd", SECOND_STORE) if CAN_MAKE else (f"{NEWEST}-containerd",)
OLD_KINDS = (f"{OLDEST}-containerd", f"{OLDEST}-graphdriver") if CAN_MAKE else ()
# One for the whole run: two workplaces may share an engine, and so its tags.
NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run be narrowed to some engines."""
    parser.addoption("--engine", action="append", help="only these kinds, such as sid-containerd")


class Workplace:
    """An engine, the images of this checkout, and a folder for projects."""

    def __init__(self, engine: EngineInfo, images: Images, folder: Path, kind: str) -> None:
        self.engine = engine
        self.images = images
        self.kind = kind
        self._folder = folder
        self._tags: list[str] = []

    def copy(self, source: Path) -> Path:
        """Return a copy of a project whose syntax line names this checkout's frontend."""
        files = {
            str(path.relative_to(source)): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file() and "expected" not in path.parts
        }
        return self.project(files)

    def project(self, files: Mapping[str, str | bytes]) -> Path:
        """Return a project of these files, with a syntax line in its cog.yaml."""
        folder = self._folder / f"project{len(list(self._folder.iterdir()))}"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        config = folder / "cog.yaml"
        text = config.read_text()
        if text.startswith("# syntax="):
            text = text.partition("\n")[2]
        config.write_text(f"# syntax={self.images.frontend}\n{text}")
        return folder

    def scratch(self, name: str) -> Path:
        """Return a new path beside the projects for a test's own files."""
        return self._folder.parent / f"{self._folder.name}-{next(NUMBERS)}-{name}"

    def build(self, project: Path, *options: str) -> tuple[str, BuildResult]:
        """Build a project; return the tag and how it ended."""
        tag = self.tag()
        return tag, build(self.engine, project, tag, options)

    def tag(self) -> str:
        """Return a new name for an image, which is removed at the end."""
        self._tags.append(f"cogkit-test-{os.getpid()}-{next(NUMBERS)}")
        return self.last_tag

    @property
    def last_tag(self) -> str:
        """The name that was given last."""
        return self._tags[-1]

    def image(self, project: Path, *options: str) -> str:
        """Build a project that must build; return its tag."""
        tag, result = self.build(project, *options)
        assert result.code == 0, result.output
        return tag

    @contextmanager
    def serve(self, tag: str, **env: str) -> Iterator[Model]:
        """Run an image until it is ready."""
        with running(self.engine, tag, env) as model:
            wait_for_health(model)
            yield model

    def files(self, tag: str, folder: str) -> set[str]:
        """Return the paths of the files below a folder of an image; not cogkit's own records."""
        with self._exported(tag) as image:
            names = (entry.name for entry in image if not entry.isdir())
            below = {
                name.removeprefix(f"{folder}/") for name in names if name.startswith(f"{folder}/")
            }
        return below - {".cog/openapi_schema.json", ".cog/pylock.toml"}

    def read(self, tag: str, path: str) -> bytes:
        """Return a file of an image."""
        with self._exported(tag) as image:
            found = image.extractfile(path)
            assert found is not None
            return found.read()

    def created(self, tag: str) -> str:
        """Return when an image says it was made."""
        return run_docker(self.engine, "image", "inspect", "--format", "{{.Created}}", tag)

    @contextmanager
    def _exported(self, tag: str) -> Iterator[tarfile.TarFile]:
        container = run_docker(self.engine, "create", tag, "none")
        saved = self.scratch(f"{container}.tar")
        try:
            run_docker(self.engine, "export", "--output", str(saved), container)
            with tarfile.open(saved) as image:
                yield image
        finally:
            run_docker(self.engine, "rm", container)
            saved.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove the images that were made."""
        for tag in self._tags:
            run_docker(self.engine, "image", "rm", "--force", tag)


@pytest.fixture(scope="session")
def images() -> Images:
    """The images of this checkout, built once on the newest engine and pushed."""
    return push_images(ensure_engine(NEWEST, "containerd"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per kind of engine its workplace stands for."""
    wanted = metafunc.config.getoption("--engine")
    for fixture, kinds in (("place", KINDS), ("old_place", OLD_KINDS)):
        if fixture in metafunc.fixturenames:
            chosen = [kind for kind in kinds if not wanted or kind in wanted]
            metafunc.parametrize(fixture, chosen, indirect=True, scope="session")


@pytest.fixture(scope="session")
def place(
    request: pytest.FixtureRequest, images: Images, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workplace]:
    """A workplace on the newest engine, on each image store."""
    yield from _workplace(request, images, tmp_path_factory)


@pytest.fixture(scope="session")
def old_place(
    request: pytest.FixtureRequest, images: Images, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workplace]:
    """A workplace on the oldest engine that is supported, for the core cases."""
    yield from _workplace(request, images, tmp_path_factory)


@pytest.fixture(scope="session")
def one_place(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A workplace on the newest engine, for what no image store has a part in."""
    yield from _make(f"{NEWEST}-containerd", images, tmp_path_factory)


def _workplace(
    request: pytest.FixtureRequest, images: Images, factory: pytest.TempPathFactory
) -> Iterator[Workplace]:
    yield from _make(request.param, images, factory)


def _make(kind: str, images: Images, factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    suite, _, store = kind.partition("-")
    workplace = Workplace(ensure_engine(suite, store), images, factory.mktemp(kind), kind)
    yield workplace
    workplace.clean()
