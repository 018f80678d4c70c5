from __future__ import annotations

from pathlib import Path

from integration.engine.interpreters import Interpreter, copy, find, newest


def pyenv(root: Path, *versions: str) -> None:
    for version in versions:
        minor = version.rpartition(".")[0]
        program = root / "versions" / version / "bin" / f"python{minor}"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")


def on_path(folder: Path, minor: str, answer: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / f"python{minor}"
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)


def test_the_newest_patch_of_each_minor_wins() -> None:
    found = newest(Interpreter(v, Path("/p")) for v in ("3.12.9", "3.11.7", "3.12.10"))
    assert [each.version for each in found] == ["3.11.7", "3.12.10"]


def test_versions_outside_the_known_range_are_left_out() -> None:
    versions = ("2.7.18", "3.9.18", "3.15.0", "3.13.0-dev", "miniconda3-4.7")
    assert newest(Interpreter(version, Path("/p")) for version in versions) == ()


def test_pyenvs_interpreters_are_found_by_its_root(tmp_path: Path) -> None:
    pyenv(tmp_path / "else", "3.12.1", "3.9.1")
    found = find({"PYENV_ROOT": str(tmp_path / "else")}, tmp_path)
    assert found == (Interpreter("3.12.1", tmp_path / "else/versions/3.12.1"),)


def test_pyenv_in_the_home_folder_needs_no_variable(tmp_path: Path) -> None:
    pyenv(tmp_path / ".pyenv", "3.10.2")
    assert [each.minor for each in find({"PATH": ""}, tmp_path)] == ["3.10"]


def test_an_interpreter_on_path_is_asked_for_its_prefix(tmp_path: Path) -> None:
    on_path(tmp_path / "bin", "3.13", "echo 3.13.2 /opt/py313")
    found = find({"PATH": str(tmp_path / "bin")}, tmp_path)
    assert found == (Interpreter("3.13.2", Path("/opt/py313")),)


def test_the_distributions_own_and_a_broken_one_are_left_out(tmp_path: Path) -> None:
    on_path(tmp_path / "bin", "3.11", "echo 3.11.2 /usr")
    on_path(tmp_path / "bin", "3.12", "exit 127")
    assert find({"PATH": str(tmp_path / "bin")}, tmp_path) == ()


def test_a_copy_holds_what_runs_and_none_of_the_installed_packages(tmp_path: Path) -> None:
    prefix = tmp_path / "py"
    for name in ("os.py", "test/x.py", "__pycache__/os.pyc", "site-packages/torch/a.py"):
        path = prefix / "lib/python3.12" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (prefix / "bin").mkdir()
    (prefix / "bin/python3.12").write_text("")
    (prefix / "lib/libpython3.12.so.1.0").write_text("")
    copy(Interpreter("3.12.1", prefix), tmp_path / "out")
    files = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    assert "lib/libpython3.12.so.1.0" in files
    assert "lib/python3.12/os.py" in files
    assert not any("torch" in f or "test" in f or "pyc" in f for f in files)
    assert (tmp_path / "out/lib/python3.12/site-packages").is_dir()
