"""What a user sees when a build cannot go on: one message, the lines of the file, no trace."""

from __future__ import annotations

import json

import pytest

from cog_frontend.gateway import Bridge, Call
from cog_frontend.rpc import RpcError
from cog_frontend.session import serve
from tests.fakes.bridge import FakeBridge
from tests.frontend.test_cases import SOURCE, frontend, graph, resolver

PREDICT = b"""\
from cog import BasePredictor


class Predictor(BasePredictor):
    def predict(self) -> str:
        return "x"
"""
SIX = b"""\
lock-version = "1.0"
[[packages]]
name = "six"
version = "1.17.0"
wheels = [{ name = "six-1.17.0-py3-none-any.whl" }]
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


def test_problems_of_the_config_do_not_hide_those_of_the_files_it_names() -> None:
    config = b"build:\n  gpus: true\n  python_requirements: r.txt\npredict: predict.py:Nope\n"
    text = error({**GOOD, "cog.yaml": config, "r.txt": b"./lib\n"})
    assert text.splitlines()[0] == "3 problems"
    assert "cog.yaml:2:3: build.gpus: unknown key" in text
    assert "cog.yaml:4:10: there is no Nope in predict.py" in text
    assert "r.txt:1:1: ./lib: a folder cannot be installed" in text


def test_what_trains_is_looked_at_although_the_predictor_is_wrong() -> None:
    config = b"predict: predict.py:Nope\ntrain: train.py:train\n"
    text = error({**GOOD, "cog.yaml": config, "train.py": b"def train(x): pass\n"})
    assert "cog.yaml:1:10: there is no Nope" in text
    assert "train.py:1:" in text


def test_a_folder_is_no_file() -> None:
    files = {**GOOD, "cog.yaml": b"build:\n  python_requirements: reqs\n", "reqs/a": b""}
    assert error(files).startswith("cog.yaml:2:24: reqs: there is no such file in the project")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            b"concurrency: {max: 2}\npredict: predict.py:Predictor\n",
            "cog.yaml:1:14: concurrency.max",
        ),
        (
            b"build: {python_version: '3.10'}\nconcurrency: {max: 2}\nrun: predict.py:Predictor\n",
            "cog.yaml:1:25: 2 predictions at a time need Python 3.11 or later",
        ),
    ],
)
def test_a_concurrency_that_cannot_be_is_refused(config: bytes, expected: str) -> None:
    assert expected in error({**GOOD, "cog.yaml": config})


def test_warnings_are_shown_at_their_lines_and_stop_nothing() -> None:
    build = b"build:\n  python_requirements: r.txt\n  pre_install: [a, b]\n"
    config = build + GOOD["cog.yaml"]
    files = {**GOOD, "cog.yaml": config, "r.txt": b"six\ncog\n"}
    bridge = frontend(files)
    assert bridge.result.ref.id
    assert [each.short.decode() for each in bridge.warnings] == [
        'cog.yaml:3:3: deprecated field "build.pre_install"'
        " (its commands run after those of build.run: move them to its end)",
        'cog.yaml:4:1: deprecated field "predict" (use "run" instead)',
        "r.txt:2:1: cog is left out: the image brings its own SDK (remove the line)",
    ]
    first = bridge.warnings[2]
    assert (first.info.filename, first.info.data) == ("r.txt", files["r.txt"])
    assert first.ranges[0].start.line == 2
    assert first.digest == bridge.solves[0].definition.head


def test_a_daemon_that_fails_to_warn_builds_all_the_same() -> None:
    config = b"build:\n  pre_install: [a]\npredict: predict.py:Predictor\n"
    bridge = frontend({**GOOD, "cog.yaml": config}, fail={"Warn": RpcError(2, "no")})
    assert bridge.result.ref.id


def test_a_wish_for_another_sdk_is_a_warning() -> None:
    config = b"build: {sdk_version: 0.17.0}\nrun: predict.py:Predictor\n"
    (warning,) = frontend({**GOOD, "cog.yaml": config}).warnings
    assert warning.short.decode() == (
        "cog.yaml:1:22: build.sdk_version 0.17.0 has no effect: the image has cogkit's SDK"
        " (remove it)"
    )


def test_a_client_that_does_not_say_that_it_heeds_the_compression_is_reminded() -> None:
    config = b"build: {compression: {type: zstd, level: 3}}\nrun: predict.py:Predictor\n"
    files = {**GOOD, "cog.yaml": config}
    (warning,) = frontend(files).warnings
    assert warning.short.decode() == (
        "cog.yaml:1:29: build.compression: zstd is for the client to choose (build with `cog build`"
        ", or add compression=zstd,compression-level=3,force-compression=true,oci-mediatypes=true"
        " to --output and --build-arg COGKIT_COMPRESSION=zstd)"
    )
    assert not frontend(files, {"build-arg:COGKIT_COMPRESSION": "zstd"}).warnings
    assert frontend(files, {"build-arg:COGKIT_COMPRESSION": "gzip"}).warnings


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
    bridge = frontend(GOOD, {"context:cogkit-toolbox": f"docker-image://{SOURCE}-toolbox-3.13"})
    assert bridge.result.ref.id


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"context": "C:/project"}, "option context=C:/project is no URL"),
        ({"target": "locks"}, "there is no target 'locks' (did you mean 'lock'?)"),
        ({"force-network-mode": "mesh"}, "option force-network-mode=mesh must be none"),
        ({"platform": "linux"}, "option platform=linux: platform is not os/architecture"),
        ({"cache-imports": "{"}, "option cache-imports is not a list of caches"),
        ({"multi-platform": "maybe"}, "option multi-platform=maybe must be true or false"),
        ({"add-hosts": "a"}, "option add-hosts: 'a' is not HOST=ADDRESS"),
        ({"ulimit": "nofile"}, "option ulimit: 'nofile' is not NAME=SOFT:HARD"),
        ({"ulimit": "nofile=many"}, "option ulimit: 'nofile=many' is not NAME=SOFT:HARD"),
        ({"shm-size": "-1"}, "option shm-size=-1 must be a number of bytes"),
        ({"add-hosts": "a=1.2.3"}, "option add-hosts: 'a=1.2.3' is not HOST=ADDRESS"),
        ({"image-resolve-mode": "x"}, "image-resolve-mode=x must be default, pull or local"),
        ({"build-arg:SOURCE_DATE_EPOCH": "now"}, "SOURCE_DATE_EPOCH=now must be seconds"),
        ({"build-arg:SOURCE_DATE_EPOCH": "9" * 30}, "must be seconds since 1970"),
        (
            {"build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR": "si"},
            "option build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR=si must be true or false",
        ),
        (
            {"platform": "linux/amd64,linux/arm64", "build-arg:BUILDKIT_MULTI_PLATFORM": "0"},
            "option build-arg:BUILDKIT_MULTI_PLATFORM=0 with 2 platforms",
        ),
        ({"attest:quality": ""}, "option attest:quality: there is no such attestation"),
        ({"memory": "1g"}, "option memory=1g must be a number of bytes"),
        ({"memswap": "-2"}, "option memswap=-2 must be a number of bytes, or -1"),
        ({"cpusetcpus": "0;1"}, "option cpusetcpus=0;1 must be a list of numbers"),
        ({"memory": "1000000"}, "the builder is too old for limits of memory"),
    ],
)
def test_options_that_cannot_be_honoured_are_named(options: dict[str, str], expected: str) -> None:
    assert expected in error(GOOD, options)


def test_a_subrequest_is_refused_as_the_protocol_says() -> None:
    status = frontend(GOOD, {"requestid": "frontend.convertllb"}).error
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


def test_every_command_runs_as_the_client_asked() -> None:
    bridge = frontend(
        GOOD,
        {
            "force-network-mode": "none",
            "add-hosts": "Db=10.0.0.1,v6=::1",
            "ulimit": "nofile=100:200,nproc=5",
            "shm-size": "1048576",
            "cgroup-parent": "builds",
            "hostname": "maker",
            "build-arg:https_proxy": "http://proxy:3128",
        },
    )
    text = graph(bridge)
    for expected in (
        "network none",
        "host db 10.0.0.1",
        "host v6 ::1",
        "nofile=100:200",
        "nproc=5:5",
        "mount tmpfs /dev/shm size=1048576",
        "cgroupParent builds",
        "hostname maker",
        "https_proxy http://proxy:3128",
    ):
        assert expected in text


def test_indexes_that_pip_would_read_from_the_environment_reach_uv() -> None:
    build = b"build: {python_packages: [six]}\n"
    config = b"environment: [PIP_EXTRA_INDEX_URL=https://e.com/simple]\n" + build
    text = graph(frontend({**GOOD, "cog.yaml": config}))
    assert "env UV_INDEX=https://e.com/simple" in text
    assert "env PIP_EXTRA_INDEX_URL=https://e.com/simple" in text


@pytest.mark.parametrize(
    ("option", "again"),
    [
        ({}, set()),
        ({"no-cache": "packages, other"}, {"packages"}),
        ({"no-cache": ""}, {"python", "lock", "packages"}),
    ],
)
def test_commands_of_named_layers_run_again(option: dict[str, str], again: set[str]) -> None:
    files = {**GOOD, "cog.yaml": b"build: {python_packages: [six]}\n"}
    bridge = frontend(files, option, runner=resolver(SIX))
    ignored = {
        dict(meta.description)["llb.customname"][1:].partition("]")[0].partition(" ")[0]
        for meta in bridge.solves[-1].definition.metadata.values()
        if meta.ignore_cache
    }
    assert ignored == again


def test_a_context_for_one_platform_wins() -> None:
    image = f"docker-image://{SOURCE}-toolbox-3.13"
    bridge = frontend(
        GOOD,
        {"context:cogkit-toolbox": "local:x", "context:cogkit-toolbox::linux/amd64": image},
    )
    assert bridge.result.ref.id


def test_the_config_in_the_image_is_the_one_that_was_read() -> None:
    files = {**GOOD, ".dockerignore": b"cog.yaml\n"}
    assert frontend(files).tree().files["src/cog.yaml"] == GOOD["cog.yaml"]


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


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({}, ["linux/amd64", "linux/arm64"]),
        ({"platform": "linux/386"}, ["linux/386"]),
        ({"multi-platform": "true"}, ["linux/amd64", "linux/arm64"]),
    ],
)
def test_the_platforms_of_the_config_count_where_the_command_names_none(
    option: dict[str, str], expected: list[str]
) -> None:
    config = b"build: {platforms: [linux/amd64, linux/arm64]}\n"
    bridge = frontend({"cog.yaml": config}, option)
    platforms = json.loads(bridge.result.metadata["refs.platforms"])["Platforms"]
    assert [platform["ID"] for platform in platforms] == expected


def test_one_platform_of_the_config_makes_one_image() -> None:
    bridge = frontend({"cog.yaml": b"build: {platforms: [linux/arm64]}\n"})
    image = json.loads(bridge.result.metadata["containerimage.config"])
    assert image["architecture"] == "arm64"


def test_a_named_user_is_looked_for_in_the_finished_image() -> None:
    text = error({"cog.yaml": b"build:\n  user: model\n"})
    assert text.startswith("cog.yaml:2:9: build.user: 'model' is not in /etc/passwd of the image")
