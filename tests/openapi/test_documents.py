"""The OpenAPI document of every service: complete, with problems and headers; and faults are problems too."""

import importlib
import json
from typing import Any

import pytest
from fastapi import FastAPI

from deploy.local.postgres import Postgres
from shared.auth import Actor, Reach
from shared.testing import TestIssuer, running_service
from tests.openapi.documents import examples_of, operations

SERVICES = ("indicator_svc", "submission_svc", "scoring_svc", "audit_svc")
# What these answer is made of stored JSON or another document, and is described in words only.
_UNSHAPED = {
    "GET /v1/trail", "GET /v1/indicators", "GET /v1/indicators/{indicator_id}", "GET /v1/rule-schema",
    "PUT /v1/facts/{period}/{metric}/{unit}", "POST /v1/fact-changes",
}  # fmt: skip
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def _app(service: str) -> FastAPI:
    settings = importlib.import_module(f"services.{service}.settings")
    kind = next(value for name, value in vars(settings).items() if name.endswith("Settings") and name != "Settings")
    app: FastAPI = importlib.import_module(f"services.{service}.main").create_app(
        kind(
            database_url="postgresql://nobody@127.0.0.1:1/none",
            nats_url="nats://127.0.0.1:1",
            issuer="http://127.0.0.1:1",
            jwks_url="http://127.0.0.1:1/jwks.json",
        )
    )
    return app


@pytest.fixture(params=SERVICES)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _app(request.param).openapi()


def test_every_operation_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    seen = 0
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"].rstrip().endswith((".", "。")), f"{where}: {operation['description']}"
        assert operation["security"] == [{"bearer": []}], where
        assert operation["x-permission"], where
        assert {"401", "403", "default"} <= set(operation["responses"]), where
        assert "422" not in operation["responses"], "the framework's own form of a refusal is never answered"
        for status in ("401", "403", "default"):
            content = operation["responses"][status]["content"]
            assert content == {"application/problem+json": {"schema": _PROBLEM}}, where
        seen += 1
    assert seen >= 15
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    named = {(one.method, one.path) for one in examples_of("any", document)}
    without = [
        f"{method} {path}"
        for path, method, operation in operations(document)
        if "requestBody" in operation and (method, path) not in named
    ]
    assert without == []


_FILES = frozenset(
    {
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/zip",
    }
)


def test_every_answer_has_a_shape(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        answers = [one for status, one in operation["responses"].items() if status.startswith("2") and status != "204"]
        # A file has no JSON: its route says which media it answers with, and no other.
        files = all(set(one["content"]) <= _FILES for one in answers)
        shaped = files or all(one["content"]["application/json"]["schema"] for one in answers)
        assert shaped or f"{method} {path}" in _UNSHAPED, f"{method} {path}"


def test_headers_that_a_route_demands_are_documented(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        computed = path in {"/v1/rule-checks", "/v1/rule-sentences"}
        assert ("Idempotency-Key" in headers) == (method == "POST" and not computed), f"{method} {path}"
    versioned = {"/v1/units/{code}", "/v1/source-systems/{client_id}/metrics", "/v1/interviews/{interview_id}/notice"}
    for path in versioned & set(document["paths"]):
        operation = next(one for method, one in document["paths"][path].items() if method != "get")
        assert "If-Match" in {one["name"] for one in operation["parameters"]}, path


@pytest.mark.parametrize("service", SERVICES)
async def test_a_fault_of_the_program_is_a_problem_without_its_insides(
    postgres: Postgres, issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    def falls_over(*_: object) -> Reach:
        raise KeyError("inside of the program")

    async with running_service(service, postgres, issuer) as running:
        monkeypatch.setattr(Actor, "reach", falls_over)
        answer = await running.client(client="setup").get("/v1/trail")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["code"] == "internal_fault"
    assert answer.json()["trace_id"]
    assert "inside" not in answer.text
