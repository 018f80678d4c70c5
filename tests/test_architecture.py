"""Who may import whom. Add an edge here before adding an import there."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# annotationlib: 3.14; _typeshed: what type checkers alone see of the standard library.
STDLIB = sys.stdlib_module_names | {"annotationlib", "_typeshed"}
LLB = {"buildkit_llb", "google"}
H2 = {"h2", "hpack", "hyperframe"}
SERVER = {
    "cog",
    "granian",
    "httpcore",
    "httpx",
    "litestar",
    "msgspec",
    "multipart",
    "opentelemetry",
    "orjson",
    "prometheus_client",
    "uvloop",
}

# Folder -> what its files may import beyond the standard library: packages, or modules of ours.
MAY_IMPORT = {
    "llb/buildkit_llb": LLB,
    "compat/cog_compat": {"cog_compat", "packaging"},
    "frontend/cog_frontend": {"cog_frontend", "cog_compat", "yaml", "packaging", *H2, *LLB},
    "frontend/cog_frontend/config": {
        "cog_frontend.config", "cog_frontend.errors", "cog_frontend.yamlnode",
    },
    "frontend/cog_frontend/schema": {"cog_frontend.schema", "cog_frontend.errors"},
    "frontend/cog_frontend/plan": {
        "cog_frontend.plan", "cog_frontend.config", "cog_frontend.errors", "cog_compat",
        "packaging",
    },
    "frontend/cog_frontend/sbom": {
        "cog_frontend.sbom", "cog_frontend.plan", "packaging",
    },
    "frontend/cog_frontend/rpc": {"cog_frontend.rpc", *H2},
    "frontend/cog_frontend/gateway": {
        "cog_frontend.gateway", "cog_frontend.rpc", "cog_frontend.errors", *LLB,
    },
    "server/cog": SERVER,
    "server/cog/worker": {"cog"},
    "server/cog/server": SERVER,
    "cli/cog_cli": {"cog_cli", "cog_frontend", "cog_compat", "click", "rich", "google"},
    "cli/cog_cli/builder": {
        "cog_cli.builder", "cog_cli.build", "cog_cli.build_options", "cog_cli.errors",
        "cog_cli.screen", "cog_frontend", "google", "rich",
    },
}  # fmt: skip

# Inside the runtime: the worker and the server meet in the wire, and nowhere else.
NEVER = {
    "server/cog/worker": {"cog.server"},
    "server/cog/server": {"cog.worker"},
}


def imported(path: Path) -> Iterator[str]:
    package = path.parent
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.relative_to(ROOT)}: relative import in {package.name}"
            yield node.module or ""


def sources(folder: str) -> list[Path]:
    # Templates are projects of users.
    return [
        path
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "_pb2" not in path.name and "templates" not in path.parts
    ]


def is_within(module: str, allowed: set[str]) -> bool:
    parts = module.split(".")
    names = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return parts[0] in STDLIB or bool(names & allowed)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_go_one_way(folder: str) -> None:
    allowed = MAY_IMPORT[folder]
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources(folder)
        for module in imported(path)
        if not is_within(module, allowed)
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", NEVER)
def test_worker_and_server_meet_only_in_the_wire(folder: str) -> None:
    forbidden = NEVER[folder]
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources(folder)
        for module in imported(path)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]
    assert wrong == []


def test_what_runs_beside_user_code_needs_only_the_standard_library() -> None:
    beside = [path for path in sources("server/cog") if "server" not in path.parts[-2:-1]]
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in beside
        if path.parent.name != "server"
        for module in imported(path)
        if not is_within(module, {"cog"})
    ]
    assert wrong == []


def test_the_plan_knows_no_buildkit() -> None:
    modules = {
        module for path in sources("frontend/cog_frontend/plan") for module in imported(path)
    }
    assert not any(
        module.startswith(("buildkit_llb", "cog_frontend.gateway")) for module in modules
    )


# What builds objects of any kind out of bytes, which then run code (pickle) or are made by it.
UNSAFE = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "torch",
    "yaml",
}


def test_nothing_on_the_way_of_a_request_is_unpickled() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources("server/cog")
        for module in imported(path)
        if module.partition(".")[0] in UNSAFE
    ]
    assert wrong == []
