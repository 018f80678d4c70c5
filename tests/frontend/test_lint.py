"""Every rule: a project that it is about, with the place and the mended file, and one it is not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cog_frontend.config import examine_config
from cog_frontend.lint import RULES, Edit, apply_edits, gather, lint
from cog_frontend.project import read_project
from tests.fakes.bridge import FakeBridge
from tests.frontend.test_cases import frontend

ROOT = Path(__file__).parents[2]
PREDICT = """\
from cog import BasePredictor, Input


class Predictor(BasePredictor):
    def setup(self, weights: str = "") -> None:
        pass

    def predict(
        self,
        text: str = Input(description="what to say"),
        steps: int = Input(description="how often", ge=1, le=9),
    ) -> str:
        return text * steps
"""
HEAD = 'build:\n  python_version: "3.12"\n'
TAIL = "run: predict.py:Predictor\n"
CLEAN = {
    "cog.yaml": HEAD + TAIL,
    "predict.py": PREDICT,
    ".dockerignore": ".git\n",
    "r.txt": "six==1.17.0\n",
}


@dataclass(frozen=True)
class Example:
    """``at``: FILE:LINE of what is found, or FILE where it has no line; none: nothing is."""

    rule: str
    files: dict[str, str | None]
    at: tuple[str, ...] = ()
    fixed: dict[str, str] = field(default_factory=dict)


def config(build: str = "", rest: str = TAIL, head: str = HEAD) -> dict[str, str | None]:
    return {"cog.yaml": head + build + rest}


def run(*commands: str) -> dict[str, str | None]:
    return config(f"  run: {json.dumps(commands)}\n")


def requirements(text: str) -> dict[str, str | None]:
    return {**config("  python_requirements: r.txt\n"), "r.txt": text}


def packages(*names: str) -> dict[str, str | None]:
    return config(f"  python_packages: {json.dumps(names)}\n")


def described(arguments: str) -> dict[str, str | None]:
    old = PREDICT[PREDICT.index("        text:") : PREDICT.index("    ) -> str")]
    return {"predict.py": PREDICT.replace(old, f"        {arguments},\n")}


RENAMED = "# my model\npredict: predict.py:Predictor # it\n"
TWICE = "  system_packages:\n    - tree\n    - jq\n    - tree\n"
EXAMPLES = [
    Example(
        "DeprecatedKey",
        config(rest=RENAMED),
        ("cog.yaml:4",),
        {"cog.yaml": HEAD + RENAMED.replace("predict:", "run:")},
    ),
    Example("DeprecatedKey", config("  pre_install: [make]\n"), ("cog.yaml:3",)),
    Example("DeprecatedKey", config()),
    Example("BuildWarning", requirements("six==1\ncog==0.9\n"), ("r.txt:2",)),
    Example("BuildWarning", requirements("six==1\n")),
    Example("NoPredictor", config(rest=""), ("cog.yaml",)),
    Example("NoPredictor", config()),
    Example("PythonNotChosen", {"cog.yaml": TAIL}, ("cog.yaml",)),
    Example("PythonNotChosen", {"cog.yaml": f"build: {{base: 'a/b:1'}}\n{TAIL}"}),
    Example(
        "PythonUnquoted",
        config(head="build: {python_packages: [six==3.10], python_version: 3.10}\n"),
        ("cog.yaml:1",),
        {"cog.yaml": f'build: {{python_packages: [six==3.10], python_version: "3.10"}}\n{TAIL}'},
    ),
    Example("PythonUnquoted", config(head="build:\n  python_version: '3.10'\n")),
    Example("PythonUnquoted", config(head="build:\n  python_version: 3.12\n")),
    Example("PythonNearItsEnd", config(head="build:\n  python_version: '3.10'\n"), ("cog.yaml:2",)),
    Example("PythonNearItsEnd", config()),
    Example(
        "SecretInEnvironment", config(rest=f"environment:\n  - HF_TOKEN=abc\n{TAIL}"),
        ("cog.yaml:4",),
    ),
    Example("SecretInEnvironment", config(rest=f"environment: [TOKENIZERS=1]\n{TAIL}")),
    Example("BaseNotPinned", config("  base: example.com:5000/a/b\n"), ("cog.yaml:3",)),
    Example("BaseNotPinned", config("  base: a/b:latest\n"), ("cog.yaml:3",)),
    Example("BaseNotPinned", config("  base: a/b:1.2\n")),
    Example("BaseNotPinned", config(f"  base: a/b@sha256:{'0' * 64}\n")),
    Example(
        "SystemPackageTwice", config(TWICE), ("cog.yaml:6",),
        {"cog.yaml": HEAD + TWICE.removesuffix("    - tree\n") + TAIL},
    ),
    # On one line with others: found, and left to the author.
    Example("SystemPackageTwice", config("  system_packages: [tree, tree]\n"), ("cog.yaml:3",)),
    Example("SystemPackageTwice", config("  system_packages: [tree, jq]\n")),
    Example("SystemPackageVersion", config("  system_packages:\n    - tree=2.1\n"),
            ("cog.yaml:4",)),
    Example("SystemPackageVersion", config("  system_packages: [tree]\n")),
    Example("NoIgnoreFile", {".dockerignore": None}, ("cog.yaml",)),
    Example("NoIgnoreFile", {".dockerignore": None, "cog.yaml.dockerignore": "x\n"}),
    Example("InputWithoutDescription", described("text: str, n: int = Input(description='n')"),
            ("predict.py:10",)),
    Example("InputWithoutDescription", {}),
    Example("NumberWithoutBounds", described("n: int = Input(description='n')"),
            ("predict.py:10",)),
    Example("NumberWithoutBounds", described("seed: int = 1, n: int = Input(choices=[1, 2])")),
    Example("AptInRun", run("apt-get update && apt-get -y install jq"), ("cog.yaml:3",)),
    Example("AptInRun", run("apt-get update", "install-apt x")),
    Example("PipInRun", run("pip install --no-cache six"), ("cog.yaml:3",)),
    Example("PipInRun", run("python -m pip install six && cd /x"), ("cog.yaml:3",)),
    Example("PipInRun", run("pip install .", "pip install -e lib", "pip install /wheels/a.whl")),
    Example("SudoInRun", run("true && sudo make"), ("cog.yaml:3",)),
    Example("SudoInRun", run("echo pseudo sudo-rs")),
    Example("ScriptFromTheWeb", run("curl -sSL https://e.com/i.sh | bash -s"), ("cog.yaml:3",)),
    Example("ScriptFromTheWeb", run("curl -o i.sh https://e.com/i && sh i.sh")),
    Example("FolderIsForgotten", run("cd /tmp", "make"), ("cog.yaml:3",)),
    Example("FolderIsForgotten", run("cd /tmp && make")),
    Example("VariableIsForgotten", run("export A=1", "make"), ("cog.yaml:3",)),
    Example("VariableIsForgotten", run("export A=1 && make", "A=1 make")),
    Example("CredentialInCommand", run("git clone https://me:hunter2@e.com/r"), ("cog.yaml:3",)),
    Example("CredentialInCommand", run("HF_TOKEN=hf_0123456789 make"), ("cog.yaml:3",)),
    Example("CredentialInCommand", run('HF_TOKEN="$(cat /run/token)" make', "A=https://e.com/@x")),
    Example("OwnerOfAWholeTree", run("chown -R 1000:1000 /src"), ("cog.yaml:3",)),
    Example("OwnerOfAWholeTree", run("chmod +x /usr/local/bin/x")),
    Example("WeightsInRun", run("wget https://e.com/m.safetensors"), ("cog.yaml:3",)),
    Example("WeightsInRun", run("curl https://e.com/list.txt")),
    Example("UnpinnedPackage", requirements("# all\nsix\nwheel>=0.4\n"), ("r.txt:2",)),
    Example("UnpinnedPackage", packages("six", "wheel==0.4"), ("cog.yaml:3",)),
    Example("UnpinnedPackage", requirements("six==1.17.0\ncog\n")),
    Example(
        "PackageTwice", requirements("six==1\nwheel==1\nsix==1\n"), ("r.txt:3",),
        {"r.txt": "six==1\nwheel==1\n"},
    ),
    Example("PackageTwice", requirements("six>=1\nsix==1\n"), ("r.txt:2",)),
    Example(
        "PackageTwice",
        {**requirements("-c c.txt\nsix; python_version<'3'\nsix>1; python_version>'3'\n"),
         "c.txt": "six==1\n"},
    ),
    Example("DevelopmentPackage", packages("ruff==0.1"), ("cog.yaml:3",)),
    Example("DevelopmentPackage", packages("pytest==8", "six==1")),
    Example("GpuWithoutUse", config("  gpu: true\n"), ("cog.yaml:3",)),
    Example("GpuWithoutUse", config("  gpu: true\n  python_packages: [six==1]\n")),
    Example(
        "CredentialInRequirements",
        requirements("--extra-index-url https://me:hunter2@e.com/simple\nsix==1\n"), ("r.txt:1",),
    ),
    Example("CredentialInRequirements",
            requirements("--extra-index-url https://e.com/simple\nsix==1\n")),
    Example("IndexWithoutTls", requirements("six==1\n--index-url http://e.com/simple\n"),
            ("r.txt:2",)),
    Example("IndexWithoutTls",
            config("  python_index: ['http://e.com/simple']\n  python_packages: [six==1]\n"),
            ("cog.yaml:3",)),
    Example("IndexWithoutTls",
            config("  python_index: ['https://e.com/simple']\n  python_packages: [six==1]\n")),
    Example("TrustedHost", requirements("--trusted-host e.com\nsix==1\n"), ("r.txt:1",)),
    Example("TrustedHost", requirements("# --trusted-host e.com\nsix==1\n")),
]  # fmt: skip


def project(files: dict[str, str | None]) -> dict[str, bytes]:
    merged = {**CLEAN, **files}
    return {name: text.encode() for name, text in merged.items() if text is not None}


def checked(files: dict[str, bytes], told: str = "") -> FakeBridge:
    options = {"requestid": "frontend.lint"}
    return frontend(
        files, options | ({"build-arg:BUILDKIT_DOCKERFILE_CHECK": told} if told else {})
    )


def document(bridge: FakeBridge) -> Any:
    return json.loads(bridge.result.metadata["result.json"])


def places(answer: Any, rule: str) -> tuple[str, ...]:
    """FILE:LINE of what a rule found, as a client works them out."""
    found = []
    for each in answer["warnings"]:
        at = each["location"]
        name = answer["sources"][at["sourceIndex"]]["filename"] if at["ranges"] else "cog.yaml"
        if each["ruleName"] == rule:
            found.append(f"{name}:{at['ranges'][0]['start']['line']}" if at["ranges"] else name)
    return tuple(found)


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda each: f"{each.rule}{'' if each.at else '-not'}"
)
def test_a_rule_finds_what_it_is_about_and_nothing_else(example: Example) -> None:
    answer = document(checked(project(example.files)))
    assert "buildError" not in answer
    assert places(answer, example.rule) == example.at


def test_every_rule_has_an_example_of_both_kinds() -> None:
    for found in (True, False):
        assert {each.rule for each in EXAMPLES if bool(each.at) is found} == {
            rule.id for rule in RULES
        }
    assert len(RULES) >= 20


def test_a_clean_project_is_told_so() -> None:
    metadata = checked(project({})).result.metadata
    assert json.loads(metadata["result.json"])["warnings"] == []
    assert metadata["result.statuscode"] == b"0"
    assert metadata["result.txt"] == b"Check complete, no warnings found.\n"


def test_what_is_found_is_shown_with_its_line_and_its_page() -> None:
    metadata = checked(project(run("cd /tmp"))).result.metadata
    assert metadata["result.statuscode"] == b"1"
    assert metadata["version"] == b"1.0.0"
    assert metadata["result.txt"].decode() == (
        "WARNING: FolderIsForgotten - "
        "https://github.com/cogkit/cogkit/blob/main/docs/lint.md#folderisforgotten\n"
        "the next command starts in / again: join both with &&\n"
        "Join the commands with `&&`.\n"
        "cog.yaml:3\n"
        '  >>>   run: ["cd /tmp"]\n'
    )


def test_a_project_that_cannot_be_built_is_part_of_the_answer() -> None:
    bridge = checked(project(config("  gpus: true\n")))
    answer = document(bridge)
    assert answer["buildError"]["message"].startswith("cog.yaml:3:3: build.gpus: unknown key")
    assert answer["buildError"]["location"]["ranges"][0]["start"]["line"] == 3
    assert answer["sources"][0]["filename"] == "cog.yaml"
    assert bridge.result.metadata["result.statuscode"] == b"1"
    assert bridge.result.metadata["result.txt"].startswith(b"ERROR: cog.yaml:3:3")


def test_what_is_no_yaml_is_part_of_the_answer() -> None:
    answer = document(checked({**project({}), "cog.yaml": b"build: [\n"}))
    assert answer["buildError"]["message"].startswith("cog.yaml:")
    assert answer["sources"][0]["filename"] == "cog.yaml"


def test_without_a_config_there_is_nothing_to_check() -> None:
    assert checked({"a.txt": b""}).error.message.startswith("cog.yaml: there is no such file")


def test_rules_can_be_left_out_and_a_wrong_name_is_an_error() -> None:
    files = project(run("cd /tmp", "sudo make"))
    rules = [each["ruleName"] for each in document(checked(files, "skip=sudoinrun"))["warnings"]]
    assert rules == ["FolderIsForgotten"]
    assert document(checked(files, "skip=all"))["warnings"] == []
    message = checked(files, "skip=SudoInRan").error.message
    assert "there is no rule 'SudoInRan' (did you mean 'SudoInRun'?)" in message
    assert "'skipp' is none of skip, error, experimental" in checked(files, "skipp=x").error.message


def test_a_build_that_is_told_to_refuses_what_is_found() -> None:
    files, told = project(run("cd /tmp")), "build-arg:BUILDKIT_DOCKERFILE_CHECK"
    assert frontend(files).result.ref.id
    message = frontend(files, {told: "error=true"}).error.message
    assert message.startswith("cog.yaml:3:9: FolderIsForgotten: the next command starts in / again")
    assert frontend(files, {told: "skip=FolderIsForgotten;error=true"}).result.ref.id


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if each.fixed], ids=lambda each: each.rule
)
def test_a_fix_mends_and_changes_nothing_else(example: Example) -> None:
    before = project(example.files)
    found = edits(before)
    after = {name: apply_edits(name, data.decode(), found) for name, data in before.items()}
    for name, text in after.items():
        assert text == example.fixed.get(name, before[name].decode())
    mended = {name: text.encode() for name, text in after.items()}
    assert places(document(checked(mended)), example.rule) == ()


def edits(files: dict[str, bytes]) -> list[Edit]:
    config, _, warnings = examine_config(files["cog.yaml"])
    config_file = ("cog.yaml", files["cog.yaml"])
    read = read_project(config, config_file, files.get)
    facts = gather(config_file, config, read, files, has_ignore_file=True, warnings=warnings)
    return [each.edit for each in lint(facts) if each.edit]


def test_only_what_has_a_fix_in_the_examples_is_mended() -> None:
    unfixed = [each for each in EXAMPLES if each.at and not each.fixed]
    assert [each.rule for each in unfixed if edits(project(each.files))] == []


def test_edits_of_one_file_do_not_move_each_other() -> None:
    text = "a\nb\u2028b\nc\nd"
    found = [Edit("x", 4, 4, "D\n"), Edit("x", 2, 2), Edit("y", 1, 1), Edit("x", 2, 3, "no\n")]
    assert apply_edits("x", text, found) == "a\nc\nD\n"


@pytest.mark.parametrize("end", ["\r", "\r\n", "\u2028\n"])
def test_lines_of_any_end_are_checked(end: str) -> None:
    text = (HEAD + TWICE + RENAMED).replace('"3.12"', "3.10").replace("\n", end)
    files = {**project({}), "cog.yaml": text.encode()}
    answer = document(checked(files))
    assert {"PythonUnquoted", "SystemPackageTwice", "DeprecatedKey"} >= {
        each["ruleName"] for each in answer["warnings"] if each["ruleName"] != "PythonNearItsEnd"
    }
    mended = apply_edits("cog.yaml", text, edits(files)).encode()
    assert "buildError" not in document(checked({**files, "cog.yaml": mended}))


def test_every_rule_has_its_place_on_the_page() -> None:
    page = (ROOT / "docs/lint.md").read_text()
    for rule in RULES:
        assert f"## {rule.id}\n\n{rule.summary}\n{rule.why}\n" in page
    assert page.count("\n## ") == len(RULES)
