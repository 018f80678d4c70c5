"""Where the config and the project may be: every way that buildx knows, on the real engine."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from integration.conftest import Workplace
from integration.git_server import commit, git, serving
from integration.model import BuildResult

# Nothing is installed: these tests are about where files come from.
CONFIG = "build:\n  python_version: '3.12'\n"
FILES = {
    "cog.yaml": CONFIG,
    "kept.txt": "kept\n",
    "left.bin": "left\n",
    ".dockerignore": "*.bin\n",
    ".cog/state": "x",
}


def buildx(
    place: Workplace, folder: Path, tag: str, *options: str, stdin: bytes = b""
) -> BuildResult:
    """Run ``docker buildx build`` as a user would, with any context."""
    done = subprocess.run(
        ["docker", "buildx", "build", "--progress=plain", "-t", tag, *options],
        cwd=folder,
        env=dict(place.engine.env),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return BuildResult(done.returncode, done.stdout.decode())


def source(place: Workplace, folder: Path, *options: str, stdin: bytes = b"") -> set[str]:
    """Build, and return the files of the image's /src."""
    tag = place.tag()
    result = buildx(place, folder, tag, *options, stdin=stdin)
    assert result.code == 0, result.output
    return place.files(tag, "src")


KEPT = {"cog.yaml", "kept.txt", ".dockerignore"}


def test_a_config_with_another_name_in_another_folder(place: Workplace) -> None:
    project = place.project({**FILES, "models/a/model.yml": CONFIG, "models/b.txt": "b"})
    text = (project / "cog.yaml").read_text()
    (project / "models/a/model.yml").write_text(text + "# mine\n")
    found = source(place, project, "-f", "models/a/model.yml", ".")
    assert found == KEPT | {"models/a/model.yml", "models/b.txt"}


def test_a_config_outside_the_project(place: Workplace) -> None:
    project = place.project(FILES)
    apart = place.scratch("apart.yaml")
    apart.write_text((project / "cog.yaml").read_text())
    (project / "cog.yaml").unlink()
    assert source(place, project, "-f", str(apart), ".") == KEPT
    Path(f"{apart}.dockerignore").write_text("kept.txt\n")
    found = source(place, project, "-f", str(apart), ".")
    assert found == {"cog.yaml", "left.bin", ".dockerignore"}


def test_a_config_on_stdin(place: Workplace) -> None:
    project = place.project(FILES)
    text = (project / "cog.yaml").read_bytes()
    (project / "cog.yaml").unlink()
    assert source(place, project, "-f", "-", ".", stdin=text) == KEPT


def test_an_error_in_a_config_on_stdin_shows_its_line(one_place: Workplace) -> None:
    project = one_place.project({"cog.yaml": "build:\n  gpus: true\n"})
    text = (project / "cog.yaml").read_bytes()
    result = buildx(one_place, project, one_place.tag(), "-f", "-", ".", stdin=text)
    assert result.code
    assert ">>>   gpus: true" in result.output
    assert "did you mean 'gpu'?" in result.output


def test_a_project_in_an_archive_on_stdin(place: Workplace) -> None:
    project = place.project(FILES)
    packed = archive(project, place.scratch("context.tar.gz")).read_bytes()
    assert source(place, project, "-f", "cog.yaml", "-", stdin=packed) == KEPT


def archive(project: Path, into: Path) -> Path:
    with tarfile.open(into, "w:gz") as packed:
        packed.add(project, ".")
    return into


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """Serve a folder until the block ends."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_project_in_an_archive_of_the_web(place: Workplace) -> None:
    project = place.project(FILES)
    folder = place.scratch("web")
    folder.mkdir(exist_ok=True)
    archive(project, folder / "project.tar.gz")
    with web(folder) as url:
        found = source(place, folder, "-f", "cog.yaml", f"{url}/project.tar.gz")
    assert found == KEPT


def test_a_project_in_a_repository(place: Workplace) -> None:
    project = place.project({f"models/a/{name}": text for name, text in FILES.items()} | FILES)
    (project / "models/a/cog.yaml").write_text((project / "cog.yaml").read_text() + "# v1\n")
    first = commit(project, "first")
    git(project, "tag", "v1")
    (project / "models/a/kept.txt").write_text("changed\n")
    commit(project, "second")
    with serving(project.parent) as url:
        repository = f"{url}/{project.name}/.git"
        ways = ("#v1:models/a", "?ref=v1&subdir=models/a", f"#{first}:models/a")
        for way in ways:
            tag = place.tag()
            result = buildx(place, project, tag, "-f", "cog.yaml", repository + way)
            assert result.code == 0, result.output
            assert place.files(tag, "src") == KEPT, way
            assert place.read(tag, "src/kept.txt") == b"kept\n"
        tag = place.tag()
        result = buildx(place, project, tag, "-f", "cog.yaml", f"{repository}#main:models/a")
        assert result.code == 0, result.output
        assert place.read(tag, "src/kept.txt") == b"changed\n"
        _check_local_config(place, project, f"{repository}#main:models/a")
        _check_git_dir(place, project, f"{repository}#main")
        unknown = buildx(place, project, tag, "-f", "cog.yaml", f"{repository}?branhc=x")
        assert unknown.code


def _check_local_config(place: Workplace, project: Path, url: str) -> None:
    """A config of the client's wins over that of the repository."""
    text = (project / "cog.yaml").read_bytes() + b"# mine\n"
    tag = place.tag()
    result = buildx(place, project, tag, "-f", "-", url, stdin=text)
    assert result.code == 0, result.output
    assert place.read(tag, "src/cog.yaml") == text


def _check_git_dir(place: Workplace, project: Path, url: str) -> None:
    keep = ("--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1")
    assert ".git/HEAD" in source(place, project, *keep, "-f", "cog.yaml", url)
    assert ".git/HEAD" not in source(place, project, "-f", "cog.yaml", url)


def test_build_arguments_without_effect_are_warned_about(one_place: Workplace) -> None:
    project = one_place.project(FILES)
    _, result = one_place.build(project, "--build-arg", "COGKIT_TOOLBOKS=x")
    assert result.code == 0, result.output
    assert "build argument COGKIT_TOOLBOKS has no effect (did you mean" in result.output


def test_a_wrong_value_names_the_option(one_place: Workplace) -> None:
    project = one_place.project(FILES)
    _, result = one_place.build(project, "--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=si")
    assert result.code
    expected = "option build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR=si must be true or false"
    assert expected in result.output


def test_limits_and_hosts_reach_commands(place: Workplace) -> None:
    commands = "[cat /etc/hosts, 'ulimit -n', 'df -k /dev/shm', hostname]"
    project = place.project({"cog.yaml": f"{CONFIG}  run: {commands}\n"})
    _, result = place.build(
        project,
        *("--add-host", "db:10.0.0.1", "--ulimit", "nofile=123:456", "--shm-size", "3m"),
        *("--build-arg", "BUILDKIT_SANDBOX_HOSTNAME=maker", "--no-cache-filter", "RUN"),
    )
    assert result.code == 0, result.output
    for expected in ("10.0.0.1\tdb", " 123\n", " 3072 ", " maker\n"):
        assert expected in result.output


def test_the_epoch_is_the_time_of_the_image(place: Workplace) -> None:
    project = place.project(FILES)
    tag = place.image(project, "--build-arg", "SOURCE_DATE_EPOCH=86400")
    created = place.created(tag)
    # Docker's graphdriver exporter knows no epoch.
    assert created.startswith("1970-01-02T00:00:00") == place.kind.endswith("containerd")
