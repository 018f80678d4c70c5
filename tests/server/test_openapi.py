from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from cog.server.gate import OPEN, Doors
from cog.server.openapi import handler_of, operations, server_document
from cog.server.request import MAX_ID
from tests.fakes.talk import DOCUMENT, STREAMING, Talk, talk

PREDICTIONS = "/predictions"


def document(project: Any = DOCUMENT, base: str = PREDICTIONS, doors: Doors | None = None) -> Any:
    return server_document(project, handler_of(project, base), doors or Doors())


def references(node: object) -> set[str]:
    """Return everything that ``$ref`` names in a document."""
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if isinstance(node, dict):
        here = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return here | {name for item in node.values() for name in references(item)}
    return set()


def test_the_projects_own_schemas_stay_as_they_are() -> None:
    before = copy.deepcopy(DOCUMENT)
    schemas = document()["components"]["schemas"]
    assert before == DOCUMENT
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schemas[name] == schema


@pytest.mark.parametrize("project", [DOCUMENT, STREAMING, None, {}])
@pytest.mark.parametrize("base", [PREDICTIONS, "/trainings"])
def test_nothing_refers_to_nothing(project: Any, base: str) -> None:
    found = document(project, base)
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert references(found) <= known
    ids = [operation["operationId"] for _, _, operation in operations(found)]
    assert len(set(ids)) == len(ids)


def test_the_document_of_the_build_keeps_its_words() -> None:
    project = copy.deepcopy(DOCUMENT)
    project["components"]["schemas"]["PredictionRequest"] = {
        "properties": {"id": {"title": "Id", "type": "string"}},
        "title": "PredictionRequest",
    }
    request = document(project)["components"]["schemas"]["PredictionRequest"]
    assert request["properties"]["id"]["title"] == "Id"
    assert request["properties"]["id"]["maxLength"] == MAX_ID
    assert {"input", "context", "webhook", "webhook_events_filter"} <= set(request["properties"])


def test_every_route_of_the_document_is_there_and_every_method_of_it(tmp_path: Path) -> None:
    async def steps(talk: Talk) -> None:
        shown = (await talk.client.get("/openapi.json")).json()
        assert shown == document()
        for path, item in shown["paths"].items():
            real = path.replace("{prediction_id}", "x")
            allowed = await talk.client.request("TRACE", real)
            assert allowed.status_code == 405
            methods = set(allowed.headers["allow"].replace(" ", "").lower().split(","))
            assert methods - {"head", "options"} == set(item)

    talk(steps, tmp_path)


def test_trainings_have_their_own_routes_only() -> None:
    found = document(base="/trainings")
    assert "/trainings/{training_id}/cancel" in found["paths"]
    assert not any(path.startswith(PREDICTIONS) for path in found["paths"])


@pytest.mark.parametrize(("project", "streams"), [(DOCUMENT, False), (STREAMING, True)])
def test_events_are_told_of_where_there_are_any(project: Any, *, streams: bool) -> None:
    post = document(project)["paths"][PREDICTIONS]["post"]
    assert ("text/event-stream" in post["responses"]["200"]["content"]) is streams
    assert ("406" in post["responses"]) is not streams
    assert post.get("x-cog-streaming", False) is streams


def test_a_handler_marked_with_streaming_has_events() -> None:
    project = {**DOCUMENT, "paths": {PREDICTIONS: {"post": {"x-cog-streaming": True}}}}
    assert handler_of(project, PREDICTIONS).streams
    assert not handler_of(project, "/trainings").streams
    assert handler_of(None, PREDICTIONS).streams


def test_where_a_token_is_needed_the_document_says_so() -> None:
    found = document(doors=Doors(tokens=("x",)))
    assert found["security"] == [{"token": []}]
    for path, _, operation in operations(found):
        assert ("401" in operation["responses"]) is (path not in OPEN)
    assert found["paths"]["/health-check"]["get"]["security"] == []
    assert "security" not in document()


def test_a_body_is_optional_where_no_input_is_required() -> None:
    free = copy.deepcopy(DOCUMENT)
    del free["components"]["schemas"]["Input"]["required"]
    for project, needed in ((DOCUMENT, True), (free, False)):
        found = document(project)
        assert found["paths"][PREDICTIONS]["post"]["requestBody"]["required"] is needed
        given = found["components"]["schemas"]["PredictionRequest"]["properties"]["input"]
        assert given.get("nullable", False) is not needed
