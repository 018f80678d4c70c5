"""cog.yaml -> Config: every value keeps its spelling and its place, every problem is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.config import (
    Config,
    SecretMount,
    SshMount,
    config_keys,
    examine_config,
    read_config,
)
from cog_frontend.errors import ProjectError


def read(text: str) -> Config:
    return read_config(text.encode())


def problems(text: str) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_whole_file() -> None:
    config = read("""\
build:
  gpu: true
  python_version: 3.10
  python_requirements: requirements.txt
  system_packages:
    - ffmpeg
    - libgl1
  run:
    - echo one
    - command: echo two
      mounts:
        - {type: secret, id: token, target: /run/token}
predict: "predict.py:Predictor"
image: r8.im/me/model
concurrency:
  max: 4
environment:
  - A=b c
""")
    assert config.python == "3.10"
    assert config.build.gpu is True
    assert config.build.python_requirements is not None
    assert [package.text for package in config.build.system_packages] == ["ffmpeg", "libgl1"]
    assert [command.text for command in config.build.run] == ["echo one", "echo two"]
    assert config.build.run[1].mounts == (SecretMount("token", "/run/token"),)
    assert config.predictor is not None
    assert config.predictor.text == "predict.py:Predictor"
    assert config.concurrency is not None
    assert config.concurrency.max == 4
    assert [(item.name, item.value) for item in config.environment] == [("A", "b c")]


def test_an_empty_file_is_a_config_with_defaults() -> None:
    assert read("") == read("# nothing\n") == read("~\n") == Config()
    assert Config().python_minor == "3.13"


def test_the_patch_release_is_kept_and_cut() -> None:
    config = read("build: {python_version: 3.12.4}")
    assert (config.python, config.python_minor) == ("3.12.4", "3.12")


def test_unknown_keys_have_a_place_and_a_hint() -> None:
    found = problems("build:\n  python_versoin: '3.12'\nwhatever: 1\n")
    assert found[0] == (
        "cog.yaml:2:3: build.python_versoin: unknown key (did you mean 'python_version'?)"
    )
    assert found[1].startswith("cog.yaml:3:1: whatever: unknown key (known keys: build, ")


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = """\
predict: predict
build:
  python_version: 3.9
  gpu: "yes"
  system_packages: ["ok", "-o=Evil", "a b"]
  python_packages: numpy
"""
    assert [line.split(": ")[0] for line in problems(text)] == [
        "cog.yaml:1:10", "cog.yaml:3:19", "cog.yaml:4:8", "cog.yaml:5:27", "cog.yaml:5:38",
        "cog.yaml:6:20",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run: a.py:A\npredict: b.py:B", "only one of run or predict can be set"),
        ("build: [1]", "build must be a mapping"),
        ("- 1", "the file must be a mapping"),
        ("build: {run: [{mounts: []}]}", "build.run[0].command is missing"),
        (
            "build: {run: [{command: x, mounts: [{id: a}]}]}",
            "build.run[0].mounts[0].type is missing",
        ),
        ("build: {python_requirements: ../r.txt}", "is outside the project folder"),
        ("build: {python_requirements: /r.txt}", "is outside the project folder"),
        ("predict: ../p.py:P", "is outside the project folder"),
        ("build: {python_version: three}", "must include major and minor version"),
        ("build: {python_version: 2.7}", "'2.7' is not a supported Python"),
        ("concurrency: {max: 0}", "must be a whole number from 1 to 999999"),
        ("concurrency: {}", "concurrency.max is missing"),
        ("environment: [1A=x]", "must be in the form NAME=value"),
        ("environment: [PATH=x]", "'PATH' is reserved"),
        ("environment: [CUDA_HOME=x]", "'CUDA_HOME' is reserved"),
        ("environment: [A=1, A=2]", "'A' is set twice"),
        (
            "build: {python_requirements: r.txt, python_packages: [a]}",
            "only one of python_packages",
        ),
        ("build: {run: [{command: }]}", "build.run[0].command is missing"),
        ("build: {run: [{command: x, mounts: [{type: bind}]}]}", "must be 'secret' or 'ssh', not"),
        ("build: {run: [{command: x, mounts: [{}]}]}", "build.run[0].mounts[0].type is missing"),
        ("build: {run: [{command: x, mounts: [a]}]}", "mounts[0] must be a mapping"),
        ("build: {run: [[a]]}", "build.run[0] must be text, not a list or mapping"),
        ("build: {python_packages: ['']}", "build.python_packages[0] must not be empty"),
        ("build: {gpu: 'true'}", "build.gpu must be true or false, not 'true'"),
        ("build: {sdk_version: 0.15.9}", "minimum required version 0.16.0"),
        ("build: {sdk_version: newest}", "is neither 'prerelease' nor a version"),
        ("build: {cuda: 10.2}", "of CUDA 11 or later"),
        ("build: {cuda: 12}", "must include major and minor version"),
        ("build: {cudnn: new}", "is not a version of cuDNN"),
        ("build: {labels: [a=b]}", "build.labels must be a mapping of names"),
        ("build: {labels: {run.cog.version: 1}}", "'run.cog.version' is not a label that can be"),
        ("build: {labels: {a: [b]}}", "build.labels.a must be text"),
        ("build: {base: 'a b'}", "'a b' is not the name of an image"),
        ("build: {platforms: [windows/amd64]}", "'windows/amd64' is not a platform"),
        ("build: {platforms: [linux/arm64, linux/arm64]}", "'linux/arm64' is set twice"),
        ("build: {user: A}", "build.user: 'A' is not a user"),
        ("build: {ssh: 'a b'}", "is not the id of a build secret"),
        ("build: {copy: [../x]}", "'../x' is outside the project folder"),
        ("build: {copy: [{source: x, target: y}]}", "must be a folder that starts with '/'"),
        ("build: {copy: [a, a]}", "'/src/a' is set twice, first: line 1"),
        (
            "build: {python_index: ['https://a:b@c/simple']}",
            "credentials belong into a build secret",
        ),
        ("build: {python_index: [{name: a}]}", "build.python_index[0].url is missing"),
        ("build: {python_index: [{url: 'https://c', name: A}]}", "is not a name of an index"),
        (
            "build: {python_index: [{url: 'https://a', name: x}, {url: 'https://b', name: x}]}",
            "build.python_index: 'x' is set twice, first: line 1",
        ),
        (
            "build: {python_index: [{url: 'https://a', default: true},"
            " {url: 'https://b', default: true}]}",
            "https://a (line 1) takes PyPI's place already (remove default: true from one of them)",
        ),
        ("build: {lock: /pylock.toml}", "'/pylock.toml' is outside the project folder"),
        ("build: {cache: none}", "build.cache must be 'mount' or 'state', not 'none'"),
        ("build: {compression: xz}", "build.compression must be 'gzip' or 'zstd'"),
        ("build: {compression: {level: 1}}", "build.compression.type is missing"),
        ("build: {compression: {type: zstd, level: -1}}", "must be a whole number from 0 to 22"),
        ("build: {compression: {type: gzip, level: 10}}", "level: gzip has levels from 0 to 9"),
        ("build: {compression: {type: uncompressed, level: 0}}", "uncompressed has no level"),
        ("model: me", "must be a repository with its registry"),
        ("model: r8.im/me/model:1", "without a tag or digest"),
        ("model: r8.im/me/model\nimage: a", "only one of image or model can be set"),
        ("weights: [a]", "weights[0] must be a mapping of keys"),
        ("weights: [{target: /w}]", "weights[0].source is missing"),
        ("weights: [{source: w}]", "weights[0].target is missing"),
        ("weights: [{target: /, source: w}]", "must be a folder that starts with '/'"),
        ("weights: [{target: /w, source: []}]", "weights[0].source must not be empty"),
        ("weights: [{target: /w, source: 'https://h/f'}]", "a download needs its checksum"),
        ("weights: [{target: /w, source: {uri: 'https://h/f'}}]", "a download needs its checksum"),
        ("weights: [{target: /w, source: 'https://h/'}]", "not a place that weights can come from"),
        ("weights: [{target: /w, source: 'hf://a/b@main'}]", "hf://owner/name@COMMIT"),
        (
            "weights: [{target: /w, source: 'file:///etc'}]",
            "not a place that weights can come from",
        ),
        ("weights: [{target: /w, source: ../w}]", "not a place that weights can come from"),
        ("weights: [{target: /w, source: {uri: w, include: ['!x']}}]", "'!x' is not a pattern"),
        ("weights: [{target: /w, source: a}, {target: /w/b, source: b}]", "overlap"),
        (
            "weights: [{name: n, target: /w, source: a}, {name: n, target: /v, source: b}]",
            "'n' is set twice",
        ),
        ("a: [", "invalid YAML"),
        ("a: 1\na: 2", "key 'a' stands twice (first: line 1)"),
        ("a: &x [*x]", "an alias points back at its own parent"),
        ("? [a]\n: b", "a key must be plain text"),
        ("image: 'a\0b'", "invalid YAML"),
        ("build: {system_packages: [vim-]}", "'vim-' is not the name of a Debian package"),
        ("build: {system_packages: [a b]}", "each package as an entry of its own"),
        ("environment: {A: 1}", "write each entry as '- NAME=value'"),
        ("predict: |\n  a.py:A\n  b.py:B\n", "predict must be one line"),
        ('image: "a\\tb"', "image must be one line"),
        ("a: " + "[" * 5000 + "]" * 5000, "invalid YAML: nested too deeply"),
        ("a: 1\n---\nb: 2", "expected a single document"),
    ],
)
def test_what_is_wrong_is_said(text: str, expected: str) -> None:
    assert expected in "\n".join(problems(text))


def test_a_block_of_one_line_is_that_line() -> None:
    config = read("build:\n  python_version: |\n    3.12\npredict: >\n  p.py:P\n")
    assert config.python == "3.12"
    assert config.predictor is not None
    assert config.predictor.text == "p.py:P"


def test_a_value_of_the_environment_keeps_its_white_space() -> None:
    (variable,) = read("environment: ['A= b ']").environment
    assert variable.value == " b "


@pytest.mark.parametrize(
    "name", ["g++", "libfoo:arm64", "vim=2:9.1~rc1-1", "vim/bookworm-backports"]
)
def test_forms_of_a_system_package(name: str) -> None:
    (package,) = read(f"build: {{system_packages: ['{name}']}}").build.system_packages
    assert package.text == name


def test_what_is_wrong_is_not_in_the_config_that_can_be_used() -> None:
    config, problems, _ = examine_config(b"predict: p\ntrain: t.py:t\nbuild: {python_version: 2}\n")
    assert len(problems) == 2
    assert (config.predict, config.build.python_version) == (None, None)
    assert config.train is not None


def test_bytes_that_are_not_utf8_have_a_line() -> None:
    with pytest.raises(ProjectError) as caught:
        read_config(b"build:\n  gpu: \xff\n")
    assert "cog.yaml:2:1: byte 0xff is not UTF-8" in str(caught.value)


def test_a_block_ends_at_its_last_line_not_at_the_blank_after_it() -> None:
    config = read("build:\n  run:\n    - |\n      a\n      b\n\n# end\nimage: x\n")
    assert (config.build.run[0].span.start_line, config.build.run[0].span.end_line) == (3, 5)


def test_every_key_of_the_model_is_listed() -> None:
    assert {"build.gpu", "build.run", "concurrency.max", "image", "predict"} <= config_keys()


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f"build: {text}".encode()))
def test_any_bytes_give_a_config_or_problems(data: bytes) -> None:
    try:
        read_config(data)
    except ProjectError as error:
        assert error.problems


def test_the_keys_beyond_cogs_own_are_read() -> None:
    config, _, _ = examine_config(
        b"""\
build:
  cuda: 12.10
  cudnn: 9
  base: registry.example.com:5000/python:3.12@sha256:%s
  python_index:
    - https://one.example.com/simple
    - {name: company, url: https://two.example.com/simple/, secret: token, default: true}
  lock: locks/pylock.toml
  ssh: default
  platforms: [linux/amd64, linux/arm/v7]
  user: 1000:1000
  labels: {org.example.team: vision, version: 3}
  copy: [setup.sh, {source: vendor, target: /opt/vendor}]
  cache: state
  compression: {type: zstd, level: 22, force: false}
  run:
    - {command: "a\\nb", mounts: [{type: ssh}, {type: ssh, id: deploy}]}
model: registry.example.com/me/model
weights:
  - {name: base, target: /weights/base, source: hf://me/model@%s}
  - target: /src/checkpoints
    source:
      - file://./checkpoints
      - {uri: https://example.com/a/b.bin, checksum: sha256:%s, include: ["*.bin"]}
"""
        % (b"a" * 64, b"b" * 40, b"c" * 64)
    )
    build = config.build
    assert build.cuda is not None
    assert build.cuda.text == "12.10"
    assert [(index.url.text, index.default) for index in build.python_index] == [
        ("https://one.example.com/simple", False),
        ("https://two.example.com/simple/", True),
    ]
    assert [(entry.source, entry.target) for entry in build.copy] == [
        ("setup.sh", "/src/setup.sh"),
        ("vendor", "/opt/vendor"),
    ]
    assert build.user is not None
    assert build.user.text == "1000:1000"
    assert [(name.text, value.text) for name, value in build.labels] == [
        ("org.example.team", "vision"),
        ("version", "3"),
    ]
    assert build.compression is not None
    assert (build.compression.level, build.compression.force) == (22, False)
    assert build.run[0].mounts == (SshMount("default"), SshMount("deploy"))
    assert build.run[0].text == "a\nb"
    assert config.name is not None
    assert config.name.text == "registry.example.com/me/model"
    assert [len(weight.source) for weight in config.weights] == [1, 2]
    assert config.weights[1].source[1].include[0].text == "*.bin"


def test_deprecated_keys_are_said_at_their_lines() -> None:
    _, problems, warnings = examine_config(b"""\
build:
  python_packages: [six]
  pre_install: [a]
predict: a.py:A
concurrency: {max: 2}
""")
    assert not problems
    assert list(map(str, warnings)) == [
        'cog.yaml:2:3: deprecated field "build.python_packages"'
        ' (use "python_requirements" instead)',
        'cog.yaml:3:3: deprecated field "build.pre_install"'
        " (its commands run after those of build.run: move them to its end)",
        'cog.yaml:4:1: deprecated field "predict" (use "run" instead)',
        'cog.yaml:5:1: deprecated field "concurrency" (use "@cog.concurrent(max=N)" instead)',
    ]


@pytest.mark.parametrize("version", ["0.16", "0.16.1", "v1.0", "0.22.0rc1", "prerelease", "10.0"])
def test_versions_of_the_sdk(version: str) -> None:
    assert read(f"build: {{sdk_version: {version}}}").build.sdk_version is not None
