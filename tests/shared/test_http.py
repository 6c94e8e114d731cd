import asyncio
from datetime import UTC, date, datetime
from uuid import uuid4, uuid5

import pytest
from fastapi import APIRouter

from deploy.local.postgres import ServiceDsns
from shared.contracts.identity import unit_id
from shared.contracts.indicator import AppointmentChanged
from shared.contracts.roles import Role, Scope
from shared.directory.apply import apply_appointment
from shared.http import TransactionalRoute, decode_cursor, encode_cursor
from shared.settings import Settings
from shared.testing import NOBODY_LISTENS, RunningService, TestIssuer
from tests.shared.plain.app import create_app


async def test_a_commit_that_fails_is_never_answered_as_done(plain: RunningService) -> None:
    code = f"commit-fails-{uuid4()}"
    answer = await plain.client(client="setup").post("/v1/things", json={"code": code})
    assert answer.status_code == 500
    assert await plain.database.reads.fetchval("SELECT count(*) FROM things WHERE code = $1", code) == 0


async def test_a_refusal_leaves_nothing_but_its_trail(plain: RunningService) -> None:
    code = f"taken-{uuid4()}"
    answer = await plain.client(client="setup").post("/v1/things", json={"code": code})
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["code"], problem["thing"]) == (409, "thing_taken", code)
    assert problem["texts"] == {"zh-CN": f"{code} 已存在", "en": f"{code} exists already"}
    assert await plain.database.reads.fetchval("SELECT count(*) FROM things WHERE code = $1", code) == 0
    assert await plain.database.reads.fetchval(
        "SELECT outcome FROM trail WHERE trace LIKE '%' || $1 || '%' ORDER BY id DESC LIMIT 1", problem["trace_id"]
    ) == "refused:thing_taken"  # fmt: skip


async def test_the_same_key_gives_the_same_answer_and_one_effect(plain: RunningService) -> None:
    client, key = plain.client(client="setup"), {"idempotency-key": str(uuid4())}
    body = {"code": f"once-{uuid4()}", "wait": 0.2}
    answers = await asyncio.gather(*(client.post("/v1/things", json=body, headers=key) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotent-replay", "") for answer in answers) == ["", *["true"] * 4]
    assert {answer.headers["etag"] for answer in answers} == {'"1"'}
    other = await client.post("/v1/things", json={"code": "another"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_stored_answer_is_shown_again_only_to_who_still_holds_what_they_held(plain: RunningService) -> None:
    await plain.seed_units([("A", "city_bureau", None), ("B", "district_bureau", "A")])
    person = await plain.seed_person("WRITER", "A", "operator", scope="own")
    client, key = plain.client(person=person), {"idempotency-key": str(uuid4())}
    body = {"code": f"held-{uuid4()}"}

    async def hold(unit: str, version: int, until: date | None) -> None:
        held = AppointmentChanged(
            appointment_id=uuid5(unit_id(unit), "writer"), version=version, subject=str(person), role=Role.OPERATOR,
            unit_id=unit_id(unit), scope=Scope.OWN, effective_from=date(2015, 1, 1), effective_to=until,
            recorded_at=datetime(2015, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        async with plain.database.transaction("seed") as uow:
            await apply_appointment(uow, held)
        plain.app.state.authenticator._actors.clear()  # what it remembers for a second

    async def post() -> tuple[int, str | None]:
        answer = await client.post("/v1/things", json=body, headers=key)
        refused = answer.json()["code"] if answer.is_error else None
        return answer.status_code, answer.headers.get("idempotent-replay", refused)

    await hold("B", 1, None)
    assert await post() == (201, None)
    assert await post() == (201, "true")
    await hold("B", 2, date(2016, 1, 1))
    assert await post() == (403, "answer_withheld")
    assert await plain.database.reads.fetchval(
        "SELECT count(*) FROM trail WHERE who = $1 AND outcome = 'refused:answer_withheld'", str(person)
    ) == 1  # fmt: skip
    await hold("B", 3, None)
    assert await post() == (201, "true")


async def test_a_refused_request_may_be_tried_again_under_its_key(plain: RunningService) -> None:
    client, key = plain.client(client="setup"), {"idempotency-key": str(uuid4())}
    code = f"taken-{uuid4()}"
    for _ in range(2):
        assert (await client.post("/v1/things", json={"code": code}, headers=key)).status_code == 409


async def test_a_pool_without_a_free_connection_is_answered_unavailable(
    plain_dsns: ServiceDsns, issuer: TestIssuer
) -> None:
    app = create_app(
        Settings(
            database_url=plain_dsns.app, database_pool=1, nats_url=NOBODY_LISTENS, issuer=issuer.issuer,
            jwks_url=issuer.jwks_url, static_appointments={"setup": "operator"}, log_level="CRITICAL",
        )
    )  # fmt: skip
    async with app.router.lifespan_context(app):
        service = RunningService("plain_svc", app, issuer, {}, plain_dsns)
        client = service.client(client="setup")
        slow = asyncio.create_task(client.post("/v1/things", json={"code": f"s-{uuid4()}", "wait": 7}))
        await asyncio.sleep(0.5)
        crowded = await client.post("/v1/things", json={"code": f"c-{uuid4()}"})
        assert (crowded.status_code, crowded.json()["code"]) == (503, "unavailable")
        assert crowded.headers["retry-after"] == "1"
        assert (await slow).status_code == 201
        await service.close()


async def test_a_key_held_too_long_is_answered_in_progress(plain: RunningService) -> None:
    client, key = plain.client(client="setup"), {"idempotency-key": str(uuid4())}
    slow = asyncio.create_task(client.post("/v1/things", json={"code": f"s-{uuid4()}", "wait": 6.5}, headers=key))
    await asyncio.sleep(0.2)
    # The body must be the same one: the wait ends before anything is compared.
    waiting = await client.post("/v1/things", json={"code": "x"}, headers=key)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "in_progress")
    assert (await slow).status_code == 201


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"authorization": "Bearer not-a-token"}, 401, "unauthenticated"),
        ({"authorization": "Basic c2V0dXA6eA=="}, 401, "unauthenticated"),
    ],
)
async def test_without_identity_nothing_is_read(
    plain: RunningService, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await plain.client().post("/v1/things", json={"code": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.headers["www-authenticate"]) == (status, code, "Bearer")


async def test_a_reader_may_not_write_and_the_permission_is_named(plain: RunningService) -> None:
    answer = await plain.client(client="reader").post("/v1/things", json={"code": "x"})
    assert (answer.status_code, answer.json()["permission"]) == (403, "things.write")
    assert (await plain.client(client="reader").get("/v1/things")).status_code == 200


async def test_malformed_bodies_name_their_place(plain: RunningService) -> None:
    client = plain.client(client="setup")
    wrong = await client.post("/v1/things", json={"code": 5, "more": 1})
    assert wrong.status_code == 422
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/code", "/more"}
    cut = await client.post("/v1/things", content=b'{"code": "x', headers={"content-type": "application/json"})
    assert (cut.status_code, cut.json()["code"]) == (422, "malformed")
    large = await client.post("/v1/things", json={"code": "x" * 1_100_000})
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    keyless = await client.post("/v1/things", json={"code": "x"}, headers={"idempotency-key": ""})
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    nowhere = await client.get("/v1/nowhere")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")


async def test_a_misspelt_filter_is_refused_instead_of_showing_everything(plain: RunningService) -> None:
    client, code = plain.client(client="setup"), f"filter-{uuid4()}"
    await client.post("/v1/things", json={"code": code})
    # Declared by the route itself under an alias, and by what it depends on.
    assert (await client.get("/v1/things", params={"version": 1, "code": code})).json() == {"count": 1}
    for misspelt in ("cdoe", "at_least", "Code"):
        answer = await client.get("/v1/things", params={"code": code, misspelt: "1"})
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"?{misspelt}"]
    unheard = await client.post("/v1/things?dry_run=true", json={"code": f"{code}-2"})
    assert (unheard.status_code, unheard.json()["errors"][0]["code"]) == (422, "parameter_unknown")
    assert await plain.database.reads.fetchval("SELECT outcome FROM trail ORDER BY id DESC") == "refused:malformed"
    assert (await client.get("/v1/things", params={"code": code})).json() == {"count": 1}
    # Who may not read at all learns nothing about the route.
    assert (await plain.client(client="peer").get("/v1/things?cdoe=1")).status_code == 403


async def test_the_language_of_the_reader(plain: RunningService) -> None:
    client = plain.client()
    chinese = await client.get("/v1/things", headers={"accept-language": "zh-CN"})
    english = await client.get("/v1/things", headers={"accept-language": "en-GB,en;q=0.9"})
    assert (chinese.json()["title"], english.json()["title"]) == (
        "需要有效的访问令牌",
        "A valid access token is required",
    )


async def test_edits_need_the_version_they_saw(plain: RunningService) -> None:
    client, code = plain.client(client="setup"), f"edit-{uuid4()}"
    await client.post("/v1/things", json={"code": code})
    assert (await client.put(f"/v1/things/{code}")).status_code == 428
    assert (await client.put(f"/v1/things/{code}", headers={"if-match": '"1"'})).json() == {"version": 2}
    stale = await client.put(f"/v1/things/{code}", headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")


async def test_a_computation_needs_no_key(plain: RunningService) -> None:
    answer = await plain.client(client="reader").post("/v1/sums", json=[1, 2], headers={"idempotency-key": ""})
    assert answer.json() == 3


async def test_a_trace_goes_on_and_is_answered(plain: RunningService) -> None:
    trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    answer = await plain.client(client="setup").get("/v1/things", headers={"traceparent": trace})
    assert answer.headers["traceparent"].split("-")[1] == "ab" * 16


async def test_cors_for_named_origins_only(plain: RunningService) -> None:
    ask = {"access-control-request-method": "GET"}
    client = plain.client()
    allowed = await client.options("/v1/things", headers={**ask, "origin": "https://desk.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://desk.example"
    other = await client.options("/v1/things", headers={**ask, "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_a_route_without_a_permission_does_not_start() -> None:
    router = APIRouter(route_class=TransactionalRoute)

    async def open_door() -> None:
        """Nobody is asked who they are."""

    with pytest.raises(TypeError, match="open_door names no permission"):
        router.get("/open")(open_door)


def test_cursors_come_back_whole() -> None:
    assert decode_cursor(encode_cursor("2015-02", 7), 2) == ["2015-02", "7"]
    with pytest.raises(Exception, match="malformed"):
        decode_cursor("%%%", 2)
    assert decode_cursor(encode_cursor("2015-02", 2**31 - 1), 2, numbers=[1]) == ["2015-02", "2147483647"]
    for number in (2**31, -1, "²", "٣", "7.5", ""):
        with pytest.raises(Exception, match="malformed"):
            decode_cursor(encode_cursor("2015-02", number), 2, numbers=[1])


async def test_health_and_metrics_are_open(plain: RunningService) -> None:
    client = plain.client()
    assert (await client.get("/health/live")).json()["status"] == "live"
    ready = await client.get("/health/ready")
    assert ready.status_code == 503, "without a broker the service does not hear"
    assert "broker not connected" in ready.json()["reasons"]
    assert "liandong_request_seconds" in (await client.get("/metrics")).text
