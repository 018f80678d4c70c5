"""A folder as it is sent: which entries, in which order, as what."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from cog_cli.builder.tree import Filter, follow_links, go_mode, unix_mode, walk


def make(root: Path, *paths: str) -> None:
    for path in paths:
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path)


def names(root: Path, wanted: Filter) -> list[str]:
    return [entry.path for entry in walk(root, wanted)]


def test_folders_come_before_their_content_and_names_in_byte_order(tmp_path: Path) -> None:
    make(tmp_path, "b/c", "a", "Z", "b-d", "é", "empty/")
    assert names(tmp_path, Filter()) == ["Z", "a", "b", "b/c", "b-d", "empty", "é"]


def test_what_is_excluded_stays_and_its_folder_comes_with_what_is_wanted_in_it(
    tmp_path: Path,
) -> None:
    make(tmp_path, "docs/a/README", "docs/a/x", "docs/b/y", "src/z")
    wanted = Filter(exclude=("docs", "!docs/a/README"))
    assert names(tmp_path, wanted) == ["docs", "docs/a", "docs/a/README", "src", "src/z"]


def test_an_exception_with_a_wildcard_is_found_at_any_depth(tmp_path: Path) -> None:
    make(tmp_path, "a/b/c/keep.txt", "a/b/other", "top")
    wanted = Filter(exclude=("*", "!**/keep.txt"))
    assert names(tmp_path, wanted) == ["a", "a/b", "a/b/c", "a/b/c/keep.txt"]


def test_only_followed_files_are_sent(tmp_path: Path) -> None:
    make(tmp_path, "cog.yaml", "x.py", "deep/y.py", "venv/lib/z.py")
    assert names(tmp_path, Filter(follow=("*.py", "none"))) == ["x.py"]
    assert names(tmp_path, Filter(follow=("deep/y.py",))) == ["deep", "deep/y.py"]
    assert names(tmp_path, Filter(follow=("none",))) == []
    assert len(names(tmp_path, Filter(follow=(".",)))) == 7


def test_folders_without_wanted_files_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "x.py", "huge/y")
    read: list[str] = []
    scandir = os.scandir

    def recording(path: str) -> object:
        read.append(Path(path).name)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", recording)
    assert names(tmp_path, Filter(follow=("*.py",))) == ["x.py"]
    assert names(tmp_path, Filter(exclude=("huge",))) == ["x.py"]
    assert "huge" not in read
    assert names(tmp_path, Filter(exclude=("huge", "!**/y")))
    assert "huge" in read


def test_links_are_followed_inside_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "real/file", "real/other", "outside")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "absolute").symlink_to("/real/other")
    (tmp_path / "up").symlink_to("../../outside")
    assert follow_links(tmp_path, ["link/file"]) == ["link", "real/file"]
    assert follow_links(tmp_path, ["absolute"]) == ["absolute", "real/other"]
    assert follow_links(tmp_path, ["u*"]) == ["outside", "u*"]
    assert names(tmp_path, Filter(follow=("link/file",))) == ["link", "real", "real/file"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert follow_links(tmp_path, ["a/x"]) == ["a", "b"]


def test_what_an_entry_is(tmp_path: Path) -> None:
    make(tmp_path, "file", "folder/")
    (tmp_path / "file").chmod(0o4750)
    os.utime(tmp_path / "file", ns=(1, 1_234_567_890_123_456_789))
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "same").hardlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    found = {entry.path: entry for entry in walk(tmp_path, Filter())}
    file = found["file"]
    assert (file.mode, file.size, file.is_file) == (1 << 23 | 0o750, 4, True)
    assert file.modified == 1_234_567_890_123_456_789
    assert found["folder"].mode & 1 << 31
    assert not found["folder"].is_file
    assert (found["link"].link, found["link"].is_file) == ("nowhere", False)
    assert (found["same"].link, found["same"].size, found["same"].is_file) == ("file", 0, False)
    assert not found["pipe"].is_file


def test_a_hard_link_whose_first_name_is_not_sent_is_a_file(tmp_path: Path) -> None:
    make(tmp_path, "a")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (found,) = walk(tmp_path, Filter(exclude=("a",)))
    assert (found.path, found.is_file) == ("b", True)


def test_sockets_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        assert names(tmp_path, Filter()) == []


@pytest.mark.parametrize("mode", [0o644, 0o4755, 0o2755, 0o1777])
def test_modes_survive_the_way_there_and_back(mode: int) -> None:
    assert unix_mode(go_mode(stat.S_IFREG | mode)) == mode
