"""A bureau that has what the examples speak of, founded around them: some of it is made by the examples themselves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from shared.clock import SHANGHAI
from shared.contracts.identity import person_id, set_id
from tests.openapi.documents import Example, Key, examples_of
from tests.permissions.bureau import Bureau, done
from tests.permissions.cards import RULE, card

SET, CONDUCT = "WH2015-DISTRICT", "WH2015-CONDUCT"
DISTRICTS = ("420102", "420103", "420105")
COLLECTION, REVENUE, FINDINGS = "M-COL-UNREGISTERED", "M-REV-REVENUE-PLAN-COMPLETED", "M-COND-04"
OFFICE, HEAD, LEADER, LIAISON = "P0011", "P0001", "P0131", "P0132"
NEXT_HEAD, THIRD_HEAD = "P0002", "P0003"
OPINION = "P0301"
FIRST, SECOND = "P0201", "P0202"
_SINCE = "2015-01-01"
_LABEL = {"zh": "数", "en": "figure"}
_COUNT: dict[str, Any] = {
    **RULE,
    "inputs": {
        "rate": {**RULE["inputs"]["rate"], "type": "count", "unit": _LABEL, "allowed": {"at_least": "0"}},
    },
}


class Prepared:
    """The bureau, and which examples were sent so far."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        documents = {name: service.app.openapi() for name, service in bureau.services.items()}
        self.examples: dict[Key, Example] = {
            example.key: example for name, document in documents.items() for example in examples_of(name, document)
        }
        self.sent: set[Key] = set()

    async def send(
        self,
        service: str,
        method: str,
        path: str,
        who: str,
        *,
        name: str = "0",
        version: int | None = None,
        told: Mapping[str, Any] | None = None,
        **places: object,
    ) -> Any:
        """Send an example as it stands. `told` replaces members that only a running system can know: ids and hashes."""
        key = (service, method, path, name)
        self.sent.add(key)
        body = {**self.examples[key].body, **(told or {})}
        headers = {} if version is None else {"if-match": f'"{version}"'}
        answer = await self.bureau.ask(service, who).request(method, path.format(**places), json=body, headers=headers)
        return _as_named(answer, key)

    def unsent(self) -> list[Key]:
        """Examples that nobody tried."""
        return sorted(set(self.examples) - self.sent)


def _as_named(answer: httpx.Response, key: Key) -> Any:
    refused = "refused" in key[3]
    assert answer.is_success is not refused, f"{' '.join(key)}: {answer.status_code} {answer.text}"
    found = answer.json() if answer.content else None
    assert not (isinstance(found, dict) and found.get("rejected") and not refused), f"{key}: {answer.text}"
    return found


async def rest_of_the_organisation(bureau: Bureau) -> None:
    """What the examples of the organisation leave out."""
    setup = bureau.ask("indicator_svc", "setup")
    more = [("D-REV", "department"), ("420103", "district_bureau"), ("420105", "district_bureau")]
    units = [
        {"code": code, "name": f"单位{code}", "kind": kind, "parent_code": "420100", "effective_from": _SINCE}
        for code, kind in more
    ]
    await done(setup.post("/v1/unit-batches", json={"units": units}))
    staff = [
        (OFFICE, "420100"),
        (OPINION, "D-REV"),
        (LEADER, "420102"),
        (LIAISON, "420102"),
        (FIRST, "420100"),
        (SECOND, "420100"),
        (THIRD_HEAD, "420100"),
    ]
    people = [{"code": code, "name": "人员", "unit_code": unit, "post": "干部"} for code, unit in staff]
    await done(setup.post("/v1/person-batches", json={"people": people}))
    terms = [
        (OFFICE, "performance_office", "420100", "all"),
        (HEAD, "committee", "420100", "all"),
        (THIRD_HEAD, "committee", "420100", "all"),
        (OPINION, "evaluating_department", "D-REV", "own"),
        (LEADER, "unit_leader", "420102", "own"),
        (FIRST, "inspector", "420100", "all"),
        (SECOND, "inspector", "420100", "all"),
        ("sys-revenue", "source_system", "420100", "all"),
    ]
    appointments = [
        {
            "client_id" if who.startswith("sys-") else "person_code": who,
            "role": role,
            "unit_code": unit,
            "scope": scope,
            "effective_from": _SINCE,
        }
        for who, role, unit, scope in terms
    ]
    await done(setup.post("/v1/appointment-batches", json={"appointments": appointments}))


async def rest_of_the_metrics(bureau: Bureau) -> None:
    """The metrics that examples of other services name."""
    revenue = {"code": REVENUE, "name": _LABEL, "type": "percent", "allowed": "any", "supplied_by": ["sys-revenue"]}
    findings = {"code": FINDINGS, "name": _LABEL, "type": "count", "unit": _LABEL, "allowed": {"at_least": "0"}}
    context = {"code": "M-CTX-TAX-REVENUE", "name": _LABEL, "type": "amount", "unit": _LABEL, "allowed": "any"}
    metrics = {"metrics": [revenue, findings, context]}
    await done(bureau.ask("indicator_svc", "setup").post("/v1/metric-batches", json=metrics))


def it_is(bureau: Bureau, month: int, day: int) -> None:
    """Let it be noon of a day of 2015 for all services."""
    bureau.services["audit_svc"].app.state.clock.set(datetime(2015, month, day, 12, tzinfo=SHANGHAI), by="test")


async def head_recalled(bureau: Bureau) -> None:
    """The day of the interview has come, and after it the head is recalled and succeeded."""
    it_is(bureau, 3, 16)
    setup = bureau.ask("indicator_svc", "setup")
    person = {"code": NEXT_HEAD, "name": "人员", "unit_code": "420100", "post": "局长"}
    await done(setup.post("/v1/person-batches", json={"people": [person]}))
    term = {"person_code": NEXT_HEAD, "role": "committee", "unit_code": "420100", "scope": "all"}
    await done(setup.post("/v1/appointment-batches", json={"appointments": [{**term, "effective_from": _SINCE}]}))
    statement = "SELECT appointment_id FROM directory_appointments WHERE subject = $1"
    ended = await bureau.one("indicator_svc", statement, str(person_id(HEAD)))
    await done(setup.post(f"/v1/appointments/{ended}/revocations", json={"reason": "调离"}))
    await bureau.tell()


async def set_of_the_cards(bureau: Bureau) -> None:
    """The set that the examples of cards, confirmations and rankings belong to."""
    body = {"code": SET, "name": "区局指标体系", "year": 2015, "group": "kind:district_bureau", "full_marks": "1000"}
    await done(bureau.ask("indicator_svc", OFFICE).post("/v1/indicator-sets", json=body))


async def rest_of_the_set(bureau: Bureau) -> None:
    """A card that fills the set up to its full marks, and a set of inspection cards; both are published."""
    office = bureau.ask("indicator_svc", OFFICE)
    rule = {**RULE, "inputs": {"rate": {**RULE["inputs"]["rate"], "allowed": "any"}}}
    filling = card("REV-01", REVENUE, "D-REV", "口径", points="998", rule=rule)
    await done(office.post(f"/v1/indicator-sets/{SET}/card-batches", json={"cards": [filling]}))
    conduct = {"code": CONDUCT, "name": "督查", "year": 2015, "group": "kind:district_bureau", "full_marks": "2"}
    await done(office.post("/v1/indicator-sets", json={**conduct, "outside_total": True}))
    found = card("CON-04", FINDINGS, "D-REV", "口径", fill_mode="inspection", source_system=None, rule=_COUNT)
    await done(office.post(f"/v1/indicator-sets/{CONDUCT}/card-batches", json={"cards": [found]}))
    for code in (SET, CONDUCT):
        await done(office.post(f"/v1/indicator-sets/{code}/publication"))


async def rest_of_the_facts(bureau: Bureau, period: str) -> None:
    """Every fact of a period; the first district loses all points of the collection card."""
    rows = [
        {"metric": metric, "unit": unit, "period": period, "value": "60" if unit == DISTRICTS[0] else "1"}
        for metric in (COLLECTION, REVENUE)
        for unit in DISTRICTS
    ]
    office = bureau.ask("submission_svc", OFFICE)
    await done(office.post("/v1/fact-batches", json={"mode": "atomic", "rows": rows}))
    await bureau.tell()


async def fenced(bureau: Bureau, periods: Sequence[str]) -> None:
    """End collecting for these periods."""
    office = bureau.ask("scoring_svc", OFFICE)
    for period in periods:
        await done(office.post(f"/v1/period-states/{SET}/{period}/fence"))
    await bureau.tell()


def set_of_examples() -> str:
    """The id of the set that the examples speak of."""
    return str(set_id(SET))
