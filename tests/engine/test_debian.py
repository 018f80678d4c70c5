from __future__ import annotations

from pathlib import Path

import pytest

from integration.engine.debian import (
    ENGINE_PACKAGES,
    Machine,
    apt_options,
    codename,
    mirror,
    this_machine,
)
from integration.engine.errors import EngineError
from integration.engine.layout import Suite

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://line.example/debian/ bookworm main contrib
"""


def test_the_release_name_of_debian() -> None:
    assert codename('ID=debian\nVERSION_CODENAME="bookworm"\n') == "bookworm"


@pytest.mark.parametrize("text", ["ID=ubuntu\nVERSION_CODENAME=noble\n", "ID=debian\n", ""])
def test_another_system_is_no_debian(text: str) -> None:
    assert codename(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [(DEB822, "http://mirror.example/debian"), (ONE_LINE, "http://line.example/debian/")],
    ids=["deb822", "one-line"],
)
def test_the_mirror_is_the_one_that_serves_the_release(text: str, expected: str) -> None:
    assert mirror([text], "bookworm") == expected


def test_a_disabled_source_is_no_mirror() -> None:
    assert mirror(["Enabled: no\n" + DEB822.split("\n\n", maxsplit=1)[0]], "bookworm") is None


def test_sources_for_another_release_are_no_mirror() -> None:
    assert mirror([DEB822, ONE_LINE], "trixie") is None


def etc(folder: Path, release: str, sources: str) -> Path:
    (folder / "apt" / "sources.list.d").mkdir(parents=True)
    (folder / "os-release").write_text(release)
    (folder / "apt" / "sources.list.d" / "debian.sources").write_text(sources)
    return folder


def test_a_machine_without_a_sources_list_file_is_read_from_the_folder(tmp_path: Path) -> None:
    folder = etc(tmp_path, "ID=debian\nVERSION_CODENAME=bookworm\n", DEB822)
    assert this_machine(folder) == Machine("bookworm", "http://mirror.example/debian")


def test_another_system_is_told_to_start_docker(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="only be started on Debian; start Docker"):
        this_machine(etc(tmp_path, "ID=fedora\n", DEB822))


def test_a_machine_without_a_mirror_is_told_where_to_add_one(tmp_path: Path) -> None:
    folder = etc(tmp_path, "ID=debian\nVERSION_CODENAME=trixie\n", DEB822)
    with pytest.raises(EngineError, match=r"no apt source .* serves trixie; add one to"):
        this_machine(folder)


def test_apt_keeps_its_state_in_the_cache_folder() -> None:
    options = apt_options(Path("/c/apt"))
    assert "-oDir::State::Lists=/c/apt/lists" in options
    assert "-oDir::Etc::SourceParts=/dev/null" in options


@pytest.mark.parametrize("suite", Suite)
def test_every_suite_has_a_daemon_a_client_and_an_init_but_no_runc(suite: Suite) -> None:
    packages = ENGINE_PACKAGES[suite]
    assert {"docker.io", "containerd"} < set(packages.engine)
    assert "runc" not in packages.engine  # newer suites' runc wants a newer libc
    assert packages.client_suite in set(Suite)
