"""A bonus table, and who asks for bonuses in the small city: L2 and L3 ask, E1 gives opinions, PO1 and PO2 decide."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.scoring_svc.ledger.city import SET, City

TABLE = "T-BONUS"
EVIDENCE = [{"name": "表彰文件", "sha256": "ab" * 32}]


def table(**changes: Any) -> dict[str, Any]:
    levels = ("national", "province", "city")
    given = {"innovation": ("6", "3", "1"), "practice": ("4", "2", "0.5"), "award": ("9", "5", "2")}
    return {
        "name": "2015年度加分标准",
        "effective_from": "2015-01-01",
        "classes": [
            {"code": code, "name": code, "name_en": code, "cap": "none", "opinion_of": opinion}
            for code, opinion in (("innovation", "none"), ("practice", "D-COL"), ("award", "none"))
        ],
        "levels": [{"code": level, "name": level, "name_en": level} for level in levels],
        "points": [
            {"bonus_class": code, "level": level, "points": points}
            for code, row in given.items()
            for level, points in zip(levels, row, strict=True)
        ],
        "unit_cap": "none",
        "overall_cap": "none",
        "joint": "by_weight",
        **changes,
    }


def request(*units: str, **changes: Any) -> dict[str, Any]:
    return {
        "set": SET,
        "period": "2015-01",
        "units": [{"unit": unit} for unit in units or ("420102",)],
        "table": TABLE,
        "bonus_class": "innovation",
        "level": "city",
        "matter": "自助办税厅",
        "document_no": "武地税发〔2015〕12号",
        "awarded_on": "2015-02-05",
        "text": "市级创新项目",
        "evidence": EVIDENCE,
        **changes,
    }


def loss(**changes: Any) -> dict[str, Any]:
    return {
        "set": SET,
        "period": "2015-01",
        "points": "2",
        "source": "省局",
        "matter": "数据质量通报",
        "document_no": "鄂地税函〔2015〕8号",
        "document_on": "2015-02-06",
        "by": "points",
        "shares": [{"unit": "420102", "share": "1.5"}, {"unit": "420103", "share": "0.5"}],
        **changes,
    }


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal that speaks both languages."""
    body = answer.json()
    texts = body["texts"]
    assert texts["en"].isascii(), texts
    assert not texts["zh-CN"].isascii(), texts
    return answer.status_code, body["code"]


@dataclass
class Awards:
    """The room's routes as the people of the city use them."""

    city: City

    def by(self, person: str) -> httpx.AsyncClient:
        return self.city.person(person)

    async def publish(self, *, seen: int | None = None, **changes: Any) -> httpx.Response:
        headers = {} if seen is None else {"if-match": f'"{seen}"'}
        return await self.city.office.put(f"/v1/bonus-tables/{TABLE}", json=table(**changes), headers=headers)

    async def draft(self, *units: str, who: str = "L2", **changes: Any) -> dict[str, Any]:
        answer = await self.by(who).post("/v1/bonus-requests", json=request(*units, **changes))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def step(
        self, who: str, known: dict[str, Any], verb: str, body: Any = None, *, seen: int | None = None
    ) -> httpx.Response:
        tag = f'"{known["version"] if seen is None else seen}"'
        at = f"/v1/bonus-requests/{known['request_id']}/{verb}"
        return await self.by(who).post(at, json=body, headers={"if-match": tag})

    async def done(self, who: str, known: dict[str, Any], verb: str, body: Any = None) -> dict[str, Any]:
        answer = await self.step(who, known, verb, body)
        assert answer.status_code == 200, answer.text
        after: dict[str, Any] = answer.json()
        return after

    async def submitted(self, *units: str, who: str = "L2", **changes: Any) -> dict[str, Any]:
        return await self.done(who, await self.draft(*units, who=who, **changes), "submission")

    async def approved(self, *units: str, who: str = "L2", **changes: Any) -> dict[str, Any]:
        known = await self.submitted(*units, who=who, **changes)
        return await self.done("PO1", known, "approval", {"text": "同意"})

    async def approval(self, who: str, known: dict[str, Any], other_matter: str = "") -> httpx.Response:
        return await self.step(who, known, "approval", {"text": "同意", "other_matter": other_matter})

    async def points(self) -> dict[str, str]:
        """What all entries add up to by unit."""
        rows = await self.city.service.database.reads.fetch(
            "SELECT u.code, trim_scale(sum(e.points))::text AS points FROM unit_entries e "
            "JOIN directory_unit_spans u USING (unit_id) GROUP BY u.code"
        )
        return {row["code"]: row["points"] for row in rows}


async def opened(city: City) -> Awards:
    """The city with a second person in its office, a leader of a district, and the table published."""
    await city.service.seed_person("PO2", "PO", "performance_office", scope="all")
    await city.service.seed_person("DO", "420102-PO", "performance_office", scope="all")
    awards = Awards(city)
    answer = await awards.publish()
    assert answer.status_code == 200, answer.text
    return awards
