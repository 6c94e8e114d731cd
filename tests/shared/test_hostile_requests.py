"""Requests that no honest client sends: each is refused for what it is, and none is a fault of the service."""

import base64
from collections.abc import AsyncIterator, MutableMapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any
from uuid import UUID, uuid4

import msgspec
import pytest
from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError

from shared.auth import Actor
from shared.errors import Malformed
from shared.http import TransactionalRoute, after_moment, permits
from shared.json_body import read_json
from shared.moments import Moment
from shared.testing import RunningService


async def _endless(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 50_000):
        yield b" " * 50_000


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/things"), ("POST", "/v1/sums"), ("PUT", "/v1/notes/a")])
async def test_a_body_of_unsaid_length_is_too_large_on_every_method(
    plain: RunningService, method: str, path: str
) -> None:
    answer = await plain.client(client="setup").request(
        method, path, content=_endless(1_500_000), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code": "a", "code": "b"}', "json_name_twice"),
        (b'{"code": "a", "c\\u006fde": "b"}', "json_name_twice"),
        (b'{"code": "a", "\\ud800": 1, "\\ud800": 2}', "json_name_twice"),
        (b'{"code": "a", "wait": NaN}', "json_number_unknown"),
        (b'{"code": "a", "wait": -Infinity}', "json_number_unknown"),
        (b'{"code": "a", "wait": 1e999}', "json_number_unknown"),
        (b"[" * 100_000 + b"]" * 100_000, "json_unreadable"),
        (b'{"code": ' + b"9" * 10_000 + b"}", "json_unreadable"),
        ('{"code": "a"}'.encode("utf-16"), "json_unreadable"),
        (b'{"code": "\xff"}', "json_unreadable"),
    ],
)
async def test_a_body_that_says_two_things_or_none_is_malformed(plain: RunningService, body: bytes, code: str) -> None:
    client = plain.client(client="setup")
    answer = await client.post("/v1/things", content=body, headers={"content-type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["errors"][0]["code"]) == (422, "malformed", code)


def test_honest_json_reads_as_ever() -> None:
    assert read_json('{"名": ["1.20", 1.5, -3, null, true, {}], "a": {"名": 1}}'.encode()) == {
        "名": ["1.20", 1.5, -3, None, True, {}],
        "a": {"名": 1},
    }


@pytest.mark.parametrize("tag", ['"2147483648"', '"' + "9" * 4_000 + '"', "1_0", '"-1"', "*", '"1", "2"'])
async def test_a_tag_that_no_version_can_bear_is_stale(plain: RunningService, tag: str) -> None:
    client, code = plain.client(client="setup"), f"tagged-{uuid4()}"
    await client.post("/v1/things", json={"code": code})
    answer = await client.put(f"/v1/things/{code}", headers={"if-match": tag})
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")


def _cursor(*key: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


@pytest.mark.parametrize(
    "asked",
    [
        {"cursor": _cursor("²")},
        {"cursor": _cursor("٣")},
        {"cursor": _cursor("9" * 30)},
        {"cursor": _cursor(str(2**63))},
        {"cursor": _cursor("-1")},
        {"since": "0001-01-01T00:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "9999-12-31T23:59:59-12:00"},
        {"who": "\0"},
    ],
)
async def test_the_trail_refuses_what_it_cannot_look_for(plain: RunningService, asked: dict[str, str]) -> None:
    answer = await plain.client(client="setup").get("/v1/trail", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1899-12-31T00:00:00Z"])
def test_a_moment_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="1900"):
        TypeAdapter(Moment).validate_python(text)


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2015-01-01T00:00:00", "2015-01-01", "", "\0", "١"],
)
def test_a_cursor_whose_moment_no_column_can_be_compared_with_was_not_ours(moment: str) -> None:
    key = str(uuid4())
    with pytest.raises(Malformed):
        after_moment(_cursor(moment, key))
    now = "2015-01-01 00:00:00.000001+00:00"
    assert after_moment(_cursor(now, key)) == (datetime.fromisoformat(now), UUID(key)), "the control"


def test_a_moment_within_can_be_told_in_any_zone() -> None:
    moment = TypeAdapter(Moment).validate_python("1900-01-01T00:00:00+08:00")
    assert moment.astimezone(timezone(timedelta(hours=-12))).year == 1899


async def test_a_refused_path_with_nul_leaves_its_trail(plain: RunningService) -> None:
    name = f"nul-{uuid4()}"
    answer = await plain.client(client="setup").put(f"/v1/things/{name}%00")
    assert answer.status_code == 428
    found = await plain.database.reads.fetchval(
        "SELECT object_id FROM trail WHERE object_id LIKE '%' || $1 || '%'", name
    )
    assert found == f"/v1/things/{name}␀"


def test_a_route_says_its_limit_in_one_way() -> None:
    router = APIRouter(route_class=TransactionalRoute)

    async def big(_: Annotated[Actor, permits("things.write")]) -> None:
        """Nobody calls it."""

    with pytest.raises(TypeError, match="takes_up_to"):
        router.add_api_route("/big", big, max_body_size=5)


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/things"), ("PUT", "/v1/notes/a")])
async def test_a_sender_that_leaves_in_the_middle_is_no_fault_of_the_service(
    plain: RunningService, method: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    token = plain.issuer.token(client="setup")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "idempotency-key": str(uuid4())}
    sent: list[MutableMapping[str, Any]] = []
    said = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> dict[str, Any]:
        return next(said, {"type": "http.disconnect"})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "server": ("x", 80),
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    capsys.readouterr()
    await plain.app(scope, receive, send)
    assert sent[0]["status"] == 422
    assert "internal fault" not in capsys.readouterr().out
