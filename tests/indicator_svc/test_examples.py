"""The examples of the API documents are real: executed one after another, each is accepted."""

from typing import Any

from shared.contracts.roles import Role, Scope
from shared.testing import RunningService
from tests.indicator_svc.conftest import RuleChecker

ORDER = [
    ("post", "/v1/unit-batches", {}),
    ("patch", "/v1/units/{code}", {"code": "420102"}),
    ("post", "/v1/person-batches", {}),
    ("post", "/v1/appointment-batches", {}),
    ("put", "/v1/calendars/{year}", {"year": "2015"}),
    ("post", "/v1/metric-batches", {}),
    ("put", "/v1/metrics/{code}", {"code": "M-COL-UNREGISTERED"}),
    ("post", "/v1/backdating-approvals", {}),
    ("post", "/v1/indicator-sets", {}),
    ("post", "/v1/indicator-sets/{code}/card-batches", {"code": "WH2015-EXAMPLE"}),
    ("put", "/v1/indicator-sets/{code}/cards/{card_code}", {"code": "WH2015-EXAMPLE", "card_code": "COL-01"}),
    ("post", "/v1/indicator-sets/{code}/publication", {"code": "WH2015-EXAMPLE"}),
    ("patch", "/v1/appointments/{appointment_id}", {}),
    ("post", "/v1/appointments/{appointment_id}/revocations", {}),
]


async def test_every_example_is_accepted(service: RunningService, checker: RuleChecker) -> None:
    document: dict[str, Any] = service.app.openapi()
    writes = {(method, path) for path, methods in document["paths"].items() for method in methods if method != "get"}
    assert writes == {(method, path) for method, path, _ in ORDER}
    setup = service.client(client="setup")
    client = setup
    for method, path, fixed in ORDER:
        names = fixed
        if path == "/v1/backdating-approvals":
            await service.seed_person("OFFICE", "420100", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
            client = service.client(person="OFFICE")
        if path.startswith("/v1/appointments/"):
            client = setup
            found = (await setup.get("/v1/appointments?role=unit_leader")).json()["items"]
            names = {"appointment_id": found[0]["appointment_id"]}
        body = document["paths"][path][method].get("requestBody")
        example = None
        if body is not None:
            schema = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            example = document["components"]["schemas"][schema]["examples"][0]
        headers = {"if-match": '"1"'} if method in {"patch", "put"} and "calendars" not in path else {}
        answer = await client.request(method.upper(), path.format(**names), json=example, headers=headers)
        assert answer.status_code in {200, 201}, f"{method} {path}: {answer.text}"
    assert checker.asked == [1]
