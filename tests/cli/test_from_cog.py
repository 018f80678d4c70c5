"""`docs/from-cog.md` has every difference of the command and of the config, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cog_cli.lazy import Elsewhere
from cog_cli.main import cli
from cog_cli.project import load
from cog_frontend.config import config_keys
from tests.cli.conftest import World

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/from-cog.md").read_text()
HEAD = 'build:\n  python_version: "3.12"\n'
RUNNER = """\
from cog import BaseRunner


class Runner(BaseRunner):
    def run(self, text: str = "x") -> str:
        return text
"""

# Cog 0.22's commands and their flags, those that only its developers use too.
_BASE = ("--use-cog-base-image", "--use-cuda-base-image", "--dockerfile", "--progress", "--file")
_MAKE = (
    *("--no-cache", "--openapi-schema", "--secret", "--separate-weights", "--strip"),
    "--precompile",
)
_RUN = ("--input", "--json", "--output", "--env", "--gpus", "--setup-timeout")
COG = {
    "": ("--debug", "--no-color", "--version"),
    "build": (*_BASE, *_MAKE, "--tag", "--timestamp", "--skip-schema-validation"),
    "debug": (),
    "doctor": ("--fix", "--file"),
    "exec": (*_BASE, "--publish", "--env", "--gpus"),
    "init": (),
    "login": ("--token-stdin",),
    "playground": (),
    "predict": (*_BASE, *_RUN, "--use-replicate-token"),
    "push": (*_BASE, *_MAKE),
    "run": (*_BASE, *_RUN, "--use-replicate-token"),
    "serve": (
        *(*_BASE, "--port", "--host", "--upload-url", "--playground", "--playground-port"),
        "--gpus",
    ),
    "train": (*_BASE, "--input", "--env", "--output", "--gpus"),
    "weights": (),
}
# Keys of Cog's config (its JSON Schema and yaml.md).
COGS_KEYS = {
    *("build.gpu", "build.python_version", "build.python_requirements", "build.python_packages"),
    *("build.system_packages", "build.run", "build.pre_install", "build.cuda", "build.cudnn"),
    *("build.sdk_version", "run", "predict", "train", "image", "model", "concurrency.max"),
    *("environment", "weights"),
}
# Variables that Cog's command and server read, Docker's and the system's aside.
COGS_VARIABLES = {
    *("PORT", "COG_PREDICT_TYPE_STUB", "COG_TRAIN_TYPE_STUB", "COG_MAX_CONCURRENCY"),
    *("COG_SETUP_TIMEOUT", "COG_LOG_LEVEL", "LOG_FORMAT", "RUST_LOG", "RUST_WORKER_DIRECT_LOG"),
    *("COG_THROTTLE_RESPONSE_INTERVAL", "COG_STREAM_HISTORY_CAPACITY", "COG_WEIGHTS"),
    *("COG_USER_AGENT", "WEBHOOK_AUTH_TOKEN", "SENTRY_DSN", "KUBERNETES_SERVICE_HOST"),
    *("COG_SDK_WHEEL", "COGLET_WHEEL", "COG_CA_CERT", "COG_OPENAPI_SCHEMA", "COG_NO_COLOR"),
    *("COG_NO_UPDATE_CHECK", "NO_COLOR", "COG_SKIP_DOCKER_CHECK", "COG_SKIP_GPU_CHECK"),
    *("COG_CACHE_DIR", "COG_REGISTRY_HOST", "COG_MODEL", "COG_MODEL_REGISTRY", "COG_MODEL_REPO"),
    *("COG_MODEL_TAG", "COG_PUSH_OCI", "COG_PUSH_CONCURRENCY", "COG_PUSH_DEFAULT_CHUNK_SIZE"),
    *("COG_PUSH_MULTIPART_THRESHOLD", "BUILDKIT_PROGRESS", "GITHUB_SHA", "GITHUB_REF_NAME"),
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "REPLICATE_API_TOKEN"),
}


def named(start: str) -> set[str]:
    """What a line of the page lists in code type, links left out."""
    (line,) = [each for each in PAGE.splitlines() if each.startswith(f"- {start}")]
    return set(re.findall(r"`([^`]+)`", line))


def table(title: str) -> set[str]:
    """What the first column of a table of the page names."""
    rows = PAGE.partition(f"| {title} |")[2].partition("\n\n")[0].splitlines()
    return {name for row in rows[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def flags_of(command: click.Command) -> set[str]:
    context = click.Context(command, info_name=command.name)
    return {flag for each in command.get_params(context) for flag in each.opts}


def test_commands_are_those_of_cog_but_these() -> None:
    cogs = set(COG) - {""}
    assert cogs - set(cli.commands) == named("Commands of Cog that are not here")
    assert set(cli.commands) - cogs == named("New commands")


def test_flags_are_those_of_cog_but_these() -> None:
    missing = set(COG[""]) - flags_of(cli)
    for name, command in cli.commands.items():
        if name in COG and isinstance(command, Elsewhere):
            missing |= set(COG[name]) - flags_of(command.load())
    assert missing == table("flag of Cog")


def test_a_flag_that_is_not_here_is_wrong_usage(world: World) -> None:
    assert world.cog("build", "--timestamp", "1") == 2
    assert world.cog("serve", "--upload-url", "http://x") == 2


def test_variables_of_cog_that_are_not_read() -> None:
    sources = [
        path.read_text()
        for folder in ("cli", "frontend", "server")
        for path in (ROOT / folder).rglob("*.py")
    ]
    unread = {
        name
        for name in COGS_VARIABLES
        if not any(re.search(rf"\b{name}\b", text) for text in sources)
    }
    assert unread == table("variable of Cog")


def test_the_keys_that_cog_lacks_are_these() -> None:
    assert config_keys() - COGS_KEYS == named("Keys that Cog lacks")
    assert config_keys() >= COGS_KEYS


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("build: {system_package: [a]}\n", "did you mean 'system_packages'?"),
        ('build: {python_version: "3.15"}\n', "'3.15' is not a supported Python"),
        (f'{HEAD}run: "run.py:"\n', "must be in the form 'run.py:Runner'"),
        (
            f"{HEAD}  run:\n  - command: a\n    mounts: [{{type: cache, target: /x}}]\n",
            "must be 'secret' or 'ssh', not 'cache'",
        ),
        (
            f"{HEAD}weights: [{{name: a, target: /w, source: {{uri: 'https://a/b'}}}}]\n",
            "a download needs its checksum",
        ),
        (
            f"{HEAD}weights: [{{name: a, target: /w, source: {{uri: 'hf://a/b'}}}}]\n",
            "hf://owner/name@COMMIT",
        ),
    ],
)
def test_a_config_of_cog_that_is_an_error_here(world: World, config: str, said: str) -> None:
    world.write("cog.yaml", config)
    world.write("run.py", RUNNER)
    assert world.cog("build") == 1
    assert said in world.stderr.replace("\n", " ")


def test_what_has_no_effect_is_a_warning(world: World) -> None:
    file = world.write("cog.yaml", f'{HEAD}  sdk_version: "0.20"\n')
    (warning,) = load(file).facts.warnings
    assert "build.sdk_version 0.20 has no effect" in str(warning)


@pytest.mark.parametrize(
    "config",
    [
        f"{HEAD}  gpu: true\n  python_requirements: requirements.txt\nrun: run.py:Runner\n",
        f"{HEAD}image: me\nweights: [{{name: a, target: /w, source: requirements.txt}}]\n",
    ],
)
def test_a_config_that_cog_refuses_is_fine_here(world: World, config: str) -> None:
    world.write("run.py", RUNNER)
    world.write("requirements.txt", "torch\n")
    file = world.write("cog.yaml", config)
    assert load(file).facts.warnings == ()


def test_nothing_is_written_into_the_project(world: World) -> None:
    world.write("cog.yaml", f"{HEAD}run: run.py:Runner\n")
    world.write("run.py", RUNNER)
    before = {path.name for path in world.folder.rglob("*")}
    assert world.cog("build") == 0
    assert world.cog("explain", "--json") == 0
    assert {path.name for path in world.folder.rglob("*")} == before
