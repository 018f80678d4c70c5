from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import World, openapi

ECHO = openapi(
    {"text": {"type": "string"}, "seed": {"type": "integer"}}, {"type": "string"}, "text"
)
FILE_OUT = openapi({}, {"type": "string", "format": "uri"})
CONFIG = 'build:\n  python_version: "3.12"\npredict: predict.py:Predictor\n'
PREDICTOR = """\
from cog import BasePredictor

class Predictor(BasePredictor):
    def predict(self, text: str) -> str:
        return text
"""


def succeeded(output: object) -> dict[str, object]:
    return {"status": "succeeded", "output": output}


def test_the_output_is_on_stdout_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.image("echo", ECHO)
    world.model.answer = succeeded("hello")
    assert world.cog("run", "echo", "-i", "text=hello", "-i", "seed=12345678901234567890") == 0
    assert world.model.requests == [{"input": {"text": "hello", "seed": 12345678901234567890}}]
    assert capsys.readouterr().out == "hello\n"
    assert world.stderr == ""


def test_the_old_name_works_and_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.image("echo", ECHO)
    world.model.answer = succeeded("hi")
    assert world.cog("predict", "echo", "-i", "text=hi", "-i", "seed=3") == 0
    assert capsys.readouterr().out == "hi\n"
    assert world.stderr == '"cog predict" is deprecated, use "cog run"\n'
    assert world.model.requests == [{"input": {"text": "hi", "seed": 3}}]


def test_steps_are_told_to_a_person_at_a_terminal(world: World) -> None:
    world.terminal = True
    world.image("echo", ECHO)
    world.cog("run", "echo", "-i", "text=hi")
    assert "starting echo" in world.stderr


def test_bad_inputs_start_no_container(world: World) -> None:
    world.image("echo", ECHO)
    assert world.cog("run", "echo", "-i", "txt=hello") == 2
    assert (
        'unknown input "txt"; valid inputs are: text, seed (did you mean "text"?)' in world.stderr
    )
    assert 'missing required input "text"' in world.stderr
    assert world.docker.started == []


def test_an_image_is_pulled_when_it_is_not_here(world: World) -> None:
    world.docker.remote["far/echo"] = {"run.cog.openapi_schema": ECHO}
    assert world.cog("run", "far/echo", "-i", "text=hi") == 0
    assert ("pull", "far/echo") in world.docker.calls


def test_an_image_that_is_nowhere_is_an_error(world: World) -> None:
    assert world.cog("run", "nowhere") == 1
    assert "image 'nowhere' is neither here nor can it be pulled" in world.stderr


def test_an_image_of_something_else_is_an_error(world: World) -> None:
    world.docker.images["nginx"] = {}
    assert world.cog("run", "nginx") == 1
    assert "'nginx' is no model image" in world.stderr


def test_no_daemon_is_said_in_one_line(world: World) -> None:
    world.docker.daemon = False
    assert world.cog("run", "echo") == 1
    assert world.stderr.startswith("error: no Docker daemon answers; start Docker or set")
    assert world.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("text=hi",), "did you forget -i?"),
        (("echo", "-i", "text"), "is not of the form name=value"),
        (("--", "-x"), "'-x' is no image name"),
        (("a b",), "'a b' is no image name"),
    ],
)
def test_a_slip_on_the_command_line_is_wrong_usage(
    world: World, argv: tuple[str, ...], text: str
) -> None:
    assert world.cog("run", *argv) == 2
    assert text in world.stderr


def test_a_file_goes_in_as_a_data_url(world: World) -> None:
    world.image("see", openapi({"image": {"type": "string", "format": "uri"}}, {}))
    world.write("cat.png", "png!")
    assert world.cog("run", "see", "-i", "image=@cat.png") == 0
    encoded = base64.b64encode(b"png!").decode()
    assert world.model.requests == [{"input": {"image": f"data:image/png;base64,{encoded}"}}]


def test_a_file_comes_out_as_a_file(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.image("draw", FILE_OUT)
    world.model.answer = succeeded("data:image/png;base64,cG5nIQ==")
    assert world.cog("run", "draw") == 0
    assert (world.folder / "output.png").read_bytes() == b"png!"
    assert capsys.readouterr().out == ""
    assert world.stderr == "wrote output.png\n"


def test_a_file_goes_where_it_is_wanted(world: World) -> None:
    world.image("draw", FILE_OUT)
    world.model.answer = succeeded("data:image/png;base64,cG5nIQ==")
    (world.folder / "out").mkdir()
    assert world.cog("run", "draw", "-o", "out") == 0
    assert world.cog("run", "draw", "-o", "cat.png") == 0
    assert (world.folder / "out" / "output.png").exists()
    assert (world.folder / "cat.png").exists()


def test_a_text_goes_into_a_file_when_one_is_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.image("echo", ECHO)
    world.model.answer = succeeded("hello")
    assert world.cog("run", "echo", "-i", "text=x", "-o", "out.txt") == 0
    assert (world.folder / "out.txt").read_text() == "hello\n"
    assert capsys.readouterr().out == ""


def test_no_output_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.image("echo", ECHO)
    assert world.cog("run", "echo", "-i", "text=x") == 0
    assert "the model returned no output" in world.stderr
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"status": "failed", "error": "ValueError: no"}, "the prediction failed: ValueError: no"),
        (
            {"status": "failed", "error": "Prediction failed: ValueError: no"},
            "the prediction failed: ValueError: no",
        ),
        ({"status": "failed"}, "the prediction failed: no reason was given"),
        ({"status": "canceled"}, "the prediction was canceled"),
    ],
)
def test_a_prediction_that_did_not_succeed_is_a_failure(
    world: World, answer: dict[str, str], text: str
) -> None:
    world.image("echo", ECHO)
    world.model.answer = answer
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert world.stderr == f"error: {text}\n"


def test_inputs_that_the_server_refuses_are_named(world: World) -> None:
    world.image("echo", ECHO)
    world.model.status = 422
    world.model.answer = {"detail": [{"loc": ["body", "input", "text"], "msg": "is too rude"}]}
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert world.stderr == 'error: invalid input "text": is too rude\n'


def test_an_answer_that_is_no_json_is_an_error(world: World) -> None:
    world.image("echo", ECHO)
    world.model.status, world.model.answer = 500, b"<html>"
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert "gave no JSON (HTTP 500)" in world.stderr


def test_json_in_json_out(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.image("echo", ECHO)
    world.model.answer = succeeded("hi")
    assert world.cog("run", "echo", "--json", '{"text": "hi"}') == 0
    assert world.model.requests == [{"input": {"text": "hi"}}]
    assert json.loads(capsys.readouterr().out) == world.model.answer


def test_json_may_come_from_a_file(world: World) -> None:
    world.image("echo", ECHO)
    world.write("in.json", '{"text": "hi"}')
    assert world.cog("run", "echo", "--json", "@in.json") == 0
    assert world.cog("run", "echo", "--json", "@none.json") == 1
    assert world.stderr == "error: cannot read none.json: No such file or directory\n"


def test_json_may_come_from_stdin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.image("echo", ECHO)
    for word in ("-", "@-"):
        monkeypatch.setattr("sys.stdin", io.StringIO('{"text": "hi"}'))
        assert world.cog("run", "echo", "--json", word) == 0
    assert world.model.requests == [{"input": {"text": "hi"}}] * 2


def test_a_name_given_again_makes_a_list(world: World) -> None:
    world.image("sum", openapi({"n": {"type": "array", "items": {"type": "integer"}}}, {}, "n"))
    assert world.cog("run", "sum", "-i", "n=1", "-i", "n=2") == 0
    assert world.model.requests == [{"input": {"n": [1, 2]}}]


def test_json_with_a_wrong_value_builds_nothing(world: World) -> None:
    project(world)
    assert world.cog("run", "--json", '{"text": 5}') == 2
    assert world.stderr == 'error: invalid input "text": expected string, got integer 5\n'
    assert world.builder.requests == []
    assert world.docker.calls == []


def test_json_of_a_failed_prediction_is_shown_and_a_failure(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.image("echo", ECHO)
    world.model.answer = {"status": "failed", "error": "no"}
    assert world.cog("run", "echo", "--json", '{"text": "x"}') == 1
    assert json.loads(capsys.readouterr().out)["error"] == "no"


def test_json_and_inputs_exclude_each_other(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.cog("run", "echo", "--json", "{}", "-i", "text=x") == 2
    assert "-i and --json cannot be used together" in capsys.readouterr().err


def test_the_prediction_waits_until_the_model_is_ready(world: World) -> None:
    world.image("echo", ECHO)
    world.model.health = [{"status": "STARTING"}, {"status": "UNKNOWN"}, {"status": "READY"}]
    assert world.cog("run", "echo", "-i", "text=x") == 0
    assert world.now == pytest.approx(0.2)


def test_a_failed_setup_says_why(world: World) -> None:
    world.image("echo", ECHO)
    logs = "loading\nSetup failed: OSError: no weights\n"
    world.model.health = [{"status": "SETUP_FAILED", "setup": {"logs": logs}}]
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert world.stderr == (
        "error: the model's setup failed; see its log above (OSError: no weights)\n"
    )
    assert world.model.requests == []


def test_an_unhealthy_model_says_why(world: World) -> None:
    world.image("echo", ECHO)
    world.model.health = [{"status": "UNHEALTHY", "user_healthcheck_error": "no GPU"}]
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert "the model is UNHEALTHY; see its log above (no GPU)" in world.stderr


def test_a_setup_that_takes_too_long_is_given_up(world: World) -> None:
    world.image("echo", ECHO)
    world.model.health = [{"status": "STARTING"}]
    assert world.cog("run", "echo", "-i", "text=x", "--setup-timeout", "3") == 1
    assert "not ready after 3 seconds; raise --setup-timeout" in world.stderr


def test_a_container_that_ends_before_it_listens_is_an_error(world: World) -> None:
    world.image("echo", ECHO)
    world.docker.ends_at_once = True
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert "echo stopped at once" in world.stderr


def test_a_container_that_ends_while_we_wait_is_an_error(world: World) -> None:
    world.image("echo", ECHO)
    world.docker.address = "127.0.0.1:1"  # nothing listens there
    world.docker.log.ended = True
    assert world.cog("run", "echo", "-i", "text=x") == 1
    assert "the container ended before the model was ready" in world.stderr


def test_interrupted_the_container_is_gone_and_the_status_says_so(world: World) -> None:
    world.image("echo", ECHO)
    world.interrupted_after = 1.0
    world.model.health = [{"status": "STARTING"}]
    assert world.cog("run", "echo", "-i", "text=x") == 130
    assert world.docker.started
    assert "interrupted" in world.stderr


GPU_LABEL = {"run.cog.config": '{"build": {"gpu": true}}'}


def test_a_model_that_wants_gpus_gets_them(world: World) -> None:
    world.image("echo", ECHO, **GPU_LABEL)
    world.cog("run", "echo", "-i", "text=x")
    assert "--gpus" in world.docker.started[0]


def test_where_there_are_none_it_is_tried_without(world: World) -> None:
    world.image("echo", ECHO, **GPU_LABEL)
    world.docker.gpus = False
    assert world.cog("run", "echo", "-i", "text=x") == 0
    assert "--gpus" not in world.docker.started[0]


def test_gpus_that_were_asked_for_are_not_dropped(world: World) -> None:
    world.image("echo", ECHO)
    world.docker.gpus = False
    assert world.cog("run", "echo", "-i", "text=x", "--gpus", "1") == 1
    assert "this Docker has no GPU support" in world.stderr


def test_the_environment_reaches_the_container(world: World) -> None:
    world.image("echo", ECHO)
    world.cog("run", "echo", "-i", "text=x", "-e", "A=1")
    created = " ".join(world.docker.started[0])
    assert "--env LOG_FORMAT=console --env A=1 echo" in created
    assert "--publish 127.0.0.1::5000" in created


def project(world: World) -> None:
    world.write("cog.yaml", CONFIG)
    world.write("predict.py", PREDICTOR)


def test_without_an_image_the_project_is_built_first(world: World) -> None:
    project(world)
    world.image("cog-my-project", ECHO)
    assert world.cog("run", "-i", "text=x") == 0
    (build,) = world.builder.requests
    assert build.context == world.folder
    assert build.progress == "quiet"


def test_bad_inputs_for_a_project_build_nothing(world: World) -> None:
    project(world)
    assert world.cog("run", "-i", "txt=x") == 2
    assert "valid inputs are: text" in world.stderr
    assert world.docker.calls == []


def test_a_project_without_a_predictor_is_told_what_to_add(world: World) -> None:
    world.write("cog.yaml", 'build:\n  python_version: "3.12"\n')
    assert world.cog("run") == 1
    assert "cog.yaml names no predictor; add 'run: run.py:Runner'" in world.stderr


def test_without_image_and_project_the_person_is_told_both_ways(world: World) -> None:
    assert world.cog("run", "-i", "text=x") == 1
    assert "make one with 'cog init', or name an image" in world.stderr


def test_an_output_path_may_lie_in_a_folder_to_come(world: World) -> None:
    world.image("draw", FILE_OUT)
    world.model.answer = succeeded("data:image/png;base64,cG5nIQ==")
    assert world.cog("run", "draw", "-o", str(Path("new") / "cat.png")) == 0
    assert (world.folder / "new" / "cat.png").exists()
