from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from cog.server.pool import Bound
from cog.server.pulse import PulsePolicy
from cog.server.settings import Settings, SettingsError, load_settings
from cog.server.store import Keep
from cog.server.supervisor import WorkerPolicy
from cog.server.surroundings import Limits

REF = {"COG_PREDICT_TYPE_STUB": "predict.py:Predictor"}


def load(*flags: str, **env: str) -> Settings:
    return load_settings({**REF, **env}, flags)


def test_the_defaults_are_cogs() -> None:
    assert load() == Settings(
        ref="predict.py:Predictor",
        host="0.0.0.0",
        port=5000,
        mode="predict",
        concurrency=0,
        workers=1,
        bound=Bound(count=100, size=256 * 1024 * 1024),
        limits=Limits(queue_timeout=None, run_timeout=None, cancel_grace=30),
        policy=WorkerPolicy(setup_timeout=None),
        keep=Keep(count=1000, size=64 * 1024 * 1024, age=3600),
        drain_timeout=None,
        drain_delay=0,
        await_explicit_shutdown=False,
        log_level=logging.INFO,
        log_style="json",
    )


def test_the_environment_is_read() -> None:
    settings = load(
        PORT="8080",
        COG_MAX_CONCURRENCY="4",
        COG_QUEUE_CAPACITY="0",
        COG_QUEUE_BYTES="1000",
        COG_QUEUE_TIMEOUT="60",
        COG_RUN_TIMEOUT="0.5",
        COG_CANCEL_GRACE="5",
        COG_HANG_TIMEOUT="300",
        COG_STREAM_HISTORY_CAPACITY="10",
        COG_SETUP_TIMEOUT="1.5",
        COG_RESTART_LIMIT="0",
        COG_KEEP_COUNT="0",
        COG_KEEP_BYTES="1",
        COG_KEEP_SECONDS="2",
        COG_DRAIN_TIMEOUT="0",
        COG_DRAIN_DELAY="3",
        COG_WORKERS="2",
        COG_LOG_LEVEL="Warning",
        LOG_FORMAT="console",
    )
    assert (settings.port, settings.concurrency, settings.workers) == (8080, 4, 2)
    assert settings.bound == Bound(count=0, size=1000)
    assert settings.limits == Limits(
        queue_timeout=60, run_timeout=0.5, cancel_grace=5, feed_events=10
    )
    assert settings.policy == WorkerPolicy(setup_timeout=1.5, limit=0, pulse=PulsePolicy(busy=300))
    assert settings.keep == Keep(count=0, size=1, age=2)
    assert (settings.drain_timeout, settings.drain_delay) == (0, 3)
    assert (settings.log_level, settings.log_style) == (logging.WARNING, "console")
    assert settings.warnings == ()


@pytest.mark.parametrize("env", [{}, {"COG_PREDICT_TYPE_STUB": " "}])
def test_what_to_serve_has_to_be_said(env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="COG_PREDICT_TYPE_STUB is not set"):
        load_settings(env, [])


def test_train_mode_serves_the_train_function() -> None:
    settings = load("--x-mode", "train", COG_TRAIN_TYPE_STUB="train.py:train")
    assert (settings.mode, settings.ref) == ("train", "train.py:train")
    with pytest.raises(SettingsError, match="COG_TRAIN_TYPE_STUB"):
        load("--x-mode", "train")


@pytest.mark.parametrize("port", ["x", "-1", "0", "65536", "\N{FULLWIDTH DIGIT FIVE}"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SettingsError, match="PORT is"):
        load(PORT=port)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("COG_MAX_CONCURRENCY", "abc"),
        ("COG_MAX_CONCURRENCY", "-1"),
        ("COG_QUEUE_CAPACITY", "many"),
        ("COG_RESTART_LIMIT", "-1"),
        ("COG_SETUP_TIMEOUT", "nan"),
        ("COG_SETUP_TIMEOUT", "inf"),
        ("COG_DRAIN_TIMEOUT", "-5"),
        ("COG_STREAM_HISTORY_CAPACITY", "0"),
        ("COG_KEEP_SECONDS", "-1"),
        ("COG_LOG_LEVEL", "loud"),
    ],
)
def test_a_number_that_makes_no_sense_is_ignored_and_said(name: str, text: str) -> None:
    settings = load(**{name: text})
    (warning,) = settings.warnings
    assert warning.startswith(f"{name} is {text!r}: expected ")
    assert settings == Settings(ref=REF["COG_PREDICT_TYPE_STUB"], warnings=settings.warnings)


def test_a_time_of_0_is_no_limit() -> None:
    settings = load(
        COG_SETUP_TIMEOUT="0",
        COG_QUEUE_TIMEOUT="0",
        COG_RUN_TIMEOUT="0",
        COG_CANCEL_GRACE="0",
        COG_HANG_TIMEOUT="0",
    )
    assert settings.policy == WorkerPolicy()
    assert settings.limits == Limits(cancel_grace=None)


@pytest.mark.parametrize(("text", "workers"), [("auto", None), ("1", 1), ("64", 64)])
def test_workers_are_a_number_or_one_for_each_gpu(text: str, workers: int | None) -> None:
    assert load("--workers", text).workers == load(COG_WORKERS=text).workers == workers


@pytest.mark.parametrize("text", ["0", "-1", "65", "many", "1.5"])
def test_a_number_of_workers_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="number of workers"):
        load("--workers", text)


def test_a_flag_wins_over_its_variable() -> None:
    settings = load(
        "--workers", "2", "--drain-timeout", "0", COG_WORKERS="x", COG_DRAIN_TIMEOUT="9"
    )
    assert (settings.workers, settings.drain_timeout) == (2, 0)


DOCS = Path(__file__).parents[2] / "docs/http.md"


def test_every_setting_is_documented() -> None:
    sources = Path(load_settings.__code__.co_filename).parent.glob("*.py")
    names = {
        name for source in sources for name in re.findall(r'"(COG_[A-Z_]+)"', source.read_text())
    }
    internal = {"COG_PREDICT_TYPE_STUB", "COG_TRAIN_TYPE_STUB"}
    text = DOCS.read_text()
    assert sorted(name for name in names - internal if f"`{name}`" not in text) == []


def test_every_documented_setting_exists() -> None:
    server = Path(load_settings.__code__.co_filename).parents[1]
    code = "".join(source.read_text() for source in server.rglob("*.py"))
    named = re.findall(r"^\| `([A-Z_]+)` \|", DOCS.read_text(), re.MULTILINE)
    assert named
    assert [name for name in named if f'"{name}"' not in code] == []


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ([], False),
        (["--await-explicit-shutdown"], True),
        (["--await-explicit-shutdown", "true"], True),
        (["--await-explicit-shutdown=True"], True),
        (["--await-explicit-shutdown", "false"], False),
        (["--await-explicit-shutdown=0"], False),
    ],
)
def test_await_explicit_shutdown_means_what_it_says(flags: list[str], *, wanted: bool) -> None:
    assert load(*flags).await_explicit_shutdown is wanted


def test_cogs_flags_are_accepted() -> None:
    settings = load("--host", "::1", "--threads", "4", "-v", "--upload-url", "http://x/")
    assert (settings.host, settings.log_level) == ("::1", logging.DEBUG)
    assert settings.outbound.upload_url == "http://x/"
    assert settings.warnings == ()


def test_what_cannot_be_an_upload_url_is_one_line() -> None:
    with pytest.raises(SettingsError, match="--upload-url 'nowhere': the URL is not an http"):
        load("--upload-url", "nowhere")


@pytest.mark.parametrize(
    "flags", [["--x-mode", "dance"], ["--unknown"], ["--threads", "x"], ["--drain-timeout", "-1"]]
)
def test_other_flags_are_not(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load(*flags)
    assert "usage: python -m cog.server.http" in capsys.readouterr().err
