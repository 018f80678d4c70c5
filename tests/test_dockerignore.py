"""`.dockerignore`, rule by rule, from the lines of the file to the files that a build gets.

Sources: Docker's documentation ("Build context", section ".dockerignore files"; quoted where a
rule is worded there) and moby/patternmatcher v0.6 with its ignorefile package. The lines are read
by the frontend, and judged by the matcher of `cog build`, which does what the daemon's does.
"""

from __future__ import annotations

import pytest

from cog_frontend.errors import ProjectError
from cog_frontend.ignore import MAX_BYTES, MAX_LINE, ignore_patterns
from cog_frontend.patterns import Matcher, Verdict
from tests.frontend.test_cases import frontend

ALWAYS = (".git", ".cog")


def patterns(text: str | bytes) -> tuple[str, ...]:
    """The patterns of an ignore file, without what is always out."""
    found = ignore_patterns(text.encode() if isinstance(text, str) else text)
    assert found[-2:] == ALWAYS
    return found[:-2]


def kept(text: str | bytes, paths: str) -> str:
    """Which of the paths a build gets, judged folder by folder, as a client walks."""
    matcher = Matcher(ignore_patterns(text.encode() if isinstance(text, str) else text))
    return " ".join(path for path in paths.split() if not _is_out(matcher, path))


def _is_out(matcher: Matcher, path: str) -> bool:
    found: Verdict | None = None
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        found = matcher.judge("/".join(parts[:end]), found)
    return found is not None and found.matched


# The example of the documentation.
@pytest.mark.parametrize(
    ("pattern", "paths", "expected"),
    [
        # "Exclude files and directories whose names start with temp in any immediate
        # subdirectory of the root."
        ("*/temp*", "somedir/temporary.txt somedir/temp/x temp a/b/temp", "temp a/b/temp"),
        # "... from any subdirectory that is two levels below the root."
        ("*/*/temp*", "somedir/subdir/temporary.txt somedir/temp", "somedir/temp"),
        # "... whose names are a one-character extension of temp."
        ("temp?", "tempa tempb temp tempab a/tempa", "temp tempab a/tempa"),
    ],
)
def test_the_documented_example(pattern: str, paths: str, expected: str) -> None:
    assert kept(f"# comment\n{pattern}\n", paths) == expected


@pytest.mark.parametrize("line", ["foo/bar", "/foo/bar", "foo/bar/", "/foo/bar/", "//foo//bar//"])
def test_leading_and_trailing_slashes_say_nothing(line: str) -> None:
    """ "Leading and trailing slashes in .dockerignore patterns are disregarded."""
    assert patterns(line) == ("foo/bar",)
    assert kept(line, "foo/bar foo/bar/x foo/barn a/foo/bar") == "foo/barn a/foo/bar"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("./a", ("a",)),
        ("a/./b", ("a/b",)),
        ("a/../b", ("b",)),
        ("a//b", ("a/b",)),
        ("/../a", ("a",)),
        ("../a", ("../a",)),
        ("a/..", ()),
        (".", ()),  # "For historical reasons, the pattern . is ignored."
        ("./", ()),
        ("/", ()),
        ("//", ()),
        ("!.", ()),
        ("!/", ()),
        ("!//", ()),
        ("!./a/../b/", ("!b",)),
        ("!/a", ("!a",)),
        ("..", ("..",)),
    ],
)
def test_paths_are_cleaned(line: str, expected: tuple[str, ...]) -> None:
    """ "...Go's filepath.Clean function to trim whitespace and remove . and .. elements."""
    assert patterns(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#a\nb", ("b",)),
        ("#\n# a\n##\nb", ("b",)),
        (" #a", ("#a",)),  # a comment has its # in column 1
        ("a#b\na #b", ("a#b", "a #b")),
        ("\\#a", ("\\#a",)),
        ("!#a", ("!#a",)),
        ("\ufeff#a\nb", ("b",)),
    ],
)
def test_comments(text: str, expected: tuple[str, ...]) -> None:
    """ "If a line starts with # in column 1, then this line is considered as a comment."""
    assert patterns(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("\n\n  \n\t\n", ()),
        ("  a  \n\tb\t", ("a", "b")),
        ("a b", ("a b",)),
        ("! a ", ("!a",)),
        ("a\r\nb\r\n", ("a", "b")),
        ("a\rb", ("a\rb",)),  # an old Mac's line end is none
        ("a\vb\x1cc\u2028d", ("a\vb\x1cc\u2028d",)),
        ("\xa0\u3000a\u2003", ("a",)),  # Go's unicode.IsSpace
        ("\x1ca", ("\x1ca",)),  # which Python's strip would take
        ("a\n\n\nb", ("a", "b")),
        ("a", ("a",)),
    ],
)
def test_white_space_and_line_ends(text: str, expected: tuple[str, ...]) -> None:
    assert patterns(text) == expected


def test_a_byte_order_mark_is_taken_off_the_first_line_only() -> None:
    assert patterns("\ufeffa\n\ufeffb") == ("a", "\ufeffb")


def test_bytes_that_are_no_utf8_are_names_of_nothing() -> None:
    assert patterns(b"a\xff\nb") == ("a\ufffd", "b")


@pytest.mark.parametrize(
    ("pattern", "paths", "expected"),
    [
        # filepath.Match
        ("*.md", "a.md a/b.md .md md", "a/b.md md"),
        ("a*", "a ab ab/c b/a", "b/a"),
        ("*", "a a/b .hidden", ""),
        ("a?c", "abc ac a/c aéc", "ac a/c"),
        ("[ab]c", "ac bc cc", "cc"),
        ("[a-c]x", "ax cx dx", "dx"),
        ("[^a]c", "ac bc", "ac"),
        ("\\*", "* a", "a"),
        ("\\a", "a b", "b"),
        ("a\\?b", "a?b axb", "axb"),
        ("a.c", "a.c abc", "abc"),
        ("a+b", "a+b aab", "aab"),
        ("(a|b)", "(a|b) a b", "a b"),
        ("$a{1}", "$a{1} a", "a"),
        ("!(a)", "(a) a", "(a) a"),
        # Two stars match any number of folders, none as well.
        ("**", "a a/b", ""),
        ("**/", "a a/b", ""),
        ("**/*.go", "a.go a/b.go a/b/c.go a.goo", "a.goo"),
        ("**/a", "a b/a b/c/a/d ba", "ba"),
        ("a/**", "a a/b a/b/c ab", "a ab"),
        ("a/**/b", "a/b a/x/b a/x/y/b a/bb ab", "a/bb ab"),
        ("**/a/**", "a/b x/a/b a", "a"),
        ("a/**/*.py", "a/x.py a/b/x.py x.py", "x.py"),
        ("**/**/x", "x a/x a/b/x", ""),
        ("**/__pycache__", "__pycache__/x a/__pycache__/y", ""),
        # What names a folder names all that is in it; case and dots count.
        ("a", "a a/b a/b/c", ""),
        ("a/b", "a a/b a/b/c a/c", "a a/c"),
        ("A", "a A", "a"),
        (".env", ".env a.env .env.local", "a.env .env.local"),
        ("naïve", "naïve naive", "naive"),
        ("../a", "a", "a"),
    ],
)
def test_one_pattern(pattern: str, paths: str, expected: str) -> None:
    assert kept(pattern, paths) == expected


README = "README.md README-secret.md LICENSE.md a/README.md"


@pytest.mark.parametrize(
    ("lines", "paths", "expected"),
    [
        ("*.md\n!README.md", README, "README.md a/README.md"),
        # "No markdown files are included in the context except README files other than
        # README-secret.md."
        ("*.md\n!README*.md\nREADME-secret.md", README, "README.md a/README.md"),
        # "All of the README files are included. The middle line has no effect because
        # !README*.md matches README-secret.md and comes last."
        ("*.md\nREADME-secret.md\n!README*.md", README, "README.md README-secret.md a/README.md"),
        # "you can specify * as the first pattern, followed by one or more ! exception patterns"
        ("*\n!src\n!cog.yaml", "src/a src/b/c cog.yaml x y/z", "src/a src/b/c cog.yaml"),
        ("*\n!src\nsrc/b", "src/a src/b/c", "src/a"),
        ("*\n!src/keep", "src/keep src/drop", "src/keep"),
        ("a\n!a/b/c", "a/x a/b/c a/b/d", "a/b/c"),
        ("!a\na", "a a/b", ""),
        ("!a", "a b", "a b"),
        ("**\n!**/*.py", "a.py a/b.py a/b.txt", "a.py a/b.py"),
        ("a/**\n!a/b", "a/b a/b/c a/d", "a/b a/b/c"),
        ("a\n!!a", "a !a", "!a"),
        ("!\\!a\n\\!a", "!a a", "a"),
        ("**/*.bin\n!weights/**/*.bin\nweights/old", "x.bin weights/a/x.bin weights/old/x.bin",
         "weights/a/x.bin"),
    ],
)  # fmt: skip
def test_the_last_line_that_matches_decides(lines: str, paths: str, expected: str) -> None:
    """ "The last line of the .dockerignore that matches a particular file determines whether it
    is included or excluded."
    """
    assert kept(lines, paths) == expected


def test_what_is_always_out_stays_out() -> None:
    assert kept("!.git\n!.cog\n!**", ".git/HEAD .cog/x .gitignore a/.git") == ".gitignore a/.git"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n!\n", ":2:1: '!' keeps nothing: it has no pattern behind it"),
        ("!  ", ":1:1: '!' keeps nothing"),
        ("a[", ":1:1: 'a[' is no pattern (close the [ with a ], or write \\[ for the character)"),
        ("[]a]", "'[]a]' is no pattern"),
        ("[^]", "'[^]' is no pattern"),
        ("[-a]", "'[-a]' is no pattern"),
        ("[a-]", "'[a-]' is no pattern"),
        ("[a-b-c]", "'[a-b-c]' is no pattern"),
        ("a\\", "is no pattern"),
        ("[a\\]", "is no pattern"),
        ("x\na\0b", ":2:1: a NUL character is in no name"),
        ("a" * (MAX_LINE + 1), ":1:1: the line has 65537 characters, and 65536 are the most"),
        ("a\n" * (MAX_BYTES // 2) + "b", ": the file has 1048577 bytes, and 1048576 are the most"),
    ],
)
def test_what_no_builder_reads_is_an_error_with_its_line(text: str, expected: str) -> None:
    """Go's filepath.Match and patternmatcher refuse the same, without a line."""
    with pytest.raises(ProjectError) as caught:
        patterns(text)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[a-b]", "[^a]", "[a\\]b]", "[\\-]", "[[]", "[*]", "]", "a]", "-"]
)
def test_classes_that_are_patterns(text: str) -> None:
    assert patterns(text) == (text,)


def test_every_line_that_is_wrong_is_told() -> None:
    with pytest.raises(ProjectError) as caught:
        patterns("[\nfine\n!\n")
    assert len(caught.value.problems) == 2


PREDICT = b"class Predictor:\n  def predict(self) -> str: return ''\n"
PROJECT = {"cog.yaml": b"run: predict.py:Predictor\n", "predict.py": PREDICT, "a": b"", "b": b""}


def in_image(files: dict[str, bytes], filename: str = "cog.yaml") -> set[str]:
    found = frontend({**PROJECT, **files}, filename=filename).tree().files
    return {name for name in ("a", "b") if f"src/{name}" in found}


def test_the_file_of_the_config_wins_over_that_of_the_context() -> None:
    """ "A Dockerfile-specific ignore-file takes precedence over the .dockerignore file at the root
    of the build context if both exist." It is not added to: it stands alone.
    """
    both = {".dockerignore": b"a", "cog.yaml.dockerignore": b"b"}
    assert in_image(both) == {"a"}
    assert in_image({".dockerignore": b"a"}) == {"b"}
    assert in_image({".dockerignore": b"a", "cog.yaml.dockerignore": b""}) == {"a", "b"}


def test_the_file_goes_with_the_name_of_the_config() -> None:
    files = {
        "deploy/gpu.yaml": PROJECT["cog.yaml"],
        "deploy/gpu.yaml.dockerignore": b"b",
        "cog.yaml.dockerignore": b"a",
    }
    assert in_image(files, filename="deploy/gpu.yaml") == {"a"}


@pytest.mark.parametrize("name", [".dockerignore", "cog.yaml.dockerignore"])
def test_a_wrong_line_is_shown_in_the_file_it_is_in(name: str) -> None:
    bridge = frontend({**PROJECT, name: b"a\n[\n"})
    assert bridge.error.message.startswith(f"{name}:2:1: '[' is no pattern")
    assert any(b"Source+json" in each.type_url.encode() for each in bridge.error.details)
