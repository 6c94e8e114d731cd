"""Appeals against a noticed result: entered by the performance office, decided by the committee."""

from datetime import date, datetime
from uuid import UUID

from services.scoring_svc.bonus.request_repository import own_places, paths
from services.scoring_svc.year_end import repository
from services.scoring_svc.year_end.domain import (
    AppealDecided,
    Outcome,
    PersonUnknown,
    RankingNotNewer,
    RankingNotOfYear,
    RankingOfAppeal,
    advance,
    demand_another,
    demand_foreign,
    demand_in_notice,
)
from services.scoring_svc.year_end.repository import YearResult
from services.scoring_svc.year_end.use_cases import Said, moved, ranking_of_year, units_of_party
from shared.db import UnitOfWork
from shared.errors import NotFound


async def enter_appeal(
    uow: UnitOfWork, known: YearResult, unit: str, matter: str, filer: str, filed_on: date, now: datetime
) -> YearResult:
    """Enter an appeal that was filed during the notice, by a unit's and a person's code.

    Raises YearStepRefused, OutsideNotice, UnitNotOfSet or PersonUnknown.
    """
    advance(known.state, "appeal")
    if known.notice_first is None or known.notice_last is None or known.approved_by is None:
        raise NotFound  # a noticed result has all three
    demand_in_notice(filed_on, known.notice_first, known.notice_last, now.date())
    driver = await uow.driver()
    (unit_id,) = await units_of_party(driver, known.set_id, [unit], now.date())
    filed_by = await repository.person_named(driver, filer)
    if filed_by is None:
        raise PersonUnknown(person=filer)
    number = await repository.next_number(driver, "year_appeals", known.result_id)
    row = {
        "result_id": known.result_id, "number": number, "unit_id": unit_id, "matter": matter, "filed_by": filed_by,
        "filed_on": filed_on, "ranking_version": known.ranking_version, "against": known.approved_by,
        "entered_by": uow.who, "entered_at": now,
    }  # fmt: skip
    await repository.add_appeal(driver, row)
    return await moved(uow, known, "appeal", Said("", ""), now, "appeal", {"appeal": number})


async def decide_appeal(
    uow: UnitOfWork,
    known: YearResult,
    number: int,
    outcome: Outcome,
    ranking_id: UUID | None,
    said: Said,
    now: datetime,
) -> YearResult:
    """Uphold or refuse an appeal. Upholding it names a newer ranking, on which the result then stands as approved
    by who decided; it must be noticed again.

    Raises YearStepRefused, NotFound, AppealDecided, OwnDecision, RankingOfAppeal, RankingNotOfYear, RankingNotNewest
    or RankingNotNewer.
    """
    advance(known.state, "decide")
    driver = await uow.driver()
    row = await repository.appeal(driver, known.result_id, number)
    if row is None:
        raise NotFound
    if row["outcome"] is not None:
        raise AppealDecided
    demand_another(uow.who, row["filed_by"], row["entered_by"], row["against"], known.drafted_by)
    demand_foreign(await own_places(driver, uow.who, now.date()), await paths(driver, [row["unit_id"]], now.date()))
    if (outcome == "upheld") is not (ranking_id is not None):
        raise RankingOfAppeal
    changes = {}
    followed_by = None
    if ranking_id is not None:
        ranking = await ranking_of_year(driver, known.set_id, known.year, ranking_id)
        followed_by = ranking["version"]
        if ranking["period"] != known.period:
            raise RankingNotOfYear(period=ranking["period"])
        if followed_by <= row["ranking_version"]:
            raise RankingNotNewer(version=row["ranking_version"])
        if ranking_id != known.ranking_id:
            changes = {
                "state": "approved", "approved_by": uow.who, "ranking_id": ranking_id, "ranking_version": followed_by,
                "notice_first": None, "notice_last": None,
            }  # fmt: skip
    decided = {
        "outcome": outcome, "reason": said.reason, "document": said.document, "decided_by": uow.who, "decided_at": now,
        "followed_by": followed_by,
    }  # fmt: skip
    await repository.decide_appeal(driver, known.result_id, number, decided)
    told = {"appeal": number, "outcome": outcome, "followed_by": followed_by}
    return await moved(uow, known, "decide", said, now, "decide", told, **changes)
