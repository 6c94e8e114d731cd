"""A January in which everything happens that an archive must hold."""

from services.scoring_svc.year_end.signing import ArchiveKey, key_at
from tests.scoring_svc.bonus.awards import TABLE, loss, request, table
from tests.scoring_svc.ledger.city import (
    CALENDAR,
    COL1,
    COL2,
    COL3,
    QUARTER,
    SET,
    card,
    fact,
    facts,
    in_class,
    metric,
    per_error,
    published,
)
from tests.scoring_svc.ranking.test_publishing import POLICY
from tests.scoring_svc.year_end.stage import Year

VETO = card("VET-01", per_error("2", "-1", missing={"as_if": "0"}), {"errors": metric("M-VETO")}, marks="2")
VETO = type(VETO)(**{**{name: getattr(VETO, name) for name in VETO.__struct_fields__}, "type": "veto"})
ALL_CARDS = (COL1, COL2, COL3, QUARTER, VETO)
# Far beyond what a float tells apart.
HUGE = "123456789012345678901234567890"


def key_of_city(year: Year) -> ArchiveKey:
    return key_at(year.city.service.app.state.settings.archive_key_file)


async def everything(year: Year) -> None:
    """January with a veto, peers told apart by their 30th digit, an exclusion, amendments, an award, a loss, grades."""
    city = year.city
    await city.tell(CALENDAR, published(SET, ALL_CARDS), *ALL_CARDS)
    await city.tell(in_class("420102", "urban"), in_class("420103", "urban"), in_class("420104", "rural"))
    await city.tell(
        facts(
            1,
            *(fact("M-ERR", unit, value) for unit, value in (("420102", "2"), ("420103", "0"), ("420104", "0"))),
            fact("M-GROWTH", "420102", f"{HUGE}.2"),
            fact("M-GROWTH", "420103", f"{HUGE}.3"),
            fact("M-GROWTH", "420104", f"{HUGE}.1"),
            *(fact("M-SENT", unit, day) for unit, day in (("420102", "2015-02-05"), ("420103", "2015-02-10"))),
            fact("M-VETO", "420103", "1"),
        )
    )  # fmt: skip
    assert (await city.office.post("/v1/ranking-policies", json={**POLICY, "spread": "1.5"})).status_code == 201
    await city.fence(1, 1)
    excluded = [{"indicator": "COL-03", "unit": "420104", "state": "exempt", "reason": "因自然灾害免予考核"}]
    answer = await city.step("confirm", body={"exclusions": excluded})
    assert answer.status_code == 200, answer.text
    await year.amend("1")
    await city.tell(facts(3, fact("M-GROWTH", "420104", f"{HUGE}.9", 2), amendment="核实"))
    assert (await city.office.put(f"/v1/bonus-tables/{TABLE}", json=table())).is_success
    await city.service.seed_person("PO2", "PO", "performance_office", scope="all")
    made = (await city.person("L2").post("/v1/bonus-requests", json=request())).json()
    at = f"/v1/bonus-requests/{made['request_id']}"
    sent = await city.person("L2").post(f"{at}/submission", headers={"if-match": '"1"'})
    given = await city.office.post(f"{at}/approval", json={"text": "属实"}, headers={"if-match": sent.headers["etag"]})
    assert given.status_code == 200, given.text
    assert (await city.office.post("/v1/external-losses", json=loss())).status_code == 201
    await year.rank()
