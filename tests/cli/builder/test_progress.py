"""A running build in words: what is said of it, line by line and row by row."""

from __future__ import annotations

import io

from rich.console import Console

from cog_cli.builder.display import Plain, displayed, rows
from cog_cli.builder.pb.control_pb2 import StatusResponse
from cog_cli.builder.progress import Progress, size


def message(**fields: object) -> StatusResponse:
    return StatusResponse(**fields)  # type: ignore[arg-type]


def vertex(
    name: str,
    *,
    began: int | None = 10,
    ended: int | None = None,
    cached: bool = False,
    error: str = "",
) -> StatusResponse:
    response = StatusResponse()
    found = response.vertexes.add(digest=name, name=name, cached=cached, error=error)
    if began is not None:
        found.started.seconds = began
    if ended is not None:
        found.completed.seconds = ended
    return response


def log(name: str, text: str, at: int = 12) -> StatusResponse:
    response = StatusResponse()
    response.logs.add(vertex=name, msg=text.encode()).timestamp.seconds = at
    return response


def plain(*responses: StatusResponse) -> list[str]:
    lines: list[str] = []
    display = Plain(Progress(), lines.append)
    for response in responses:
        display.take(response.SerializeToString())
    return lines


def test_a_step_from_its_begin_to_its_end() -> None:
    assert plain(
        vertex("[run] make", began=None),
        vertex("[run] make"),
        log("[run] make", "one\ntw"),
        log("[run] make", "o\n10%\r20%\r\n", at=13),
        vertex("[run] make", ended=14),
    ) == ["#1 [run] make", "#1 2.000 one", "#1 3.000 two", "#1 3.000 20%", "#1 DONE 4.0s", ""]


def test_how_steps_end() -> None:
    assert plain(vertex("a", ended=10, cached=True))[-2] == "#1 CACHED"
    assert plain(vertex("a", ended=10, error="exit code: 1"))[-2] == "#1 ERROR: exit code: 1"
    assert plain(vertex("a", ended=10, error="x: context canceled"))[-2] == "#1 CANCELED"


def test_a_step_that_goes_on_after_its_end_is_told_once_unless_it_fails() -> None:
    lines = plain(
        vertex("a", ended=11), vertex("a", ended=12, cached=True), vertex("a", ended=13, error="no")
    )
    assert [line for line in lines if line] == ["#1 a", "#1 DONE 1.0s", "#1 ERROR: no"]


def test_what_is_transferred_is_said_with_its_size() -> None:
    moved = StatusResponse()
    status = moved.statuses.add(ID="x", vertex="a", name="transferring", current=1500)
    status.completed.seconds = 11
    assert plain(vertex("a"), moved)[-1] == "#1 transferring 1.5kB done"


def test_a_last_line_without_its_end_is_not_lost() -> None:
    lines = plain(vertex("a"), log("a", "half"), vertex("a", ended=11))
    assert lines[1] == "#1 half"


def test_sizes_have_three_digits() -> None:
    assert [size(each) for each in (0, 999, 1000, 123_456, 5_400_000_000)] == [
        "0B",
        "999B",
        "1.0kB",
        "123kB",
        "5.4GB",
    ]


def text(progress: Progress, now: float = 20) -> list[str]:
    return [row.plain for row in rows(progress, now, 3.0, 40)]


def progress(*responses: StatusResponse) -> Progress:
    found = Progress()
    for response in responses:
        found.take(response.SerializeToString())
    return found


def test_cached_steps_and_housekeeping_share_a_row() -> None:
    shown = text(
        progress(
            vertex("[internal] load", ended=11),
            vertex("a", ended=11, cached=True),
            vertex("b", ended=12, cached=True),
            vertex("[run] make", began=15),
            vertex("[run] wait", began=None),
        )
    )
    assert shown[:2] == ["Building 3.0s (3/5)", " ✔ 1 preparing, 2 cached"]
    assert shown[2].startswith(" … [run] make ")
    assert shown[2].endswith(" 5.0s")
    assert len(shown) == 3


def test_a_running_step_shows_the_end_of_its_log() -> None:
    shown = text(progress(vertex("a"), log("a", "".join(f"{n}\n" for n in range(9)) + "now")))
    assert [line.split()[-1] for line in shown[2:]] == ["4", "5", "6", "7", "8", "now"]


def test_rows_fit_the_terminal() -> None:
    shown = text(progress(vertex("n" * 100), log("n" * 100, "l" * 100 + "\n")))
    assert all(len(line) <= 40 for line in shown)


def test_quiet_is_quiet_and_a_terminal_gets_rows() -> None:
    for mode, terminal, expected in (
        ("quiet", True, ""),
        ("auto", False, "#1 a"),
        ("plain", True, "#1 a"),
        (None, True, "Building"),
    ):
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=40, no_color=True)
        with displayed(mode, Progress(), console, lambda: 10.0) as display:
            display.take(vertex("a").SerializeToString())
        assert out.getvalue().startswith(expected) if not terminal else expected in out.getvalue()
        assert bool(out.getvalue()) == bool(expected)
