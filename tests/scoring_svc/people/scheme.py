"""A personal scheme for the small city, and the people of its rounds."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid5

import httpx

from services.scoring_svc.people.domain.scheme import PersonalScheme
from services.scoring_svc.people.repository import read_scheme
from services.scoring_svc.people.scheme_schemas import PersonalSchemeIn
from shared.contracts.identity import person_id, unit_id
from shared.contracts.indicator import AppointmentChanged
from shared.contracts.roles import Role, Scope
from shared.directory.apply import apply_appointment
from tests.scoring_svc.ledger.city import NOON, SET, City, fact, facts, full_month

CODE = "T-PERSONAL"
WHO = ["DPO", "H2", "L2", "S2", "W1", "W2", "W3"]  # whom a round of 420102 assesses
GRADES = [
    {
        "grade": "excellent", "name": "优秀", "name_en": "excellent", "at_least": "90",
        "quota": {"share": "34", "bound": "at_most", "rounding": "floor", "edge": "leave_out"},
    },
    {"grade": "competent", "name": "称职", "name_en": "competent", "at_least": "60", "quota": None},
    {"grade": "basic", "name": "基本称职", "name_en": "basic", "at_least": None, "quota": None},
]  # fmt: skip
GRADING = {"measure": "points", "within": "all", "capped_use_places": False, "grades": GRADES}


def dimension(code: str, weight: str, source: str, *evaluators: tuple[str, str], missing: str = "renormalise") -> Any:
    return {
        "code": code, "name": code, "name_en": code, "weight": weight, "source": source, "missing": missing,
        "evaluators": [{"kind": kind, "weight": share} for kind, share in evaluators],
    }  # fmt: skip


def indicator(code: str, post: str, weight: str, cell: str | None, dimension: str = "DUTY") -> Any:
    return {
        "code": code, "name": code, "name_en": code, "dimension": dimension, "post": post, "matter": f"M-{code}",
        "weight": weight, "set": SET if cell else None, "indicator": cell,
    }  # fmt: skip


def row(at_least: str | None, coefficient: str) -> Any:
    return {"grade": None, "at_least": at_least, "coefficient": coefficient}


def scheme(**changes: Any) -> dict[str, Any]:
    return {
        "name": "2015年度个人绩效办法",
        "year": 2015,
        "full_marks": "100",
        "allowed_marks": ["100", "90", "85.5", "80", "60", "0"],
        "dimensions": [
            dimension("DUTY", "60", "indicators", ("unit_leader", "100")),
            dimension("CONDUCT", "40", "marks", ("unit_leader", "50"), ("peer", "30"), ("self", "20")),
        ],
        "posts": [
            {"code": "LEADER", "name": "负责人", "role": "unit_leader", "post_name": None},
            {"code": "STAFF", "name": "干部", "role": None, "post_name": "干部"},
        ],
        "indicators": [
            indicator("P-COL", "LEADER", "1", "COL-01"),
            indicator("P-LATE", "LEADER", "2", "COL-03"),
            indicator("P-WORK", "STAFF", "1", None),
        ],
        "unit_result": {
            "sets": [SET], "of": "nearest_above", "by": "share",
            "rows": [row("90", "1.1"), row("60", "1"), row(None, "0.9")],
        },
        "days": "calendar",
        "least_days": 10,
        "marks_shown_from": 2,
        "rounding": "half_up",
        "places": 2,
        "grading": GRADING,
        **changes,
    }  # fmt: skip


def read(**changes: Any) -> PersonalScheme:
    return read_scheme(PersonalSchemeIn(**scheme(**changes)).model_dump_json())


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal that speaks both languages."""
    body = answer.json()
    assert body["texts"]["en"].isascii(), body
    assert not body["texts"]["zh-CN"].isascii(), body
    return answer.status_code, body["code"]


async def appoint(
    city: City, code: str, unit: str, first: str, until: str | None, role: Role = Role.UNIT_LEADER
) -> None:
    """An appointment over a unit from a day until another."""
    held = AppointmentChanged(
        appointment_id=uuid5(unit_id(unit), f"{code}/{first}"), version=1, subject=str(person_id(code)), role=role,
        unit_id=unit_id(unit), scope=Scope.SUBTREE, effective_from=date.fromisoformat(first),
        effective_to=date.fromisoformat(until) if until else None, recorded_at=NOON,
    )  # fmt: skip
    async with city.service.database.transaction("seed") as uow:
        await apply_appointment(uow, held)


@dataclass
class People:
    """The room's routes as the people of the city use them."""

    city: City
    round_id: str = ""

    def by(self, person: str) -> httpx.AsyncClient:
        return self.city.person(person)

    async def publish(self, *, seen: int | None = None, **changes: Any) -> httpx.Response:
        headers = {} if seen is None else {"if-match": f'"{seen}"'}
        return await self.city.office.put(f"/v1/personal-schemes/{CODE}", json=scheme(**changes), headers=headers)

    async def open(self, unit: str = "420102", who: str = "PO1", **changes: Any) -> httpx.Response:
        body = {"scheme": CODE, "period": "2015-01", "unit": unit, "panel": [], **changes}
        answer = await self.by(who).post("/v1/personal-rounds", json=body)
        if answer.is_success:
            self.round_id = answer.json()["round_id"]
        return answer

    def at(self, part: str = "") -> str:
        return f"/v1/personal-rounds/{self.round_id}{part}"

    async def step(self, verb: str, body: Any = None, *, seen: int | None = None, who: str = "PO1") -> httpx.Response:
        version = seen or (await self.city.office.get(self.at())).json()["version"]
        return await self.by(who).post(self.at(f"/{verb}"), json=body, headers={"if-match": f'"{version}"'})

    async def mark(
        self, who: str, person: str, item: str, mark: str, *, seen: int | None = None, text: str = ""
    ) -> httpx.Response:
        headers = {} if seen is None else {"if-match": f'"{seen}"'}
        at = self.at(f"/marks/{person}/{item}")
        return await self.by(who).put(at, json={"mark": mark, "text": text}, headers=headers)

    async def marked(self, who: str, person: str, item: str, mark: str) -> None:
        answer = await self.mark(who, person, item, mark)
        assert answer.status_code == 200, answer.text

    async def state(
        self, person: str, postings: Any, *, reason: str = "调任", seen: int | None = None
    ) -> httpx.Response:
        version = seen or (await self.city.office.get(self.at())).json()["version"]
        told = [{"unit": unit, "post": post, "first": first, "until": until} for unit, post, first, until in postings]
        body = {"postings": told, "reason": reason}
        return await self.city.office.put(self.at(f"/people/{person}"), json=body, headers={"if-match": f'"{version}"'})

    async def result(self, person: str, who: str = "PO1", **query: Any) -> Any:
        answer = await self.by(who).get(f"/v1/personal-results/{self.round_id}/{person}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def staffed(city: City) -> People:
    """The city with leaders and staff, January confirmed and ranked, and the scheme published.

    H2 leads 420102, H3 420103; W1 and W2 serve in 420102, W3 in a section below it; nobody of them but the heads is
    appointed to anything.
    """
    for code, unit in (("H2", "420102"), ("H3", "420103"), ("W1", "420102"), ("W2", "420102"), ("W3", "420102-S1")):
        await city.service.seed_person(code, unit)
    await appoint(city, "H2", "420102", "2015-01-01", None)
    await appoint(city, "H3", "420103", "2015-01-01", None)
    await city.service.seed_person("PO2", "PO", "performance_office", scope="all")
    await city.service.seed_person("BO", "420103", "performance_office", scope="subtree")
    await full_month(city)
    await city.fence(1, 1)
    assert (await city.step("confirm", body={"exclusions": []})).status_code == 200
    answer = await city.office.post("/v1/rankings", json={"set": SET, "period": "2015-01"})
    assert answer.status_code == 201, answer.text
    people = People(city)
    answer = await people.publish()
    assert answer.status_code == 200, answer.text
    return people


async def amended(city: City) -> None:
    """420102 had no errors after all, and the ranking is published again."""
    await city.tell(facts(2, fact("M-ERR", "420102", "0", 2), amendment="核实无误"))
    body = {"set": SET, "period": "2015-01", "reason": "更正"}
    answer = await city.office.post("/v1/rankings", json=body)
    assert answer.status_code == 201, answer.text


async def opened(people: People) -> People:
    answer = await people.open()
    assert (answer.status_code, answer.json()["state"], answer.json()["people"]) == (201, "open", 7)
    return people


async def marked(people: People) -> People:
    await opened(people)
    await people.marked("H2", "W1", "CONDUCT", "90")
    await people.marked("H2", "W1", "P-WORK", "85.5")
    await people.marked("W2", "W1", "CONDUCT", "80")
    await people.marked("L2", "W1", "CONDUCT", "100")
    await people.marked("W1", "W1", "CONDUCT", "100")
    return people


async def published(people: People) -> People:
    await marked(people)
    assert (await people.step("closing")).status_code == 200
    answer = await people.step("publication", {})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["results_version"], answer.json()["version"]) == ("published", 1, 3)
    return people
