from __future__ import annotations

import logging

import pytest

from cog.server.settings import Settings, SettingsError, load_settings

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
        queue_capacity=100,
        setup_timeout=None,
        shutdown_grace=None,
        await_explicit_shutdown=False,
        log_level=logging.INFO,
        log_style="json",
    )


def test_the_environment_is_read() -> None:
    settings = load(
        PORT="8080",
        COG_MAX_CONCURRENCY="4",
        COG_QUEUE_CAPACITY="0",
        COG_SETUP_TIMEOUT="1.5",
        COG_SHUTDOWN_GRACE="0",
        COG_LOG_LEVEL="Warning",
        LOG_FORMAT="console",
    )
    assert (settings.port, settings.concurrency, settings.queue_capacity) == (8080, 4, 0)
    assert (settings.setup_timeout, settings.shutdown_grace) == (1.5, 0)
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
        ("COG_SETUP_TIMEOUT", "nan"),
        ("COG_SETUP_TIMEOUT", "inf"),
        ("COG_SHUTDOWN_GRACE", "-5"),
        ("COG_LOG_LEVEL", "loud"),
    ],
)
def test_a_number_that_makes_no_sense_is_ignored_and_said(name: str, text: str) -> None:
    settings = load(**{name: text})
    (warning,) = settings.warnings
    assert warning.startswith(f"{name} is {text!r}: expected ")
    assert settings == Settings(ref=REF["COG_PREDICT_TYPE_STUB"], warnings=settings.warnings)


def test_a_setup_timeout_of_0_is_none() -> None:
    assert load(COG_SETUP_TIMEOUT="0").setup_timeout is None


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


@pytest.mark.parametrize("flags", [["--x-mode", "dance"], ["--unknown"], ["--threads", "x"]])
def test_other_flags_are_not(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load(*flags)
    assert "usage: python -m cog.server.http" in capsys.readouterr().err
