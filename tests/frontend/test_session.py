"""What a user sees when a build cannot go on: one message, the lines of the file, no trace."""

from __future__ import annotations

import json

import pytest

from cog_frontend.gateway import Bridge, Call
from cog_frontend.rpc import RpcError
from cog_frontend.session import serve
from tests.fakes.bridge import FakeBridge
from tests.frontend.test_cases import SOURCE, frontend

PREDICT = b"""\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> str:
        return "x"
"""
GOOD = {"cog.yaml": b"predict: predict.py:Predictor\n", "predict.py": PREDICT}


def error(files: dict[str, bytes], options: dict[str, str] | None = None) -> str:
    return frontend(files, options).error.message


def sources(files: dict[str, bytes]) -> list[dict[str, object]]:
    details = frontend(files).error.details
    return [json.loads(each.value) for each in details if "errdefs.Source" in each.type_url]


def test_a_good_project_returns_an_image() -> None:
    metadata = frontend(GOOD).result.metadata
    assert {"containerimage.config", "containerimage.base.config", "refs.platforms"} <= set(
        metadata
    )


def test_a_missing_config_names_the_file_and_what_to_do() -> None:
    text = error({"predict.py": PREDICT})
    assert text == "cog.yaml: there is no such file (create it with `cog init`, or name it with -f)"


def test_a_bad_key_shows_its_line() -> None:
    files = {**GOOD, "cog.yaml": b"build:\n  gpus: true\n"}
    assert error(files) == "cog.yaml:2:3: build.gpus: unknown key (did you mean 'gpu'?)"
    (source,) = sources(files)
    assert source["info"] == {
        "filename": "cog.yaml",
        "data": "YnVpbGQ6CiAgZ3B1czogdHJ1ZQo=",
        "language": "YAML",
    }
    assert source["ranges"][0]["start"]["line"] == 2  # type: ignore[index]  # JSON of any shape


def test_problems_of_several_files_come_at_once() -> None:
    files = {
        "cog.yaml": b"build:\n  python_requirements: r.txt\npredict: predict.py:Predictor\n",
        "predict.py": PREDICT.replace(b"-> str", b""),
        "r.txt": b"-r gone.txt\n",
    }
    text = error(files)
    assert "predict.py:5" in text
    assert "r.txt:1:1: gone.txt: file does not exist" in text


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (b"predict: gone.py:Predictor\n", "cog.yaml:1:10: gone.py: there is no such file"),
        (
            b"build:\n  python_requirements: gone.txt\n",
            "cog.yaml:2:24: gone.txt: there is no such file",
        ),
    ],
)
def test_missing_files_are_shown_where_they_are_named(config: bytes, line: str) -> None:
    assert error({**GOOD, "cog.yaml": config}).startswith(line)


def test_a_base_image_that_is_not_there_is_the_config_line_that_chose_it() -> None:
    text = error({**GOOD, "cog.yaml": b"build:\n  python_version: 3.12.99\n"})
    assert text.startswith("cog.yaml:2:19: the base image python:3.12.99-slim cannot be loaded")


def test_a_toolbox_that_is_not_there_says_how_to_name_another() -> None:
    text = error(GOOD, {"build-arg:COGKIT_TOOLBOX": "example.com/none"})
    assert "the toolbox image cannot be loaded" in text
    assert "--build-arg COGKIT_TOOLBOX=IMAGE" in text


def test_a_named_context_replaces_an_image() -> None:
    bridge = frontend(GOOD, {"context:cogkit-toolbox": f"docker-image://{SOURCE}-toolbox"})
    assert bridge.result.ref.id
    text = error(GOOD, {"context:cogkit-toolbox": "local:toolbox"})
    assert "must be a docker-image:// reference" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"context": "https://example.com/x.git"}, "only a local folder is supported"),
        ({"target": "lock"}, "there is no target 'lock'"),
        ({"force-network-mode": "mesh"}, "option force-network-mode=mesh must be none"),
        ({"platform": "linux"}, "option platform=linux: platform is not os/architecture"),
        ({"cache-imports": "{"}, "option cache-imports is not a list of caches"),
        ({"multi-platform": "maybe"}, "option multi-platform=maybe must be true or false"),
    ],
)
def test_options_that_cannot_be_honoured_are_named(options: dict[str, str], expected: str) -> None:
    assert expected in error(GOOD, options)


def test_a_subrequest_is_refused_as_the_protocol_says() -> None:
    status = frontend(GOOD, {"requestid": "frontend.outline"}).error
    assert status.code == 12
    assert any(each.type_url.endswith("errdefs.Subrequest+json") for each in status.details)


def test_what_the_daemon_reports_passes_through() -> None:
    bridge = FakeBridge(
        files={"dockerfile": GOOD, "context": GOOD},
        fail={"Solve": RpcError(8, "too much")},
    )
    serve(Bridge(bridge), {"BUILDKIT_FRONTEND_OPT_0": "filename=cog.yaml"})
    assert "too much" in bridge.error.message


class Broken:
    """A transport with a bug of ours in one call."""

    def __init__(self, bridge: FakeBridge) -> None:
        self._bridge = bridge

    def start(self, method: str, request: bytes) -> Call:
        if method.endswith("/Solve"):
            raise KeyError("a bug")
        return self._bridge.start(method, request)


def test_a_bug_is_one_short_message_with_a_reference(capsys: pytest.CaptureFixture[str]) -> None:
    bridge = FakeBridge(files={"dockerfile": GOOD, "context": GOOD})
    serve(Bridge(Broken(bridge)), {})
    first, second = bridge.error.message.splitlines()
    assert first.startswith("internal error in cogkit (")
    assert second.startswith("This is a bug")
    reference = first.partition("(")[2].partition(")")[0]
    log = capsys.readouterr().err
    assert reference in log
    assert "Traceback" in log


def test_labels_arguments_and_caches_reach_the_build() -> None:
    bridge = frontend(
        GOOD,
        {
            "label:team": "vision",
            "build-arg:HTTPS_PROXY": "http://proxy:3128",
            "no-cache": "",
            "cache-imports": '[{"Type":"registry","Attrs":{"ref":"example.com/cache"}}]',
        },
    )
    image = json.loads(bridge.result.metadata["containerimage.config"])
    assert image["config"]["Labels"]["team"] == "vision"
    assert bridge.solves[-1].cache_imports[0].attrs == {"ref": "example.com/cache"}


def test_several_platforms_give_an_image_each() -> None:
    bridge = frontend(GOOD, {"platform": "linux/amd64,linux/arm64"})
    assert sorted(bridge.result.refs.refs) == ["linux/amd64", "linux/arm64"]
    arm = json.loads(bridge.result.metadata["containerimage.config/linux/arm64"])
    assert arm["architecture"] == "arm64"


def test_a_config_of_another_name_becomes_cog_yaml_in_the_image() -> None:
    files = {"model.yaml": GOOD["cog.yaml"], "predict.py": PREDICT}
    bridge = frontend(files, filename="model.yaml")
    assert bridge.tree().files["src/cog.yaml"] == GOOD["cog.yaml"]


def test_the_ignore_file_beside_the_config_wins() -> None:
    files = {
        **GOOD,
        "cog.yaml.dockerignore": b"a.txt\n",
        ".dockerignore": b"b.txt\n",
        "a.txt": b"",
        "b.txt": b"",
    }
    project = frontend(files)
    tree = project.tree()
    assert "/src/b.txt" in tree
    assert "/src/a.txt" not in tree


def test_what_is_ignored_and_the_repository_stay_out() -> None:
    files = {**GOOD, ".dockerignore": b"*.bin\n!.git\n", "w.bin": b"", ".git/HEAD": b"x"}
    tree = frontend(files).tree()
    assert tree.files["src/predict.py"] == PREDICT
    assert "/src/w.bin" not in tree
    assert "/src/.git/HEAD" not in tree
