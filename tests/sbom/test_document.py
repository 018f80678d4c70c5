"""The SPDX document: golden text, and what holds of any."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cog_frontend.sbom import BadInventory, document_json, read_inventory
from tests.sbom.facts import SHA, facts, inventory, python, without_epoch

EXPECTED = Path(__file__).parent / "expected"


def made(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_json(facts(), read_inventory(inventory(**more))))
    return found


def package(name: str, **more: Any) -> dict[str, Any]:
    (found,) = (each for each in made(**more)["packages"] if each["name"] == name)
    return dict(found)


def test_the_document_is_as_expected(golden: Callable[[Path, bytes], None]) -> None:
    data = document_json(facts(), read_inventory(inventory()))
    golden(EXPECTED / "image.spdx.json", data)


def test_the_same_facts_are_the_same_bytes_and_others_have_a_namespace_of_their_own() -> None:
    assert made() == made()
    assert made()["documentNamespace"] != made(python=[])["documentNamespace"]


def test_every_id_is_one_of_its_own_and_spelt_as_spdx_wants() -> None:
    document = made()
    ids = [each["SPDXID"] for each in document["packages"]]
    assert len({*ids}) == len(ids)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each) for each in ids)
    related = {each["relatedSpdxElement"] for each in document["relationships"]}
    assert related == {*ids}


def test_every_package_has_what_spdx_asks_for() -> None:
    for each in made()["packages"]:
        assert each["name"]
        assert each["downloadLocation"]
        assert each["filesAnalyzed"] is False


def test_no_credential_of_an_address_is_in_it() -> None:
    assert "hunter2" not in json.dumps(made())
    assert package("six")["downloadLocation"] == (
        "https://index.example/six-1.17.0-py2.py3-none-any.whl"
    )
    assert package("cloned")["downloadLocation"] == (
        "git+https://git.example/cloned.git@0123456789abcdef0123456789abcdef01234567#python"
    )


def test_the_wheel_that_was_installed_is_told_by_its_tags() -> None:
    assert package("markupsafe")["checksums"][0]["checksumValue"] == SHA["b"]
    (unsure,) = [
        each
        for each in made(python=[python("markupsafe", "3.0.2", tags=["py3-none-other"])])[
            "packages"
        ]
        if each["name"] == "markupsafe"
    ]
    assert "checksums" not in unsure
    assert unsure["downloadLocation"] == "NOASSERTION"


def test_the_lock_speaks_of_what_was_installed_from_it_alone() -> None:
    other = python("six", "1.16.0")
    elsewhere = python("six", "1.17.0", "/opt/cog/deps")
    for each in (other, elsewhere):
        assert "checksums" not in package("six", python=[each])


def test_without_an_epoch_the_time_says_nothing() -> None:
    document = json.loads(document_json(without_epoch(), read_inventory(inventory())))
    assert document["creationInfo"]["created"] == "1970-01-01T00:00:00Z"


def test_one_name_in_two_places_is_two_packages() -> None:
    twice = [python("six", "1.17.0"), python("six", "1.17.0", "/opt/cog/deps")]
    names = [each["name"] for each in made(python=twice)["packages"]]
    assert names.count("six") == 2


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"format": 2}', inventory(weights=[{"path": "/x"}])],
)
def test_what_is_no_inventory_is_said(data: bytes) -> None:
    with pytest.raises(BadInventory):
        read_inventory(data)
