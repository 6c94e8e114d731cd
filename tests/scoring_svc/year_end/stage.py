"""The year's end of the small city: PO1 runs it, K1 and K2 are the committee; the "year" is January to date."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from shared.clock import SHANGHAI
from tests.scoring_svc.ledger.city import SET, City, fact, facts, full_month

SPAN = "2015-01-YTD"
SAID = {"document": "武绩委〔2015〕3号", "reason": "会议审议通过"}
NOTICE = {"first_day": "2015-02-10", "working_days": 3, **SAID}  # Tuesday to Thursday
LAST, AFTER = datetime(2015, 2, 12, 23, 59, tzinfo=SHANGHAI), datetime(2015, 2, 13, 0, 1, tzinfo=SHANGHAI)
APPEAL = {"unit": "420102", "matter": "入库率应扣除缓缴税款", "filed_by": "L2", "filed_on": "2015-02-10"}


@dataclass
class Year:
    """The routes as the people of the city use them; `shown` is the result as it was last answered."""

    city: City
    shown: dict[str, Any] = field(default_factory=dict)

    def on(self, moment: datetime) -> None:
        self.city.service.app.state.clock.set(moment, by="test")

    async def january(self) -> None:
        await full_month(self.city)
        await self.city.fence(1, 1)
        answer = await self.city.step("confirm", body={})
        assert answer.status_code == 200, answer.text
        await self.rank()

    async def rank(self, code: str = SET, **more: Any) -> str:
        """Publish the next version of the ranking; its id."""
        answer = await self.city.office.post("/v1/rankings", json={"set": code, "period": SPAN, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ranking_id"])

    async def amend(self, value: str, version: int = 2, chunk: int = 2) -> None:
        """The errors of 420102 in January were others."""
        await self.city.tell(facts(chunk, fact("M-ERR", "420102", value, version), amendment="核实"))

    async def ranking_id(self, version: int = 1) -> str:
        statement = "SELECT ranking_id FROM rankings WHERE period = $1 AND version = $2"
        return str(await self.city.service.database.reads.fetchval(statement, SPAN, version))

    @property
    def at(self) -> str:
        return f"/v1/year-results/{self.shown['result_id']}"

    async def draft(self, who: str = "PO1", **changes: Any) -> httpx.Response:
        ranking = changes.pop("ranking_id", None) or await self.ranking_id()
        body = {"set": SET, "ranking_id": ranking, **SAID, **changes}
        return self._kept(await self.city.person(who).post("/v1/year-results", json=body))

    async def step(
        self, verb: str, body: Mapping[str, Any] | None = SAID, who: str = "PO1", *, seen: int | None = None
    ) -> httpx.Response:
        version = self.shown["version"] if seen is None else seen
        headers = {"if-match": f'"{version}"'}
        answer = await self.city.person(who).post(
            f"{self.at}/{verb}", json=None if body is None else dict(body), headers=headers
        )
        return self._kept(answer)

    async def done(self, verb: str, body: Mapping[str, Any] | None = SAID, who: str = "PO1") -> dict[str, Any]:
        """A step that must have been taken; the result afterwards."""
        answer = await self.step(verb, body, who)
        assert answer.is_success, answer.text
        return self.shown

    async def noticed(self, **changes: Any) -> None:
        """Drafted, approved by K1, noticed from today for three working days."""
        drafted = await self.draft(**changes)
        assert drafted.status_code == 201, drafted.text
        await self.done("approval", who="K1")
        await self.done("notice", NOTICE)

    async def final(self, **changes: Any) -> None:
        await self.noticed(**changes)
        self.on(AFTER)
        await self.done("finalisation")

    async def read(self) -> dict[str, Any]:
        answer = await self.city.office.get(self.at)
        assert answer.status_code == 200, answer.text
        self._kept(answer)
        return self.shown

    async def archived(self) -> bytes:
        """The archive of a final result."""
        asked = await self.step("archive", None)
        assert asked.status_code == 202, asked.text
        assert await self.city.service.app.state.archives.turn()
        answer = await self.city.office.get(f"{self.at}/archive")
        assert answer.status_code == 200, f"{answer.text} {json.dumps(await self.read())}"
        return answer.content

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            self.shown = answer.json()
        return answer


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
