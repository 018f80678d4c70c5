"""Input files on their way to a worker: the server fetches them and hands them over by path."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cog import wire
from cog.server.fetch import FetchError
from cog.server.inputs import InputFileError, Upload, fetch_all, for_worker, urls_in
from cog.server.live import Tracked
from cog.server.request import PredictionRequest
from cog.server.service import Service
from tests.fakes.fake_link import READY, FakeWorkers, settle, surroundings, until

URL = "https://a.example/dir/a%20b.png?x=1"


def content(path: Path) -> str:
    return path.read_text()


def left(folder: Path) -> list[Path]:
    """Return what predictions have left in their folders."""
    return list(folder.glob("*/*"))


class Site:
    """Downloads that end when the test lets them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.open = asyncio.Event()

    async def download(self, url: str, target: Path) -> None:
        self.asked.append(url)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        await asyncio.to_thread(target.write_text, url)


def test_only_urls_in_file_inputs_are_fetched() -> None:
    given: dict[str, object] = {
        "image": URL,
        "more": ["http://b.example/", "data:,x", ["HTTPS://c.example/"], 5, None],
        "text": "http://not.example/",
        "nested": {"a": "http://not.example/"},
        "plain": "data:,x",
    }
    assert urls_in(given, ["image", "more", "nested", "plain", "gone"]) == {
        URL: "image",
        "http://b.example/": "more",
        "HTTPS://c.example/": "more",
    }


def test_files_go_by_path_and_a_clients_own_dicts_are_no_files(tmp_path: Path) -> None:
    upload = Upload(tmp_path / "cat.png", "1f")
    given: dict[str, object] = {
        "image": URL,
        "more": [URL, "data:,x", upload],
        "text": URL,
        "options": {"__file__": "/etc/passwd"},
        "__file__": "x",
    }
    assert upload == "upload:cat.png#1f"
    assert for_worker(given, {"image", "more"}, {URL: Path("/p/in.png")}) == {
        "image": {"__file__": "/p/in.png"},
        "more": [{"__file__": "/p/in.png"}, "data:,x", {"__file__": str(tmp_path / "cat.png")}],
        "text": URL,
        "options": {"___file__": "/etc/passwd"},
        "___file__": "x",
    }


def test_files_keep_their_names_and_one_failure_ends_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        site = Site()
        site.open.set()
        urls = {URL: "image", "http://b.example/": "more"}
        local = await fetch_all(urls, tmp_path, site.download)
        assert [path.name for path in local.values()] == ["a b.png", "file"]
        assert local[URL].read_text() == URL

        async def fail(url: str, target: Path) -> None:
            if url == URL:
                raise FetchError("answered with status 404")
            await asyncio.sleep(60)
            del target

        with pytest.raises(InputFileError, match=r"^input 'image': answered with status 404$"):
            await fetch_all(urls, tmp_path, fail)

    asyncio.run(asyncio.wait_for(main(), 10))


class Stage:
    """A service with a worker whose input ``image`` is a file, and a site to fetch it from."""

    def __init__(self, folder: Path) -> None:
        self.site = Site()
        self.folder = folder
        self.workers = FakeWorkers(replace(READY, file_inputs=["image"]))
        around = replace(surroundings(self.workers, folder), download=self.site.download)
        self.service = Service(around)

    async def take(self) -> Tracked:
        self.service.start()
        await settle()
        request = PredictionRequest(id="a", input={"image": URL, "s": "x"})
        tracked, _ = await self.service.submit(request)
        await settle()
        return tracked

    async def end(self) -> None:
        await self.service.stop(0, asyncio.Event())
        await asyncio.sleep(0.05)


def test_a_worker_gets_the_file_once_it_is_there(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(tmp_path)
        tracked = await stage.take()
        assert stage.workers.link.predictions == []
        stage.site.open.set()
        await until(lambda: stage.workers.link.predictions)
        (message,) = (x for x in stage.workers.link.sent if isinstance(x, wire.Predict))
        file = message.input["image"]
        assert isinstance(file, dict)
        path = Path(file["__file__"])
        assert (path.name, content(path)) == ("a b.png", URL)
        assert path.is_relative_to(message.dir)
        stage.workers.link.ends("a", "done")
        await tracked.ended
        await stage.end()
        assert left(tmp_path) == []
        assert tracked.snapshot()["input"] == {"image": URL, "s": "x"}

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FetchError("no answer in time"), "Prediction failed: input 'image': no answer in time"),
        (OSError("disk full"), "The prediction cannot be started: OSError"),
    ],
)
def test_a_file_that_cannot_be_had_fails_the_prediction(
    error: Exception, told: str, tmp_path: Path
) -> None:
    async def main() -> None:
        stage = Stage(tmp_path)
        stage.site.error = error
        stage.site.open.set()
        tracked = await stage.take()
        await tracked.ended
        shown = tracked.snapshot()
        assert (shown["status"], shown["error"]) == ("failed", told)
        assert stage.workers.link.predictions == []
        await stage.end()
        assert left(tmp_path) == []

    asyncio.run(asyncio.wait_for(main(), 10))


def test_files_temp_files_left_after_cancel_while_fetching(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(tmp_path)
        tracked = await stage.take()
        assert await stage.service.cancel("a")
        await tracked.ended
        assert tracked.snapshot()["status"] == "canceled"
        assert repr(stage.service) == "<Service ready, <Pool 0 running, 1 idle, 0 waiting>>"
        assert stage.workers.link.sent == []
        await stage.end()
        assert left(tmp_path) == []

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_worker_that_dies_meanwhile_ends_the_download(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(tmp_path)
        tracked = await stage.take()
        stage.workers.link.dies("was killed by SIGKILL")
        await tracked.ended
        stage.site.open.set()
        await settle()
        assert tracked.snapshot()["status"] == "failed"
        assert all(not link.predictions for link in stage.workers.links)
        await stage.end()

    asyncio.run(asyncio.wait_for(main(), 10))
