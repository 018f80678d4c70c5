from __future__ import annotations

import asyncio
from pathlib import Path

from cog.server.scratch import Scratch


def take_back(scratch: Scratch, folder: Path) -> None:
    async def steps() -> None:
        scratch.take_back(folder)

    asyncio.run(steps())


def test_an_empty_folder_is_lent_again(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    one, two = scratch.lend(), scratch.lend()
    assert one != two
    assert one.stat().st_mode & 0o777 == 0o700
    take_back(scratch, one)
    assert scratch.lend() == one


def test_an_untouched_folder_is_lent_again_without_a_look(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    folder = scratch.lend()
    folder.chmod(0)
    scratch.take_back(folder, untouched=True)
    assert scratch.lend() == folder


def test_what_is_left_in_a_folder_is_removed(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    folder = scratch.lend()
    (folder / "sub").mkdir()
    (folder / "sub" / "file").touch()
    take_back(scratch, folder)
    assert not folder.exists()
    assert scratch.lend() != folder


def test_a_folder_that_user_code_removed_is_not_lent_again(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    early, late = scratch.lend(), scratch.lend()
    early.rmdir()
    take_back(scratch, early)
    take_back(scratch, late)
    late.rmdir()
    folder = scratch.lend()
    assert folder not in {early, late}
    assert folder.is_dir()
