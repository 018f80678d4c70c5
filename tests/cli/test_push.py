from __future__ import annotations

import uuid

import pytest

from cog_cli.build import Output
from cog_cli.push import PUSH_ID, Moment, uuid7
from tests.cli.conftest import World

BUILD = 'build:\n  python_version: "3.12"\n'
PUSHED = (Output(type="image", attributes=(("push", "true"),)),)


def pushed(world: World, *argv: str) -> str:
    """Where the one build that ``cog push`` asks for goes to."""
    assert world.cog("push", *argv) == 0, world.stderr
    (request,) = world.builder.requests
    assert request.outputs == PUSHED
    (tag,) = request.tags
    return tag


def test_the_argument_says_where(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write("cog.yaml", BUILD + "image: r.example/other\n")
    assert pushed(world, "r.example/mine:1") == "r.example/mine:1"
    assert capsys.readouterr().out == ""
    assert world.stderr == "Pushed r.example/mine:1\n  sha256:abc\n"


def test_else_the_image_of_the_config(world: World) -> None:
    world.write("cog.yaml", BUILD + "image: r.example/mine:2\n")
    assert pushed(world) == "r.example/mine:2"


def test_a_model_is_tagged_with_the_time(world: World) -> None:
    world.write("cog.yaml", BUILD + "model: r.example/owner/mine\n")
    assert pushed(world) == "r.example/owner/mine:20260101T000000Z"


@pytest.mark.parametrize(
    ("env", "target"),
    [
        ({"COG_MODEL": "localhost:5000/a/b:3"}, "localhost:5000/a/b:3"),
        ({"COG_MODEL": "localhost:5000/a"}, "localhost:5000/a:20260101T000000Z"),
        ({"COG_MODEL_TAG": "v1"}, "r.example/owner/mine:v1"),
        ({"COG_MODEL_REGISTRY": "s.example"}, "s.example/owner/mine:20260101T000000Z"),
        ({"COG_MODEL_REPO": "x/y", "COG_MODEL_TAG": "v1"}, "r.example/x/y:v1"),
        ({"COG_MODEL": "a/b:1", "COG_MODEL_TAG": "v2"}, "a/b:1"),
    ],
    ids=str,
)
def test_the_environment_names_a_model(world: World, env: dict[str, str], target: str) -> None:
    world.write("cog.yaml", BUILD + "model: r.example/owner/mine\n")
    world.env.update(env)
    assert pushed(world) == target


@pytest.mark.parametrize(
    ("config", "argv", "env", "text"),
    [
        ("", (), {}, "nothing says where to push: write `cog push IMAGE`"),
        ("model: r.example/m\n", ("x",), {}, "'model' in cog.yaml says where to push"),
        ("", ("x",), {"COG_MODEL": "m"}, "COG_MODEL says where to push: leave out x"),
        ("image: r.example/i\n", (), {"COG_MODEL": "m"}, "both 'image' in cog.yaml and COG_MODEL"),
        ("model: r.example/m\n", (), {"COG_MODEL_TAG": "cog-1"}, "begin with 'cog-' are reserved"),
        ("", (), {"COG_MODEL_TAG": "v1"}, "set COG_MODEL_REPO or COG_MODEL"),
        ("", (), {"COG_MODEL": "m@sha256:1"}, "a digest cannot be pushed to"),
        ("", ("a=b",), {}, "'a=b' is no image name"),
    ],
)
def test_what_names_no_place_or_two_is_wrong_usage(
    world: World, config: str, argv: tuple[str, ...], env: dict[str, str], text: str
) -> None:
    world.write("cog.yaml", BUILD + config)
    world.env.update(env)
    assert world.cog("push", *argv) == 2
    assert text in world.stderr
    assert world.builder.requests == []


def test_the_labels_tell_the_push_and_the_revision(world: World) -> None:
    world.write("cog.yaml", BUILD)
    world.git = {"rev-parse": "abc123", "describe": "v1-dirty"}
    pushed(world, "mine", "--label", "a=b")
    labels = dict(world.builder.requests[0].labels)
    assert uuid.UUID(labels.pop(PUSH_ID)).version == 7
    assert labels == {
        "org.opencontainers.image.revision": "abc123",
        "org.opencontainers.image.version": "v1-dirty",
        "a": "b",
    }


def test_a_ci_knows_the_revision_better_than_git(world: World) -> None:
    world.write("cog.yaml", BUILD)
    world.git = {"rev-parse": "abc123"}
    world.env.update({"GITHUB_SHA": "def456", "GITHUB_REF_NAME": "main"})
    pushed(world, "mine")
    labels = dict(world.builder.requests[0].labels)
    assert labels["org.opencontainers.image.revision"] == "def456"
    assert labels["org.opencontainers.image.version"] == "main"


def test_outside_of_git_there_is_no_revision(world: World) -> None:
    world.write("cog.yaml", BUILD)
    pushed(world, "mine")
    assert [name for name, _ in world.builder.requests[0].labels] == [PUSH_ID]


def test_a_failed_push_is_a_failure(world: World) -> None:
    world.write("cog.yaml", BUILD)
    world.builder.failure = "denied"
    assert world.cog("push", "mine") == 1
    assert world.stderr == "error: denied\n"


def test_an_id_begins_with_its_time_and_has_version_and_variant() -> None:
    # RFC 9562, appendix A.6.
    random = bytes.fromhex("7cc318c4dc0c0c07398f")
    found = uuid7(Moment(seconds=0x017F22E279B0 / 1000, random=random))
    assert found == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
