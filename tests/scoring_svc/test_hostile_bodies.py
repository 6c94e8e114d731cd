"""Every body of every route with something in it that nobody expects: refused or taken, never a fault, never slow."""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

from tests.openapi.documents import examples_of, operations
from tests.scoring_svc.ledger.city import SET, City
from tests.scoring_svc.ledger.test_rulings import entered_january

_NASTY: tuple[Any, ...] = (
    None, "", "\0", "\ud800", "x" * 100_000, "1e5", "-0", "٣", "2٠15-01", "1.00000000000000000000001", "9" * 39,
    "0001-01-01", "9999-12-31", "9999-12-31T23:59:59-23:59", 2**63, 1.5, [], {}, [""] * 10_000, {"a": {"a": [[]]}},
)  # fmt: skip
_MOST_PLACES, _EACH = 14, 3
_SLOW_SECONDS = 3.0


def _places(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = body.items() if isinstance(body, dict) else enumerate(body[:1]) if isinstance(body, list) else ()
    yield at
    for name, one in inside:
        yield from _places(one, (*at, name))


def _with(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    made = copy.deepcopy(body)
    here = made
    for name in at[:-1]:
        here = here[name]
    here[at[-1]] = value
    return made


def _of_the_city(body: Any) -> Any:
    """The example as if it spoke of the small city's set."""
    return json.loads(json.dumps(body).replace('"WH2015-DISTRICT"', f'"{SET}"'))


def _filled(path: str) -> str:
    known = {"set_code": SET, "code": SET, "period": "2015-01", "person": "L2", "number": "1", "item": "X"}
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, known.get(part.strip("{}"), str(uuid4())))
    return path


async def test_no_body_is_a_fault_of_the_service(city: City) -> None:
    await entered_january(city)
    document = city.service.app.openapi()
    paths = {(method, path) for path, method, _ in operations(document)}
    sent, faults, office = 0, [], city.office
    for number, example in enumerate(examples_of("scoring_svc", document)):
        assert (example.method, example.path) in paths
        body = _of_the_city(example.body)
        places = list(_places(body))
        for order, at in enumerate(places[:: max(1, len(places) // _MOST_PLACES)]):
            for turn in range(_EACH):
                value = _NASTY[(number + _EACH * order + turn) % len(_NASTY)]
                sent += 1
                faults += await _fault(office, example.method, _filled(example.path), _with(body, at, value))
    assert sent > 500, "the control: it really tried"
    assert faults == []


async def _fault(office: httpx.AsyncClient, method: str, path: str, body: Any) -> list[str]:
    headers = {"if-match": '"1"', "content-type": "application/json"}
    began = time.perf_counter()
    answer = await office.request(method, path, content=json.dumps(body), headers=headers)
    took = time.perf_counter() - began
    if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR and took < _SLOW_SECONDS:
        return []
    return [f"{answer.status_code} after {took:.1f} s: {method} {path} {json.dumps(body)[:300]}"]
