from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from cog import wire
from cog.server import upload
from cog.server.fetch import Fetcher
from cog.server.files import OutputFileError
from cog.server.guard import Guard, parse_allowed
from cog.server.outputs import SendFile
from tests.fakes.far_side import FarSide, answer

Steps = Callable[[FarSide, SendFile], Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "_FIRST_DELAY", 0.001)


def uploading(steps: Steps, *answers: bytes, path: str = "/up/") -> FarSide:
    far = FarSide(*answers)

    async def main() -> None:
        fetcher = Fetcher(Guard(allowed=parse_allowed("127.0.0.1/32")), "cog-test")
        async with far.listening():
            send = upload.upload_to(fetcher, f"http://me:pass@127.0.0.1:{far.port}{path}")()
            await asyncio.wait_for(steps(far, send), 20)
        await fetcher.aclose()

    asyncio.run(main())
    return far


def make(folder: Path, name: str, content: bytes = b"x") -> dict[str, str]:
    path = folder / str(len(list(folder.iterdir()))) / name
    path.parent.mkdir()
    path.write_bytes(content)
    return wire.file_value(str(path), name=name)


def test_a_file_is_put_under_its_name_and_its_url_has_no_secrets(tmp_path: Path) -> None:
    async def steps(far: FarSide, send: SendFile) -> None:
        url = await send(make(tmp_path, "a b.png", b"png"), tmp_path)
        assert url == f"http://127.0.0.1:{far.port}/up/a%20b.png"

    got = uploading(steps).got[0]
    assert (got.method, got.target, got.body) == ("PUT", "/up/a%20b.png", b"png")
    assert got.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://cdn.example/a.png?sig=1", "https://cdn.example/a.png"),
        ("/made/1?x#y", "http://127.0.0.1:{port}/made/1"),
    ],
)
def test_the_url_is_that_of_the_location(location: str, url: str, tmp_path: Path) -> None:
    async def steps(far: FarSide, send: SendFile) -> None:
        assert await send(make(tmp_path, "a.png"), tmp_path) == url.format(port=far.port)

    uploading(steps, answer(201, location=location))


def test_equal_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    async def steps(_: FarSide, send: SendFile) -> None:
        files = [make(tmp_path, "out.png") for _ in range(3)]
        urls = await asyncio.gather(*(send(file, tmp_path) for file in files))
        assert [url.rpartition("/")[2] for url in urls] == ["out.png", "out-2.png", "out-3.png"]

    uploading(steps)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hiccup_is_tried_again_with_the_whole_file(status: int, tmp_path: Path) -> None:
    async def steps(_: FarSide, send: SendFile) -> None:
        await send(make(tmp_path, "out.bin", b"x" * 3_000_000), tmp_path)

    far = uploading(steps, answer(status), answer(status), answer(200))
    assert [len(got.body) for got in far.got] == [3_000_000] * 3


@pytest.mark.parametrize(("status", "tries"), [(403, 1), (302, 1), (500, upload.ATTEMPTS)])
def test_a_failed_upload_is_an_error(status: int, tries: int, tmp_path: Path) -> None:
    async def steps(_: FarSide, send: SendFile) -> None:
        with pytest.raises(OutputFileError, match=rf"upload .* 'out.png': status {status}"):
            await send(make(tmp_path, "out.png"), tmp_path)

    assert len(uploading(steps, answer(status)).got) == tries


@pytest.mark.parametrize("name", ["../../etc/x", "/etc/passwd", "a/../../x", "..", ""])
def test_files_dot_dot_absolute_and_nul_in_upload_names(name: str, tmp_path: Path) -> None:
    async def steps(_: FarSide, send: SendFile) -> None:
        file = make(tmp_path, "real.txt")
        await send({**file, "name": name}, tmp_path)

    target = uploading(steps).got[0].target
    assert target.startswith("/up/")
    assert "/" not in target.removeprefix("/up/")


def test_ssrf_a_redirect_of_an_upload_is_checked(tmp_path: Path) -> None:
    inside = FarSide()

    async def steps(far: FarSide, send: SendFile) -> None:
        async with inside.listening("127.0.0.2"):
            far.answers = [answer(307, location=f"http://127.0.0.2:{inside.port}/")]
            with pytest.raises(OutputFileError):
                await send(make(tmp_path, "a.txt"), tmp_path)

    assert len(uploading(steps).got) == 1
    assert inside.connections == 0
