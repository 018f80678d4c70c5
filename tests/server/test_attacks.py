"""Hostile bytes on the wire, against a server that is really started."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.test_end_to_end import Running, make_project

BODY = b'{"input": {"s": "x"}}'


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(make_project(tmp_path_factory.mktemp("project")), [], {})
    server.wait("READY")
    yield server
    assert server.status() == "READY"
    assert '"level": "error"' not in server.log
    server.end()


def said(server: Running, sent: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes the connection.

    The first of an answer may take its time; what follows in vain ends after a second.
    """
    found = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        try:
            client.sendall(sent)
            while part := client.recv(65536):
                found += part
                client.settimeout(1)
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass
    return found


def post(*headers: str, body: bytes = b"") -> bytes:
    lines = ["POST /predictions HTTP/1.1", "host: localhost", "content-type: application/json"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def chunked(*chunks: bytes) -> bytes:
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return parts + b"0\r\n\r\n"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "sent",
    [
        post("content-length: 5", "transfer-encoding: chunked", body=chunked(BODY)),
        post("transfer-encoding: chunked", "content-length: 5", body=chunked(BODY)),
        post("content-length: 3", "content-length: 21", body=BODY),
        post("content-length: +21", body=BODY),
        post("content-length: 21, 21", body=BODY),
        post("transfer-encoding: xchunked", body=chunked(BODY)),
        post("transfer-encoding: chunked, identity", body=chunked(BODY)),
        post("transfer-encoding : chunked", body=chunked(BODY)),
    ],
)
def test_parsing_cl_te_smuggling_leaves_no_second_request(sent: bytes, server: Running) -> None:
    answer = said(server, sent + b"GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n")
    # Whatever the first is taken for, the server does not read on.
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"smuggled" not in answer
    assert answer == b"" or status(answer) in {200, 400, 422, 501}


def test_parsing_chunk_flood(server: Running) -> None:
    spaces = [b" "] * 2000
    answer = said(server, post("transfer-encoding: chunked", body=chunked(*spaces, BODY)))
    assert status(answer) == 200


@pytest.mark.parametrize(
    "chunks",
    [
        b"fffffffffffffffff\r\n",
        b"-1\r\n",
        b"zz\r\n",
        b"5;" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"0\r\n" + b"x: y\r\n" * 50_000 + b"\r\n",
    ],
)
def test_parsing_chunks_that_are_none(chunks: bytes, server: Running) -> None:
    answer = said(server, post("transfer-encoding: chunked", body=chunks))
    assert answer == b"" or status(answer) >= 400


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nhost: x\r\n" + "".join(f"x-{n}: y\r\n" for n in range(5000)),
        "GET / HTTP/1.1\r\nhost: x\r\nx: " + "y" * 1_000_000 + "\r\n",
        "GET /" + "x" * 1_000_000 + " HTTP/1.1\r\nhost: x\r\n",
    ],
)
def test_parsing_header_count_and_size(head: str, server: Running) -> None:
    answer = said(server, head.encode() + b"\r\n")
    assert answer == b"" or status(answer) in {400, 414, 431}


@pytest.mark.parametrize(
    "sent", [b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01"]
)
def test_parsing_what_is_not_http(sent: bytes, server: Running) -> None:
    answer = said(server, sent)
    assert answer == b"" or status(answer) in {400, 505}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"input": {"s": "x", "n": %s}}' % ("9" * 1_000_000), {400, 422}),
        ('{"input": {"s": "x", "n": 1e400}}', {400, 422}),
        ('{"input": {"s": "x", "n": 1E-999999999}}', {200, 400, 422}),
        ('{"input": {"s": "x", "n": NaN}}', {400}),
        ('{"input": {"s": "x", "n": Infinity}}', {400}),
        ('{"input": {"s": "\\ud800"}}', {400}),
        ('{"input": %s}' % ("[" * 100_000), {400}),
        ('{"input": ' + '{"s":' * 100_000 + "1" + "}" * 100_001, {400}),
        ('{"input": {"s": "a", "s": "b"}}', {200}),
    ],
    ids=["huge int", "huge float", "tiny float", "NaN", "inf", "surrogate", "[", "{", "twice"],
)
def test_parsing_json_depth_huge_ints_nan_surrogates_duplicate_keys(
    text: str, expected: set[int], server: Running
) -> None:
    answer = server.client.post(
        "/predictions", content=text, headers={"content-type": "application/json"}
    )
    assert answer.status_code in expected
    if "twice" in text or answer.status_code == 200:
        assert answer.json()["status"] == "succeeded"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_parsing_content_encoding_bombs_are_not_unpacked(encoding: str, server: Running) -> None:
    answer = server.client.post(
        "/predictions",
        content=b"\x1f\x8b" + bytes(1000),
        headers={"content-type": "application/json", "content-encoding": encoding},
    )
    assert answer.status_code == 400


def test_parsing_websockets_and_upgrades_are_not_spoken(server: Running) -> None:
    for upgrade in ("websocket", "h2c"):
        lines = ["GET / HTTP/1.1", "host: localhost", "connection: upgrade", f"upgrade: {upgrade}"]
        answer = said(server, "\r\n".join([*lines, "", ""]).encode())
        assert status(answer) in {200, 400}
        assert b"101 Switching" not in answer


def test_parsing_http2_and_grpc_are_not_spoken(server: Running) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff"
    answer = said(server, preface + settings + b"\xff\xff\xff\x00" * 1000)
    assert answer == b"" or status(answer) >= 400
    lines = ["POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1", "host: localhost"]
    grpc = [*lines, "content-type: application/grpc", "content-length: 5", "", ""]
    assert status(said(server, "\r\n".join(grpc).encode() + b"\x00\xff\xff\xff\xff")) == 404


def test_files_ids_never_become_paths(server: Running, tmp_path: Path) -> None:
    target = tmp_path / "made"
    for name in (f"../../../../../..{target}", str(target), "..", "a/../../b"):
        answer = server.client.post("/predictions", json={"id": name, "input": {"s": "x"}})
        assert answer.json()["output"] == "hello x"
    assert not target.exists()


def test_files_of_the_server_are_no_inputs(server: Running) -> None:
    for value in ({"__file__": "/etc/passwd"}, ["/etc/passwd"], "file:///etc/passwd"):
        answer = server.client.post("/predictions", json={"input": {"s": value}})
        assert "root:" not in answer.text


def test_availability_a_stalled_body_does_not_keep_others_waiting(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as stalled:
        stalled.sendall(post("content-length: 1000", body=b"{"))
        assert server.predict(s="x")["output"] == "hello x"


def test_availability_a_client_that_sends_nothing_costs_nothing(server: Running) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
    try:
        for client in idle[:100]:
            client.sendall(b"POST /predictions HTT")
        assert server.predict(s="x")["output"] == "hello x"
    finally:
        for client in idle:
            client.close()


def test_identity_error_texts_leak_nothing_of_the_server(server: Running) -> None:
    texts = []
    for method, path in (("GET", "/nope"), ("PUT", "/"), ("GET", "/predictions/x")):
        texts.append(server.client.request(method, path).text)
    texts.append(server.client.post("/predictions", content=b"{", headers={}).text)
    for text in texts:
        for secret in (str(server.project), "Traceback", "site-packages", ".py", str(server.port)):
            assert secret not in text


def test_browser_pages_of_other_sites_and_names_are_refused(server: Running) -> None:
    url = f"http://127.0.0.1:{server.port}/shutdown"
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert httpx.post(url, headers=headers).status_code == 403
    assert httpx.get(url, headers={"host": "evil.example"}).status_code == 421


def test_identity_ids_are_not_to_be_guessed(server: Running) -> None:
    ids = {server.predict(s="x")["id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(len(each.removeprefix("pred_")) == 32 for each in ids)
    assert json.dumps(sorted(ids))


def test_identity_metrics_labels_are_never_the_clients(server: Running) -> None:
    def ask(name: str) -> set[str]:
        headers = {"idempotency-key": name, "x-user": name, "user-agent": name, "priority": name}
        server.client.get(f"/{name}", headers=headers)
        server.client.put(f"/predictions/{name}", json={"input": {"s": name}}, headers=headers)
        server.client.post("/predictions", json={"input": {name: 1}, "context": {name: name}})
        page = server.client.get("/metrics").text
        return {line.rpartition(" ")[0] for line in page.splitlines() if line[:1] != "#"}

    once = ask("evil")
    for n in range(30):
        assert ask(f"evil-{n}") == once
    assert not [label for label in once if "evil" in label]
