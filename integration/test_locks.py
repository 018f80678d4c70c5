"""Locks on the real thing: made, used, found stale; requirements of every form; private indexes."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import git_server
from integration.command import cog
from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.index import Index, gateway, sdist, serving, wheel
from integration.layers import Pushed, commands_run, push
from integration.model import image_config

LIGHT = wheel("light", "1.0", {"light.py": b"NAME = 'light'\n"})
NEWER = wheel("light", "2.0", {"light.py": b"NAME = 'newer'\n"})
SETUP = b"from setuptools import setup\nsetup(name='built', version='1.0', py_modules=['built'])\n"
BUILT = sdist("built", "1.0", {"setup.py": SETUP, "built.py": b"NAME = 'built'\n"})
OFFERED = dict(
    (
        LIGHT,
        wheel("extra", "1.0", {"extra.py": b"NAME = 'extra'\n"}),
        wheel("more", "1.0", {"more.py": b"NAME = 'more'\n"}, requires=["extra; extra == 'all'"]),
        BUILT,
    )
)
PREDICT = "def run() -> str:\n    return 'one'\n"
PASSWORD = "s3cr3t-of-the-index"


@pytest.fixture
def index(one_place: Workplace) -> Iterator[Index]:
    with serving(one_place.engine, OFFERED) as running:
        yield running


def files(*build: str, requirements: str = "light\n") -> dict[str, str | bytes]:
    lines = "".join(f"  {line}\n" for line in build)
    return {
        "cog.yaml": f"build:\n  python_version: '3.12'\n{lines}run: predict.py:run\n",
        "requirements.txt": requirements,
        "predict.py": PREDICT,
    }


def with_index(index: Index, **more: str) -> dict[str, str | bytes]:
    build = (f"python_index: ['{index.url}']", "python_requirements: requirements.txt")
    return files(*build, **more)


def printed(place: Workplace, tag: str, script: str) -> str:
    return run_docker(place.engine, "run", "--rm", "--entrypoint", "python", tag, "-c", script)


def lock(place: Workplace, project: Path, *options: str) -> None:
    """What a user types to write the lock file next to cog.yaml."""
    _, result = place.build(project, "--target", "lock", "--output", ".", *options)
    assert result.code == 0, result.output


def test_a_lock_is_written_and_used_and_found_stale(one_place: Workplace, index: Index) -> None:
    project = one_place.project(with_index(index))
    lock(one_place, project)
    document = tomllib.loads((project / "pylock.toml").read_text())
    assert [each["name"] for each in document["packages"]] == ["light"]
    assert set(document["tool"]["cogkit"]) == {"requirements", "python"}
    offered = dict([LIGHT, NEWER])
    with serving(one_place.engine, offered) as _:
        asked = len(index.asked)
        tag, result = one_place.build(project)
    assert result.code == 0, result.output
    assert {name.partition("]")[0] for name in commands_run(result.output)} <= {
        "[python",
        "[packages small",
    }
    assert [path for path in index.asked[asked:] if path.startswith("/simple/")] == []
    assert printed(one_place, tag, "import light; print(light.NAME)") == "light"
    (project / "requirements.txt").write_text("light\nextra\n")
    _, result = one_place.build(project)
    assert result.code == 1
    assert (
        "the lock file is stale: the requirements have changed since it was made"
        " (run `cog lock`)" in result.output
    )
    lock(one_place, project)
    assert one_place.build(project)[1].code == 0


def versions(project: Path) -> dict[str, str]:
    packages = tomllib.loads((project / "pylock.toml").read_text())["packages"]
    return {each["name"]: each["version"] for each in packages}


def test_a_new_lock_moves_what_it_is_told_to(one_place: Workplace) -> None:
    """With `cog lock` and with --target lock: each starts from what the one before wrote."""
    offered = dict((LIGHT, wheel("extra", "1.0", {"extra.py": b"NAME = 'extra'\n"})))
    with serving(one_place.engine, offered) as index:
        project = one_place.project(with_index(index, requirements="light\nextra\n"))

        def cog_lock(*words: str) -> dict[str, str]:
            done = cog(one_place, project, "lock", "--progress", "plain", *words)
            assert done.returncode == 0, done.stderr
            return versions(project)

        assert cog_lock() == {"light": "1.0", "extra": "1.0"}
        offered.update((NEWER, wheel("extra", "2.0", {"extra.py": b"NAME = 'newer'\n"})))
        (project / "requirements.txt").write_text("light\nextra\nsix==1.16.0\n")
        stale = cog(one_place, project, "build", "-t", one_place.tag())
        assert stale.returncode == 1
        assert "the requirements have changed since it was made (run `cog lock`)" in stale.stderr
        assert cog_lock() == {"light": "1.0", "extra": "1.0", "six": "1.16.0"}
        assert cog_lock("-P", "light") == {"light": "2.0", "extra": "1.0", "six": "1.16.0"}
        (project / "requirements.txt").write_text("light\nextra!=1.0\n")
        lock(one_place, project)
        assert versions(project) == {"light": "2.0", "extra": "2.0"}
        (project / "requirements.txt").write_text("light<2\nextra\n")
        assert cog_lock() == {"light": "1.0", "extra": "2.0"}
        (project / "requirements.txt").write_text("light\nextra\n")
        lock(one_place, project)
        assert versions(project) == {"light": "1.0", "extra": "2.0"}
        assert cog_lock("--upgrade") == {"light": "2.0", "extra": "2.0"}
        tag = one_place.image(project)
        assert printed(one_place, tag, "import light; print(light.NAME)") == "newer"


def test_one_lock_file_for_two_machines(one_place: Workplace, index: Index) -> None:
    project = one_place.project(with_index(index, requirements="charset-normalizer==3.4.1\n"))
    lock(one_place, project, "--platform", "linux/amd64,linux/arm64")
    (package,) = tomllib.loads((project / "pylock.toml").read_text())["packages"]
    names = " ".join(each["url"] for each in package["wheels"])
    assert "x86_64" in names
    assert one_place.build(project)[1].code == 0


UV_LOCK = """\
version = 1
requires-python = ">=3.12"

[[package]]
name = "project"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "light" }}]

[package.metadata]
requires-dist = [{{ name = "light", specifier = "==1.0" }}]

[[package]]
name = "light"
version = "1.0"
source = {{ registry = "{index}" }}
wheels = [{{ url = "{url}", hash = "sha256:{digest}", size = {size} }}]
"""
PYPROJECT = """\
[project]
name = "project"
version = "0.1.0"
requires-python = ">=3.12"
dependencies = ["light{version}"]

[[tool.uv.index]]
url = "{index}"
"""


def test_the_lock_of_uv(one_place: Workplace, index: Index) -> None:
    name, data = LIGHT
    text = UV_LOCK.format(
        index=index.url.rstrip("/"),
        url=index.url.replace("/simple/", f"/files/{name}"),
        digest=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )
    project = one_place.project(
        {
            **files("lock: uv.lock"),
            "uv.lock": text,
            "pyproject.toml": PYPROJECT.format(version="==1.0", index=index.url.rstrip("/")),
        }
    )
    tag = one_place.image(project)
    assert printed(one_place, tag, "import light; print(light.NAME)") == "light"
    stale = PYPROJECT.format(version="==1.0,<3", index=index.url.rstrip("/"))
    (project / "pyproject.toml").write_text(stale)
    _, result = one_place.build(project)
    assert result.code == 1
    assert "uv.lock` needs to be updated" in result.output.replace("\n", " ")


def test_every_form_of_requirement(one_place: Workplace, index: Index, tmp_path: Path) -> None:
    local = wheel("local", "1.0", {"local.py": b"NAME = 'local'\n"})
    archive = sdist(
        "packed",
        "1.0",
        {
            "setup.py": SETUP.replace(b"built", b"packed"),
            "packed.py": b"NAME = 'packed'\n",
        },
    )
    digest = hashlib.sha256(LIGHT[1]).hexdigest()
    with serving(one_place.engine, repository(tmp_path)) as git:
        address = git.url.removesuffix("simple/") + "files/code.git"
        requirements = f"""\
--extra-index-url {index.url}
-r deps/more.txt
-c limits.txt
light==1.0 \\
    --hash=sha256:{digest}
more[all]
colorama ; sys_platform == "win32"
./{local[0]}
./deps/{archive[0]}
built
code @ git+{address}
"""
        project = one_place.project(
            {
                **files("python_requirements: requirements.txt"),
                "requirements.txt": requirements,
                "deps/more.txt": "six\n",
                "limits.txt": "six==1.16.0\n",
                local[0]: local[1],
                f"deps/{archive[0]}": archive[1],
            }
        )
        tag = one_place.image(project)
        script = """
import built, code_of_git, extra, importlib.util, light, local, more, packed, six
names = [each.NAME for each in (built, code_of_git, extra, light, local, more, packed)]
print(*names, six.__version__, importlib.util.find_spec("colorama"))
"""
        assert printed(one_place, tag, script) == (
            "built git extra light local more packed 1.16.0 None"
        )
        assert "No broken" in run_docker(
            one_place.engine, "run", "--rm", "--entrypoint", "python", tag, "-m", "pip", "check"
        )
        wrong = requirements.replace(digest, "0" * 64)
        (project / "requirements.txt").write_text(wrong)
        _, result = one_place.build(project)
        assert "no file of light has a hash that the requirements allow" in result.output


def test_a_package_from_a_private_repository(one_place: Workplace) -> None:
    """Locked to a commit, fetched with credentials that nothing keeps, by a git no image has."""
    code = one_place.scratch("repositories") / "code"
    code.mkdir(parents=True)
    (code / "setup.py").write_bytes(SETUP.replace(b"built", b"ours"))
    (code / "ours.py").write_text("NAME = 'first'\n")
    first = git_server.commit(code, "one")
    host = gateway(one_place.engine)
    with git_server.serving(code.parent, host=host, credentials=("me", PASSWORD)) as url:
        project = one_place.project(
            files(
                "python_requirements: requirements.txt",
                requirements=f"ours @ git+{url}/code/.git@main\n",
            )
        )
        file = one_place.scratch("netrc")
        file.write_text(f"machine {host} login me password {PASSWORD}\n")
        secret = ("--secret", f"id=netrc,src={file}")

        def commit_of_lock(*words: str) -> str:
            done = cog(one_place, project, "lock", "--progress", "plain", *secret, *words)
            assert done.returncode == 0, done.stderr
            assert PASSWORD not in done.stderr
            (package,) = tomllib.loads((project / "pylock.toml").read_text())["packages"]
            found: str = package["vcs"]["commit-id"]
            return found

        refused = cog(one_place, project, "lock", "--progress", "plain")
        assert refused.returncode == 1
        assert "could not read Username" in refused.stderr
        assert commit_of_lock() == first
        (code / "ours.py").write_text("NAME = 'second'\n")
        second = git_server.commit(code, "two")
        tag = one_place.image(project, *secret)
        script = "import ours, shutil; print(ours.NAME, shutil.which('git'))"
        assert printed(one_place, tag, script) == "first None"
        freeze = image_config(one_place.engine, tag)["Labels"]["run.cog.pip_freeze"]
        assert freeze == f"ours @ git+{url}/code/.git@{first}"
        image = push(one_place.engine, tag, "cogkit-test/repository")
        assert not [1 for each in everything_in(image) if PASSWORD.encode() in each]
        assert commit_of_lock() == first
        assert commit_of_lock("--upgrade-package", "ours") == second


def repository(folder: Path) -> dict[str, bytes]:
    """The files of a git repository with a package, as a plain web server offers them."""
    work, bare = folder / "work", folder / "code.git"
    work.mkdir()
    (work / "setup.py").write_bytes(
        SETUP.replace(b"'built'", b"'code'").replace(b"['code']", b"['code_of_git']")
    )
    (work / "code_of_git.py").write_text("NAME = 'git'\n")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (
        ("init", "--quiet", "--initial-branch=main", "."),
        ("add", "."),
        (*who, "commit", "--quiet", "-m", "one"),
        ("clone", "--quiet", "--bare", ".", str(bare)),
    ):
        subprocess.run(["git", *command], cwd=work, check=True)
    subprocess.run(["git", "update-server-info"], cwd=bare, check=True)
    return {
        f"code.git/{path.relative_to(bare)}": path.read_bytes()
        for path in bare.rglob("*")
        if path.is_file()
    }


def everything_in(image: Pushed) -> Iterator[bytes]:
    """All bytes of an image that its build made, unpacked."""
    yield image.blob(image.config[0])
    for digest, size in image.layers:
        if size < 2_000_000:  # the base's layers are larger, and none of the build's own is
            yield gzip.decompress(image.blob(digest))


@pytest.mark.parametrize("kind", ["user", "token", "netrc"])
def test_a_private_index_needs_its_secret_and_leaks_it_nowhere(
    one_place: Workplace, kind: str
) -> None:
    user = "__token__" if kind == "token" else "me"
    with serving(one_place.engine, OFFERED, credentials=(user, PASSWORD)) as private:
        secret = {
            "user": f"me:{PASSWORD}",
            "token": PASSWORD,
            "netrc": f"machine {private.host} login me password {PASSWORD}\n",
        }[kind]
        name = "netrc" if kind == "netrc" else "packages"
        build = ["python_requirements: requirements.txt"]
        if kind != "netrc":
            build.append(f"python_index: [{{url: '{private.url}', secret: packages}}]")
        requirements = f"--extra-index-url {private.url}\nlight\nbuilt\n"
        project = one_place.project(
            files(*build, requirements=requirements if kind == "netrc" else "light\nbuilt\n")
        )
        file = one_place.scratch(f"secret-{kind}")
        file.write_text(secret)
        tag, result = one_place.build(project, "--secret", f"id={name},src={file}")
        assert result.code == 0, result.output
        assert printed(one_place, tag, "import light; print(light.NAME)") == "light"
        image = push(one_place.engine, tag, "cogkit-test/private")
        assert PASSWORD not in result.output
        assert not [1 for each in everything_in(image) if PASSWORD.encode() in each]
        # The secret is in no cache key: another value builds nothing again.
        file.write_text("something else")
        _, again = one_place.build(project, "--secret", f"id={name},src={file}")
        assert commands_run(again.output) == set()
        (project / "requirements.txt").write_text(
            f"{requirements}extra\n" if kind == "netrc" else "extra\n"
        )
        _, refused = one_place.build(project, "--secret", f"id={name},src={file}")
        assert refused.code == 1
        assert "401 Unauthorized" in refused.output
        if kind != "netrc":
            _, missing = one_place.build(project)
            assert "packages: not found" in missing.output
