"""The editors' schema of cog.yaml says what the reader says, as far as JSON Schema can."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cog_frontend.config import config_keys, examine_config
from cog_frontend.config.json_schema import json_schema

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("examples/*/cog.yaml"), *ROOT.glob("tests/cases/*/cog.yaml")])
SCHEMA = json.loads(json_schema())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_it_has_every_key() -> None:
    top = set(SCHEMA["properties"])
    build = {f"build.{name}" for name in SCHEMA["properties"]["build"]["properties"]}
    assert (top - {"build", "concurrency"}) | build == config_keys() - {"concurrency.max"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_examples_and_cases_fit(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_bytes()))


@pytest.mark.parametrize(
    "text",
    [
        "build: {python_version: 3.10}",
        "build: {python_version: 3.12.4, gpu: true, system_packages: [g++, 'vim=2:9.1~rc1-1']}",
        "build: {compression: zstd}",
        "build: {compression: {type: zstd, level: 0}}",
        "build:\nrun:\nenvironment:",
        "build: {run: [echo, {command: 'a', mounts: [{type: secret, id: a, target: /b}]}]}",
        "build: {labels: {a: b, c: 1, d: true}, sdk_version: 0.17}",
        "environment: ['A= b ', B=]",
        "concurrency: {max: 3, default_target: 2}",
    ],
)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    assert not examine_config(text.encode()).problems
    VALIDATOR.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "buidl: {}",
        "build: {python_versoin: 3.12}",
        "build: [1]",
        "[1]",
        "build: {python_version: [3.12]}",
        "build: {python_version: '3.9'}",
        "build: {python_version: 'three'}",
        "build: {python_requirements: ../r.txt}",
        "build: {python_requirements: /r.txt}",
        "build: {python_packages: numpy}",
        "build: {system_packages: [-o=Evil]}",
        "build: {system_packages: [vim-]}",
        "build: {gpu: 'true'}",
        "build: {run: [[a]]}",
        "build: {run: [{mounts: []}]}",
        "build: {run: [{command: a, mounts: [{type: bind}]}]}",
        "build: {run: [{command: a, mounts: [{type: secret, id: b}]}]}",
        "build: {run: [{command: a, more: b}]}",
        "build: {labels: [a=b]}",
        "build: {labels: {run.cog.version: a}}",
        "build: {sdk_version: '0.15.9'}",
        "build: {compression: xz}",
        "build: {compression: {type: zstd, level: 23}}",
        "predict: predict",
        "predict: ../p.py:P",
        "train: {a: b}",
        "model: me",
        "image: [a]",
        "concurrency: {}",
        "concurrency: {max: 0}",
        "concurrency: {max: 1.5}",
        "environment: {A: 1}",
        "environment: [A]",
        "environment: [PATH=a]",
        "environment: [CUDA_HOME=a]",
    ],
)
def test_what_the_reader_refuses_for_its_form_the_schema_refuses(text: str) -> None:
    assert examine_config(text.encode()).problems
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
