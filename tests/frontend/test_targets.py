"""What each target of ``--target`` gives, through the whole frontend."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from cog_frontend.targets import TARGETS
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import GRAPHDRIVER, MODERN, Abilities
from tests.fakes.solver import Run, RunFailed
from tests.frontend.test_cases import frontend, graph, resolver
from tests.frontend.test_session import GOOD, PREDICT, SIX

CONFIG = b"build: {python_packages: [six]}\nrun: predict.py:Predictor\n"
PROJECT = {**GOOD, "cog.yaml": CONFIG}
PYTEST = SIX.replace(b"six", b"pytest").replace(b"1.17.0", b"9.0.0")
EACH_STORE = pytest.mark.parametrize("caps", [MODERN, GRAPHDRIVER], ids=["merge", "chain"])


def target(name: str, files: dict[str, bytes] = PROJECT, **options: str) -> FakeBridge:
    return frontend(files, {"target": name, **options}, runner=resolver(SIX))


def config_of(bridge: FakeBridge) -> dict[str, object]:
    image: dict[str, object] = json.loads(bridge.result.metadata["containerimage.config"])["config"]
    return image


def test_the_image_is_the_target_that_no_name_means() -> None:
    plain, named = frontend(PROJECT, runner=resolver(SIX)), target("image")
    assert graph(plain) == graph(named)
    assert plain.result.metadata == named.result.metadata


@EACH_STORE
def test_the_base_is_the_environment_without_the_project(caps: Abilities) -> None:
    files = {
        **PROJECT,
        "cog.yaml": CONFIG + b"weights: [{name: w, target: /w, source: {uri: w}}]\n",
    }
    files["w/model.bin"] = b"x"
    bridge = frontend(files, {"target": "base"}, caps=caps, runner=resolver(SIX))
    text = graph(bridge)
    assert "[packages small]" in text
    assert "[source]" not in text
    assert "[schema]" not in text
    assert "[weights" not in text
    assert not [path for path in bridge.tree().files if path.startswith("src/predict")]
    settings = config_of(bridge)
    assert settings["Cmd"] == ["python"]
    assert "run.cog.openapi_schema" not in str(settings["Labels"])
    assert "COG_PREDICT_TYPE_STUB" not in str(settings["Env"])
    assert "run.cog.pip_freeze" in str(settings["Labels"])


def test_an_edit_of_code_leaves_the_base_as_it_is() -> None:
    edited = {**PROJECT, "predict.py": PREDICT.replace(b'"x"', b'"y"')}
    assert target("base").result.metadata == target("base", edited).result.metadata


def test_the_schema_is_a_file_and_resolves_no_package() -> None:
    bridge = target("schema")
    assert list(bridge.tree().files) == ["openapi_schema.json"]
    document = json.loads(bridge.tree().files["openapi_schema.json"])
    assert document["info"]["title"] == "Cog"
    assert bridge.solver.ran == []
    assert not bridge.result.metadata


def test_the_schema_of_a_project_without_a_predictor_is_an_error() -> None:
    bridge = target("schema", {"cog.yaml": b"build: {python_packages: [six]}\n"})
    assert bridge.error.message == "there is no schema: cog.yaml names no predictor"


def test_the_plan_is_a_file_that_knows_the_packages() -> None:
    files = target("plan").tree().files
    assert list(files) == ["plan.json"]
    document = json.loads(files["plan.json"])
    assert document["kind"] == "plan"
    assert "packages/small" in [layer["name"] for layer in document["layers"]]


def test_plans_of_several_platforms_have_a_folder_each() -> None:
    bridge = target("plan", platform="linux/amd64,linux/arm64")
    assert sorted(bridge.tree().files) == ["linux_amd64/plan.json", "linux_arm64/plan.json"]
    schema = target("schema", platform="linux/amd64,linux/arm64")
    assert list(schema.tree().files) == ["openapi_schema.json"]


def under_test(files: dict[str, bytes], lock: bytes, caps: Abilities = MODERN) -> FakeBridge:
    return frontend(files, {"target": "test"}, caps=caps, runner=resolver(lock))


def tries(bridge: FakeBridge) -> list[Run]:
    return [run for run in bridge.solver.ran if run.name.startswith("[test]")]


@EACH_STORE
def test_a_test_imports_the_predictor_on_the_image_and_runs_pytest(caps: Abilities) -> None:
    bridge = under_test(PROJECT, PYTEST, caps)
    imported, ran = tries(bridge)
    assert imported.name == "[test] import predict.py:Predictor"
    assert imported.args[-1] == "predict=predict.py:Predictor"
    assert imported.read("/src/predict.py") == PREDICT
    assert ran.name == "[test] run pytest"
    assert ran.cwd == "/src"
    assert ran.env["COG_PREDICT_TYPE_STUB"] == "predict.py:Predictor"


def test_the_image_that_was_tested_is_the_image() -> None:
    image, result = frontend(PROJECT, runner=resolver(PYTEST)), under_test(PROJECT, PYTEST).result
    assert result.metadata == image.result.metadata
    assert result.ref.id


def test_without_pytest_only_the_import_is_tried() -> None:
    assert [run.name for run in tries(under_test(PROJECT, SIX))] == [
        "[test] import predict.py:Predictor"
    ]


def test_tests_can_be_told_to_run_again() -> None:
    options = {"target": "test", "no-cache": "test"}
    bridge = frontend(PROJECT, options, runner=resolver(PYTEST))
    metadata = [each for solve in bridge.solves for each in solve.definition.metadata.values()]
    again = {dict(each.description)["llb.customname"] for each in metadata if each.ignore_cache}
    assert again == {"[test] import predict.py:Predictor", "[test] run pytest"}


def test_a_test_that_fails_gives_no_image() -> None:
    def run(run: Run) -> Mapping[str, bytes]:
        if run.name == "[test] run pytest":
            raise RunFailed(1)
        return resolver(PYTEST)(run)

    bridge = frontend(PROJECT, {"target": "test"}, runner=run)
    assert "did not complete successfully" in bridge.error.message


def test_nothing_to_test_is_said() -> None:
    bridge = under_test({"cog.yaml": b"build: {python_packages: [six]}\n"}, SIX)
    assert bridge.error.message.startswith("there is nothing to test: cog.yaml names no predictor")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("tests", "did you mean 'test'?"),
        ("zzz", "there are image, base, test, lock, schema and plan"),
    ],
)
def test_a_target_that_is_not_there_is_named(name: str, advice: str) -> None:
    assert target(name).error.message == f"there is no target {name!r} ({advice})"


def test_targets_have_names_and_descriptions_of_their_own() -> None:
    assert len({each.name for each in TARGETS}) == len(TARGETS)
    assert all(each.description for each in TARGETS)
