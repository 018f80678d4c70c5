"""Reading lock files: what one image gets from them, and what is wrong in them."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.errors import ProjectError
from cog_frontend.plan.groups import LARGE
from cog_frontend.plan.lock import Lock, lock_entry, lock_text, read_lock, toml_value
from cog_frontend.plan.wheel import Target, fits, target

AMD = target("3.12", "amd64")
ARM = target("3.12", "arm64")
HEAD = 'lock-version = "1.0"\n'
WHEEL = "numpy-2.2.1-cp312-cp312-manylinux_2_17_x86_64.whl"
NUMPY = """\
[[packages]]
name = "NumPy"
version = "2.2.1"
marker = "python_full_version >= '3.10' and sys_platform == 'linux'"
sdist = { url = "https://h/numpy-2.2.1.tar.gz", size = 9, hashes = { sha256 = "5d" } }
wheels = [
  { url = "https://h/numpy-2.2.1-cp311-cp311-linux_x86_64.whl", size = 99 },
  { url = "https://h/%s", upload-time = 2024-12-21, size = 16, hashes = { sha256 = "12" } },
]
""".replace("%s", WHEEL)


def read(text: str, of: Target = AMD, **pins: tuple[str, ...]) -> Lock:
    return read_lock((HEAD + text).encode(), of, file="deps/pylock.toml", pins=pins)


def problems(text: str, of: Target = AMD, **pins: tuple[str, ...]) -> list[str]:
    with pytest.raises(ProjectError) as raised:
        read(text, of, **pins)
    return [str(problem) for problem in raised.value.problems]


def test_a_package_keeps_the_wheels_that_fit_and_nothing_for_people() -> None:
    (package,) = read(NUMPY).packages
    assert (package.name, package.version, package.size) == ("numpy", "2.2.1", 16)
    assert not package.is_source
    assert tomllib.loads(lock_entry([package]))["packages"] == [
        {
            "name": "numpy",
            "version": "2.2.1",
            "wheels": [
                {
                    "url": "https://h/numpy-2.2.1-cp312-cp312-manylinux_2_17_x86_64.whl",
                    "size": 16,
                    "hashes": {"sha256": "12"},
                }
            ],
        }
    ]


def test_without_a_wheel_for_the_machine_it_is_built() -> None:
    (package,) = read(NUMPY, ARM).packages
    assert package.is_source
    assert package.kind == "sdist"


def test_what_is_for_another_system_is_left_out() -> None:
    text = NUMPY.replace("'linux'", "'win32'").replace(" and ", " or ").replace("3.10", "3.99")
    assert read(text).packages == ()


def test_files_of_the_project_are_named_from_its_root() -> None:
    text = '[[packages]]\nname = "six"\narchive = { path = "../w/six.zip", size = 3 }\n'
    (package,) = read(text).packages
    assert package.files == ("w/six.zip",)
    assert 'path = "w/six.zip"' in package.sources[0]
    assert package.is_source


def test_a_wheel_as_an_archive_is_not_built() -> None:
    text = '[[packages]]\nname = "x"\narchive = { url = "https://h/x-1-py3-none-any.whl?a=1" }\n'
    assert not read(text).packages[0].is_source


def test_a_wheel_of_unknown_size_counts_as_large_if_it_is_for_one_machine() -> None:
    sizes = [
        read(
            f'[[packages]]\nname = "x"\nwheels = [{{ url = "https://h/x-1-py3-none-{tag}.whl" }}]\n'
        )
        .packages[0]
        .size
        for tag in ("any", "manylinux_2_28_x86_64")
    ]
    assert sizes == [0, LARGE]


def test_a_repository_is_built_and_the_project_itself_is_not_installed() -> None:
    text = (
        '[[packages]]\nname = "a"\nvcs = { type = "git", url = "https://h/a", commit-id = "c0" }\n'
        '[[packages]]\nname = "me"\ndirectory = { path = ".", editable = true }\n'
    )
    (package,) = read(text).packages
    assert package.is_source
    assert 'commit-id = "c0"' in package.sources[0]
    with pytest.raises(ProjectError, match="not as PEP 751 says: KeyError"):
        read(text.replace("commit-id", "requested-revision"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            NUMPY.replace("sdist", "#"),
            "deps/pylock.toml: numpy has no file that fits Python 3.12 on aarch64"
            " (make it again with `cog lock`)",
        ),
        (
            '[[packages]]\nname = "a"\ndirectory = { path = "../lib" }\n',
            "deps/pylock.toml: a: the folder ../lib cannot be installed: build a wheel of it"
            " (make it again with `cog lock`)",
        ),
        (
            '[[packages]]\nname = "a"\narchive = { path = "../../a.zip" }\n',
            "deps/pylock.toml: ../../a.zip is outside the project folder"
            " (make it again with `cog lock`)",
        ),
        (
            '[[packages]]\nname = "a"\narchive = { path = "a.zip" }\n' * 2,
            "deps/pylock.toml: a is locked twice for Python 3.12 on aarch64"
            " (make it again with `cog lock`)",
        ),
    ],
)
def test_what_cannot_be_installed_is_said(text: str, expected: str) -> None:
    assert problems(text, ARM) == [expected]


@pytest.mark.parametrize(
    "text", ["[[packages]]\nversion = '1'\n", "packages = 3\n", "packages = [3]\n", "= 3\n"]
)
def test_what_is_no_lock_file_is_said(text: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith("deps/pylock.toml: the lock file ")


def test_a_lock_of_another_kind_is_refused() -> None:
    with pytest.raises(ProjectError, match=r"lock-version '2.0', and 1.0 is what is understood"):
        read_lock(b'lock-version = "2.0"\n', AMD, file="pylock.toml")


def test_hashes_of_the_requirements_choose_the_files() -> None:
    assert read(NUMPY, numpy=("12",)).packages[0].size == 16
    assert read(NUMPY, numpy=("5d",)).packages[0].is_source
    assert problems(NUMPY, numpy=("99",)) == [
        "deps/pylock.toml: no file of numpy has a hash that the requirements allow"
        " (make it again with `cog lock`)"
    ]


def test_a_lock_of_some_packages_reads_as_them() -> None:
    lock = read(
        NUMPY + '[[packages]]\nname = "a"\narchive = { url = "https://h/a-1-py3-none-any.whl" }\n'
    )
    assert [package.name for package in lock.packages] == ["a", "numpy"]
    again = read_lock(lock_text(lock.packages), AMD, file="pylock.toml")
    assert again.packages == lock.packages


KEYS = st.from_regex(r"[a-z-]+", fullmatch=True)
VALUES = st.recursive(
    st.text() | st.booleans() | st.integers(-(2**62), 2**62),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.from_regex(r"[a-z-]+", fullmatch=True), inner)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_values_survive_being_written(value: object) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


@pytest.mark.parametrize(
    ("name", "amd", "arm"),
    [
        ("a-1-py3-none-any.whl", True, True),
        ("a-1-py2.py3-none-any.whl", True, True),
        ("a-1-py2-none-any.whl", False, False),
        ("a-1-py313-none-any.whl", False, False),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True, False),
        ("a-1-cp312-cp312-manylinux_2_17_aarch64.whl", False, True),
        ("a-1-cp312-cp312-musllinux_1_2_x86_64.whl", True, False),
        ("a-1-cp313-cp313-manylinux_2_17_x86_64.whl", False, False),
        ("a-1-cp312-cp312t-manylinux_2_17_x86_64.whl", False, False),
        ("a-1-cp39-abi3-manylinux_2_17_x86_64.whl", True, False),
        ("a-1-cp313-abi3-manylinux_2_17_x86_64.whl", False, False),
        ("a-1-cp37-none-manylinux1_x86_64.whl", True, False),
        ("a-1-5-py3-none-linux_x86_64.whl", True, False),
        ("a-1-py3-none-macosx_11_0_arm64.whl", False, False),
        ("a-1-py3-none-win_amd64.whl", False, False),
        ("a-1.tar.gz", False, False),
    ],
)
def test_wheels_fit_by_their_names(name: str, amd: bool, arm: bool) -> None:  # noqa: FBT001 - a table of cases
    assert (fits(name, AMD), fits(name, ARM)) == (amd, arm)


def test_machines_have_the_names_that_wheels_use() -> None:
    names = [target("3.12", *each).machine for each in (("arm", "v7"), ("386",), ("s390x",))]
    assert names == ["armv7l", "i686", "s390x"]
