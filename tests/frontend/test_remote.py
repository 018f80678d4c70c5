"""URLs as trees: which are repositories, what they say, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cog_frontend.option_values import OptionError
from cog_frontend.remote import Git, Http, is_archive, parse_remote


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.com/a/b.git", Git(url="https://e.com/a/b.git")),
        ("https://e.com/b.git#main", Git(url="https://e.com/b.git", ref="main")),
        ("https://e.com/b.git#:dir/sub", Git(url="https://e.com/b.git", subdir="dir/sub")),
        ("https://e.com/b.git#v1:dir", Git(url="https://e.com/b.git", ref="v1", subdir="dir")),
        ("git://e.com/b#main", Git(url="git://e.com/b", ref="main")),
        ("git@e.com:a/b.git#x", Git(url="git@e.com:a/b.git", ref="x")),
        ("ssh://git@e.com/b", Git(url="ssh://git@e.com/b")),
        ("github.com/a/b#x", Git(url="github.com/a/b", ref="x")),
        (
            "https://e.com/b.git?branch=main&subdir=d&submodules=false",
            Git(url="https://e.com/b.git", ref="refs/heads/main", subdir="d", submodules=False),
        ),
        (
            "https://e.com/b.git?tag=v1&commit=ab12&keep-git-dir&fetch-by-commit=1",
            Git(
                url="https://e.com/b.git",
                ref="refs/tags/v1",
                checksum="ab12",
                keep_git_dir=True,
                fetch_by_commit=True,
            ),
        ),
        ("https://e.com/b.git?ref=x#x:d", Git(url="https://e.com/b.git", ref="x", subdir="d")),
        ("HTTPS://e.com/b.git", Git(url="HTTPS://e.com/b.git")),
        ("https://e.com/b.tar.gz", Http("https://e.com/b.tar.gz")),
        ("http://e.com/b.gitx?a#b", Http("http://e.com/b.gitx?a#b")),
        ("./b.git", None),
        ("/srv/b.git", None),
        ("C:/b", None),
    ],
)
def test_what_a_url_means(url: str, expected: Git | Http | None) -> None:
    assert parse_remote("context", url) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?branhc=x", "option context: 'branhc' means nothing in a git URL"),
        ("?ref=a#b", "option context: the URL has two values of ref"),
        ("?ref=a&tag=a", "option context: the URL has two values of tag"),
        ("?submodules=maybe", "option context: submodules=maybe must be true or false"),
    ],
)
def test_what_a_git_url_cannot_say(query: str, expected: str) -> None:
    with pytest.raises(OptionError, match="option context") as caught:
        parse_remote("context", f"https://e.com/b.git{query}")
    assert expected in str(caught.value)


def test_options_hold_where_the_url_is_silent() -> None:
    options = {"keep_git_dir": True, "epoch": True}
    silent = parse_remote("context", "https://e.com/b.git", **options)
    assert silent == Git(url="https://e.com/b.git", keep_git_dir=True, mtime="commit")
    says = parse_remote("context", "https://e.com/b.git?keep-git-dir=0&mtime=checkout", **options)
    assert says == Git(url="https://e.com/b.git", mtime="checkout")


@given(st.text())
def test_any_text_is_something_or_refused(text: str) -> None:
    for scheme in ("", "https://", "git@", "git://"):
        try:
            parse_remote("context", scheme + text)
        except OptionError as error:
            assert "context" in str(error)


def test_archives_are_known_by_their_first_bytes() -> None:
    tar = b"\0" * 257 + b"ustar\x0000"
    assert all(map(is_archive, (b"\x1f\x8b\x08", b"BZh91AY", b"\xfd7zXZ\0", tar)))
    assert not any(map(is_archive, (b"", b"build: {}\n", b"\0" * 300)))
