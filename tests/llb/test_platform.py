from __future__ import annotations

import pytest

from buildkit_llb import LLBError, Platform, image, marshal
from buildkit_llb._definition import parse_op


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("macos/arm64", "darwin/arm64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/s390x", "linux/s390x"),
    ],
)
def test_each_platform_has_one_spelling(text: str, normal: str) -> None:
    platform = Platform.parse(text)
    assert str(platform) == normal
    assert Platform.parse(normal) == platform


def test_an_os_may_carry_its_version() -> None:
    platform = Platform.parse("windows(10.0.17763)/amd64")
    assert platform == Platform(os="windows", architecture="amd64", os_version="10.0.17763")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linux",
        "linux/",
        "/amd64",
        "linux/a/b/c",
        "windows(1/x",
        "()/amd64",
        " linux/amd64",
        "linux/a*",
    ],
)
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(LLBError, match="platform"):
        Platform.parse(text)


def test_every_part_is_in_the_op() -> None:
    platform = Platform(
        os="windows",
        architecture="arm",
        variant="v7",
        os_version="10",
        os_features=("win32k",),
    )
    made = parse_op(marshal(image("a"), platform=platform).ops[0]).platform
    assert (made.OS, made.Architecture, made.Variant) == ("windows", "arm", "v7")
    assert (made.OSVersion, list(made.OSFeatures)) == ("10", ["win32k"])
