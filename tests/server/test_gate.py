"""The gate in front of every route: tokens, names, pages of other sites, header lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from cog.server.app import Site, create_app
from cog.server.gate import MAX_HEADERS, OPEN, Doors, client_of, host_name, load_doors
from cog.server.openapi import handler_of, operations, server_document
from tests.fakes.fake_link import settle
from tests.fakes.talk import DOCUMENT, STREAMING, Call, Talk, talk

TOKENS = Doors(tokens=("hush", "old"))
BODY = {"input": {"s": "x"}}


async def asked(talk: Talk, method: str, path: str, **headers: str) -> Call:
    given = BODY if method in {"POST", "PUT"} else None
    call = talk.call(method, path, given, **headers)
    for _ in range(5):
        await settle()
    return call


def routes(doors: Doors) -> list[tuple[str, str]]:
    found = server_document(DOCUMENT, handler_of(DOCUMENT, "/predictions"), doors)
    shown = [
        (method.upper(), path.format(prediction_id="x")) for path, method, _ in operations(found)
    ]
    return [*shown, ("GET", "/nope"), ("GET", "/metrics"), ("OPTIONS", "/predictions")]


@pytest.mark.parametrize(("method", "path"), routes(TOKENS))
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic hush", "hush", "Bearer hus", "Bearer hushh"]
)
def test_admin_every_route_but_health_needs_a_token(
    method: str, path: str, header: str, tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        sent = {"authorization": header} if header else {}
        call = await asked(talk, method, path, **sent)
        if path in OPEN:
            assert call.status == 200
            return
        assert (call.status, call.headers["www-authenticate"]) == (401, 'Bearer realm="cog"')
        assert talk.workers.link.sent == []
        assert talk.shutdowns == []

    talk(steps, tmp_path, doors=TOKENS)


@pytest.mark.parametrize("header", ["Bearer hush", "bearer old", "BEARER  hush "])
def test_whoever_has_a_token_is_let_in(header: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        call = await asked(talk, "POST", "/predictions", authorization=header, prefer="wait=0")
        assert call.status == 202
        assert (await asked(talk, "GET", "/predictions", authorization=header)).status == 200

    talk(steps, tmp_path, doors=TOKENS)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/predictions", "/predictions/x/cancel", "/shutdown"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://model.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "http://evil.example", "content_type": "text/plain"},
    ],
)
def test_browser_csrf_on_post_with_text_plain_or_nothing(
    method: str, path: str, headers: dict[str, str], tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        call = await asked(talk, method, path, host="localhost:5000", **headers)
        assert call.status == 403
        assert talk.shutdowns == []
        assert talk.workers.link.sent == []

    talk(steps, tmp_path)


def test_browser_text_plain_from_anywhere_is_no_request(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.post(
            "/predictions", content=b'{"input":{"s":"x"}}', headers={"content-type": "text/plain"}
        )
        assert answer.status_code == 415

    talk(steps, tmp_path)


@pytest.mark.parametrize("name", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "10.0.0.7"])
def test_a_page_of_the_server_itself_is_answered(name: str, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        origin = f"http://{name}"
        call = await asked(talk, "POST", "/shutdown", host=name, origin=origin)
        assert call.status == 200

    talk(steps, tmp_path)


@pytest.mark.parametrize(
    ("doors", "status"),
    [
        (Doors(), 403),
        (Doors(hosts=frozenset({"model.example"})), 200),
        (Doors(hosts=frozenset({"other.example"})), 421),
    ],
)
def test_browser_dns_rebinding_against_localhost(doors: Doors, status: int, tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        name = "model.example:5000"
        call = await asked(talk, "POST", "/shutdown", host=name, origin=f"http://{name}")
        assert call.status == status

    talk(steps, tmp_path, doors=doors)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_server_of_this_machine_alone_has_this_machines_names_only(
    method: str, tmp_path: Path
) -> None:
    async def steps(talk: Talk) -> None:
        assert (await asked(talk, method, "/", host="evil.example:5000")).status == 421
        assert (await asked(talk, "GET", "/", host="localhost:5000")).status == 200
        assert (await asked(talk, "GET", "/", host="127.0.0.1")).status == 200
        assert (await asked(talk, "GET", "/", host="")).status == 200

    talk(steps, tmp_path, doors=load_doors({}, "127.0.0.1"))


def test_browser_cors_is_never_granted(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        for method in ("OPTIONS", "GET"):
            call = await asked(talk, method, "/health-check", origin="https://evil.example")
            assert not [name for name in call.headers if name.startswith("access-control")]

    talk(steps, tmp_path)


def test_parsing_header_count(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        many = {f"x_{number}": "y" for number in range(MAX_HEADERS + 1)}
        assert (await asked(talk, "GET", "/", **many)).status == 431

    talk(steps, tmp_path)


@pytest.mark.parametrize(
    ("environ", "host", "doors"),
    [
        ({}, "0.0.0.0", Doors()),
        ({}, "127.0.0.1", Doors(hosts=frozenset({"localhost"}))),
        ({}, "::1", Doors(hosts=frozenset({"localhost"}))),
        ({"COG_ALLOWED_HOSTS": "*"}, "127.0.0.1", Doors()),
        (
            {"COG_ALLOWED_HOSTS": "A.example, b.example", "COG_AUTH_TOKEN": "x,y"},
            "0.0.0.0",
            Doors(tokens=("x", "y"), hosts=frozenset({"a.example", "b.example"})),
        ),
        ({"COG_CLIENT_HEADER": "X-User"}, "0.0.0.0", Doors(client_header="x-user")),
    ],
)
def test_who_may_come_in_is_read_from_the_environment(
    environ: dict[str, str], host: str, doors: Doors
) -> None:
    assert load_doors(environ, host) == doors


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.example:80", "a.example"),
        ("A.Example.", "a.example"),
        ("[::1]:5000", "::1"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_the_name_of_a_host(text: str, name: str) -> None:
    assert host_name(text) == name


def scope(*headers: tuple[str, str]) -> object:
    lines = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "headers": lines, "client": ("192.0.2.1", 9)}


def test_availability_fairness_bypass_by_rotating_keys() -> None:
    rotating = [scope(("x-user", str(n)), ("authorization", f"Bearer {n}")) for n in range(3)]
    assert {client_of(each, Doors()) for each in rotating} == {"192.0.2.1"}  # type: ignore[arg-type]
    assert {client_of(each, Doors(tokens=("x",))) for each in rotating} == {"192.0.2.1"}  # type: ignore[arg-type]
    by_header = Doors(client_header="x-user")
    assert client_of(rotating[1], by_header) == "header:1"  # type: ignore[arg-type]
    two = Doors(tokens=("x", "y"))
    clients = {client_of(each, two) for each in rotating}  # type: ignore[arg-type]
    assert len(clients) == 3
    assert not any("Bearer" in client for client in clients)


def test_browser_xss_and_clickjacking_of_the_docs(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        answer = await talk.client.get("/docs")
        policy = answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        for forbidden in ("innerHTML", "document.write", "eval(", "http://", "//cdn", "onclick="):
            assert forbidden not in answer.text
        for path in ("/predictions", "/health-check", "/openapi.json", "/docs", "/nope"):
            assert (await talk.client.get(path)).headers["x-content-type-options"] == "nosniff"

    talk(steps, tmp_path, document=STREAMING)


def test_an_application_is_made_of_its_site_alone() -> None:
    assert {"service", "webhooks", "doors", "mode"} <= set(Site.__slots__)
    assert create_app.__module__ == "cog.server.app"
