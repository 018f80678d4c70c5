"""The metadata that exporters read."""

from __future__ import annotations

import json

import pytest

from buildkit_llb import Platform
from cog_frontend.gateway import (
    Ref,
    Result,
    multi_image,
    platform_id,
    single_image,
    subrequest_reply,
)

AMD64, ARM64, ARMV7 = map(Platform.parse, ("linux/amd64", "linux/arm64", "linux/arm/v7"))


def test_a_single_image_has_plain_keys_and_still_its_platform() -> None:
    result = single_image(Ref("1"), b"config", AMD64, b"base")
    assert result.ref == Ref("1")
    assert result.refs == {}
    assert result.metadata == {
        "containerimage.config": b"config",
        "containerimage.base.config": b"base",
        "refs.platforms": (
            b'{"Platforms":[{"ID":"linux/amd64","Platform":{"architecture":"amd64","os":"linux"}}]}'
        ),
    }


def test_an_image_on_scratch_has_no_base_config() -> None:
    assert "containerimage.base.config" not in single_image(None, b"{}", AMD64).metadata


def test_a_multi_platform_image_has_keys_by_platform() -> None:
    result = multi_image({AMD64: (Ref("1"), b"a", b"base"), ARMV7: (None, b"b", None)})
    assert result.ref is None
    assert result.refs == {"linux/amd64": Ref("1"), "linux/arm/v7": None}
    platforms = result.metadata["refs.platforms"]
    assert {key: each for key, each in result.metadata.items() if key != "refs.platforms"} == {
        "containerimage.config/linux/amd64": b"a",
        "containerimage.base.config/linux/amd64": b"base",
        "containerimage.config/linux/arm/v7": b"b",
    }
    assert json.loads(platforms) == {
        "Platforms": [
            {"ID": "linux/amd64", "Platform": {"architecture": "amd64", "os": "linux"}},
            {
                "ID": "linux/arm/v7",
                "Platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
            },
        ]
    }


def test_platforms_keep_the_order_in_which_they_were_asked_for() -> None:
    result = multi_image(dict.fromkeys((ARM64, ARMV7, AMD64), (None, b"", None)))
    listed = json.loads(result.metadata["refs.platforms"])["Platforms"]
    assert [each["ID"] for each in listed] == ["linux/arm64", "linux/arm/v7", "linux/amd64"]


def test_one_platform_of_a_multi_platform_build_keeps_its_key() -> None:
    result = multi_image({ARM64: (Ref("1"), b"a", None)})
    assert result.refs == {"linux/arm64": Ref("1")}
    assert result.metadata["containerimage.config/linux/arm64"] == b"a"


@pytest.mark.parametrize(
    ("platform", "key"),
    [
        (Platform.parse("linux/amd64"), "linux/amd64"),
        (Platform.parse("linux/arm64/v8"), "linux/arm64"),
        (Platform.parse("linux/arm"), "linux/arm/v7"),
        (
            Platform(os="windows", architecture="amd64", os_version="10.0.20348"),
            "windows(10.0.20348)/amd64",
        ),
    ],
)
def test_platform_ids_are_those_of_containerd(platform: Platform, key: str) -> None:
    assert platform_id(platform) == key


def test_more_metadata_makes_a_new_result() -> None:
    result = single_image(Ref("1"), b"{}", AMD64)
    more = result.with_metadata({"source.date.epoch": b"0", "containerimage.config": b"new"})
    assert more.metadata["source.date.epoch"] == b"0"
    assert more.metadata["containerimage.config"] == b"new"
    assert result.metadata["containerimage.config"] == b"{}"
    assert more.ref == result.ref


def test_a_result_has_one_ref_or_a_ref_per_platform() -> None:
    with pytest.raises(ValueError, match="not both"):
        Result(ref=Ref("1"), refs={"linux/amd64": Ref("2")})


def test_a_subrequest_reply_is_metadata_without_a_filesystem() -> None:
    result = subrequest_reply({"targets": [{"name": "Größe"}]}, "TARGET\n")
    assert (result.ref, result.refs) == (None, {})
    assert json.loads(result.metadata["result.json"]) == {"targets": [{"name": "Größe"}]}
    assert result.metadata["result.json"].startswith(b'{\n  "targets"')
    assert result.metadata["result.txt"] == b"TARGET\n"
    assert result.metadata["version"] == b"1.0.0"
    assert "result.statuscode" not in result.metadata


@pytest.mark.parametrize("status", [0, 1])
def test_a_lint_reply_has_a_status_code(status: int) -> None:
    result = subrequest_reply({}, "", version="0.1.0", status=status)
    assert result.metadata["result.statuscode"] == str(status).encode()
    assert result.metadata["version"] == b"0.1.0"


def test_text_that_is_no_unicode_still_travels() -> None:
    result = subrequest_reply({"name": "\udc80"}, "\udc80")
    assert json.loads(result.metadata["result.json"]) == {"name": "\udc80"}
    assert result.metadata["result.txt"] == b"\\udc80"
