from __future__ import annotations

import pytest

from cog.server.outbound import load_outbound


def test_by_default_nothing_private_is_opened_and_nothing_is_signed() -> None:
    outbound = load_outbound({}, "", 0.5)
    assert outbound.guard.allowed == ()
    assert outbound.guard.trusted == frozenset()
    assert (outbound.webhooks.secrets, outbound.webhooks.auth_token) == ((), "")
    assert (outbound.webhooks.interval, outbound.user_agent) == (0.5, "")


def test_everything_can_be_set() -> None:
    environ = {
        "COG_ALLOW_PRIVATE_URLS": "10.0.0.0/8",
        "COG_WEBHOOK_SECRET": "one two",
        "WEBHOOK_AUTH_TOKEN": "hush",
        "COG_USER_AGENT": "me/1",
    }
    outbound = load_outbound(environ, "http://minio:9000/bucket/", 2)
    assert outbound.guard.trusted == {("minio", 9000)}
    assert str(outbound.guard.allowed[0]) == "10.0.0.0/8"
    assert outbound.webhooks.secrets == (b"one", b"two")
    assert (outbound.webhooks.auth_token, outbound.webhooks.interval) == ("hush", 2)
    assert (outbound.user_agent, outbound.upload_url) == ("me/1", "http://minio:9000/bucket/")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://up.example/x", ("up.example", 443)),
        ("HTTP://UP.example", ("up.example", 80)),
        ("http://[::1]:9000/", ("::1", 9000)),
    ],
)
def test_the_operators_own_storage_is_trusted(url: str, origin: tuple[str, int]) -> None:
    assert load_outbound({}, url, 1).guard.trusted == {origin}


@pytest.mark.parametrize(
    ("environ", "url", "told"),
    [
        ({"COG_ALLOW_PRIVATE_URLS": "maybe"}, "", "COG_ALLOW_PRIVATE_URLS: expected true"),
        ({"COG_WEBHOOK_SECRET": "whsec_%"}, "", "COG_WEBHOOK_SECRET: what follows whsec_"),
        ({}, "ftp://x/", "--upload-url 'ftp://x/': the URL is not an http or https URL"),
        ({}, "http:///x", "the URL has no host"),
        ({}, "http://x:99999/", "--upload-url"),
    ],
)
def test_nonsense_is_told(environ: dict[str, str], url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        load_outbound(environ, url, 1)
