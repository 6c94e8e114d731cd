"""How the bureau of the matrix came to what it is: people, cards, a confirmed month, and what followed from it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from services.indicator_svc.organisation import repository as organisation
from shared.clock import SHANGHAI
from shared.contracts.identity import person_id, unit_id
from shared.contracts.roles import Role
from shared.testing import Cluster, TestIssuer
from tests.permissions import cards
from tests.permissions.bureau import (
    COLLEAGUE,
    CONFIRMED,
    FEED,
    FIRST,
    HEAD,
    NEXT_HEAD,
    OFFICE,
    OPEN,
    SECOND,
    VICTIM_FEED,
    YEAR_SPAN,
    Bureau,
    done,
    four_services,
    leader,
    tag,
    victim,
)
from tests.permissions.tree import (
    BEGIN,
    CITY,
    EVALUATED,
    FORMER_PARENT,
    MERGED,
    MOVED,
    TREE,
    TURN,
    UNITS,
    Placement,
    callers,
    covert,
    figure,
    secret,
)

# State, and last day of the notice: one that runs, one that has ended, and what comes after.
YEAR_ENDS = (("noticed", "2015-02-10"), ("noticed", "2015-02-09"), ("final", "2015-02-09"), ("archived", "2015-02-09"))


@asynccontextmanager
async def founded(
    cluster: Cluster, issuer: TestIssuer, directory: Path, placements: Sequence[Placement]
) -> AsyncIterator[Bureau]:
    """The bureau with callers at these places, a confirmed period, problems, interviews, cures and findings."""
    async with four_services(cluster, issuer, directory) as bureau:
        bureau.callers = callers(placements)
        await _people(bureau)
        await _catalogue(bureau)
        await _facts_and_scores(bureau)
        await _follow_up(bureau)
        await _bonuses(bureau)
        await _personal_results(bureau)
        await _year_ends(bureau)
        await _corrections(bureau)
        await _turn(bureau)
        yield bureau


async def _people(bureau: Bureau) -> None:
    setup = bureau.ask("indicator_svc", "setup")
    since = BEGIN
    parents = {code: parent for code, (_, parent) in TREE.items()} | FORMER_PARENT
    units = [
        {"code": c, "name": f"单位{secret(c)}", "kind": kind, "parent_code": parents[c], "effective_from": since}
        for c, (kind, _) in TREE.items()
    ]
    await done(setup.post("/v1/unit-batches", json={"units": units}))
    staff = [(OFFICE, "QOFF", "科员"), (HEAD, CITY, "局长"), (FIRST, CITY, "督查"), (SECOND, CITY, "督查")]
    staff += [(NEXT_HEAD, CITY, "局长"), (COLLEAGUE, "QOFF", "科员")]
    staff += [(victim(unit), unit, "干部") for unit in UNITS] + [(leader(unit), unit, "局长") for unit in EVALUATED]
    staff += [(one.code, one.unit, "干部") for one in bureau.callers if not one.is_client]
    people = [{"code": c, "name": f"人{secret(u)}", "unit_code": u, "post": post} for c, u, post in staff]
    await done(setup.post("/v1/person-batches", json={"people": people}))
    given = [(OFFICE, Role.PERFORMANCE_OFFICE, CITY, "all"), (HEAD, Role.COMMITTEE, CITY, "all")]
    given += [(NEXT_HEAD, Role.COMMITTEE, CITY, "all"), (COLLEAGUE, Role.PERFORMANCE_OFFICE, CITY, "all")]
    given += [(FIRST, Role.INSPECTOR, CITY, "all"), (SECOND, Role.INSPECTOR, CITY, "all")]
    given += [(victim(unit), Role.COMMITTEE, unit, "own") for unit in UNITS]
    given += [(leader(unit), Role.UNIT_LEADER, unit, "own") for unit in EVALUATED]
    given += [(one.code, one.role, one.unit, one.scope) for one in bureau.callers]
    given += [(FEED, Role.SOURCE_SYSTEM, CITY, "all"), (VICTIM_FEED, Role.SOURCE_SYSTEM, CITY, "all")]
    appointments = [
        {
            "client_id" if code.startswith("cl") else "person_code": code,
            "role": role,
            "unit_code": unit,
            "scope": scope,
            "effective_from": since,
        }
        for code, role, unit, scope in given
    ]
    await done(setup.post("/v1/appointment-batches", json={"appointments": appointments}))
    for year in (2015, 2016):
        await done(setup.put(f"/v1/calendars/{year}", json={"days": []}))
    await bureau.tell()


def feeds(bureau: Bureau) -> list[str]:
    """The clients that are registered as source systems."""
    return [FEED, *(one.code for one in bureau.callers if one.role is Role.SOURCE_SYSTEM)]


async def _catalogue(bureau: Bureau) -> None:
    setup, office = bureau.ask("indicator_svc", "setup"), bureau.ask("indicator_svc", OFFICE)
    suppliers = [*feeds(bureau), VICTIM_FEED]
    metrics = [cards.metric(code, suppliers) for code in cards.METRICS]
    await done(setup.post("/v1/metric-batches", json={"metrics": metrics}))
    for body, drafts in (
        (cards.SET, cards.published_cards()),
        (cards.DRAFT_SET, cards.drafted_cards()),
        (cards.LATER_SET, cards.later_cards()),
    ):
        await done(office.post("/v1/indicator-sets", json=body))
        await done(office.post(f"/v1/indicator-sets/{body['code']}/card-batches", json={"cards": drafts}))
    await done(office.post(f"/v1/indicator-sets/{cards.SET['code']}/publication"))
    await bureau.tell()


async def _facts_and_scores(bureau: Bureau) -> None:
    setup, office = bureau.ask("submission_svc", "setup"), bureau.ask("submission_svc", OFFICE)
    for client in (*feeds(bureau), VICTIM_FEED):
        source = {"client_id": client, "name": "系统", "metric_codes": [cards.EXTRACTED]}
        await done(setup.post("/v1/source-systems", json=source))
    for period in (CONFIRMED, OPEN):
        rows = [
            {"metric": metric, "unit": unit, "period": period, "value": figure(unit)}
            for metric in cards.MONTHLY
            for unit in EVALUATED
        ]
        answer = await done(office.post("/v1/fact-batches", json={"mode": "atomic", "rows": rows}))
        assert answer["created"] == len(rows), answer
    feed = bureau.ask("submission_svc", FEED)
    same = [{"metric": cards.EXTRACTED, "unit": "QD1", "period": OPEN, "value": figure("QD1")}]
    await done(feed.post("/v1/fact-batches", json={"mode": "atomic", "rows": same}))
    await bureau.tell()
    policy = bureau.ask("audit_svc", OFFICE)
    await done(policy.put("/v1/policies/QP", json=cards.POLICY))
    scoring = bureau.ask("scoring_svc", OFFICE)
    at = f"/v1/period-states/{cards.SET['code']}/{CONFIRMED}"
    await done(scoring.post(f"{at}/fence"))
    await bureau.tell()
    await done(scoring.post(f"{at}/confirm", json={"exclusions": []}))
    await done(scoring.post("/v1/ranking-policies", json=cards.RANKING_POLICY))
    await done(scoring.post("/v1/rankings", json={"set": cards.SET["code"], "period": CONFIRMED}))
    await done(scoring.post("/v1/simulations", json=cards.simulation("QK-1")))
    await done(scoring.post("/v1/recomputes", json=cards.recompute(CONFIRMED)), 202)
    await _report(bureau)
    await bureau.tell()


async def _report(bureau: Bureau) -> None:
    """The office's report of the confirmed period, done."""
    scoring = bureau.ask("scoring_svc", OFFICE)
    body = {"set": cards.SET["code"], "period": CONFIRMED, "format": "pdf"}
    made = await done(scoring.post("/v1/reports", json=body), 202)
    async with asyncio.timeout(30):
        while (await done(scoring.get(f"/v1/reports/{made['report_id']}")))["state"] != "done":  # noqa: ASYNC110 - others write it
            await asyncio.sleep(0.05)


async def _follow_up(bureau: Bureau) -> None:
    """Each unit's three problems stand at three places: untouched, noticed with a plan, held with work begun."""
    office = bureau.ask("audit_svc", OFFICE)
    problems = (await done(office.get("/v1/problems", params={"limit": 500})))["items"]
    assert len(problems) == 3 * len(EVALUATED), len(problems)
    for problem in problems:
        place = cards.place_of(problem["indicator"])
        if place > 0:
            await _interview(bureau, problem, place)
            await _cure(bureau, problem, place)
    await _recall_the_head(bureau)
    first, second = bureau.ask("audit_svc", FIRST), bureau.ask("audit_svc", SECOND)
    for unit in EVALUATED:
        await done(first.post("/v1/findings", json=cards.finding(unit, covert(unit))))
        found = await done(first.post("/v1/findings", json=cards.finding(unit, secret(unit))))
        await done(second.post(f"/v1/findings/{found['finding_id']}/confirmation"))
    await bureau.tell()


async def _bonuses(bureau: Bureau) -> None:
    """Each unit has a request drafted, one submitted, one on which a department is asked, and an external loss."""
    office = bureau.ask("scoring_svc", OFFICE)
    await done(office.put("/v1/bonus-tables/QB", json=cards.bonus_table()))
    for unit in EVALUATED:
        for number, bonus_class in enumerate(("free", "free", "heard")):
            body = cards.bonus_request(unit, f"{secret(unit)} {number}", bonus_class)
            made = await done(office.post("/v1/bonus-requests", json=body))
            if number:
                at = f"/v1/bonus-requests/{made['request_id']}/submission"
                await done(office.post(at, headers=tag(made)))
        await done(office.post("/v1/external-losses", json=cards.external_loss(unit, secret(unit))))


async def _personal_results(bureau: Bureau) -> None:
    """January is published twice, the second time with a cap on one person of each unit; February takes marks."""
    office = bureau.ask("scoring_svc", OFFICE)
    await done(office.put("/v1/personal-schemes/QP", json=cards.personal_scheme()))
    for period in (CONFIRMED, OPEN):
        body = {"scheme": "QP", "period": period, "unit": CITY, "panel": []}
        known = await done(office.post("/v1/personal-rounds", json=body))
        if period == CONFIRMED:
            at = f"/v1/personal-rounds/{known['round_id']}"
            for unit in EVALUATED:
                mark = {"mark": "80", "text": secret(unit)}
                await done(office.put(f"{at}/marks/{victim(unit)}/WORK", json=mark))
            # Who is assessed in a round, as everybody of the bureau is, does not both close and publish it.
            known = await done(bureau.ask("scoring_svc", COLLEAGUE).post(f"{at}/closing", headers=tag(known)))
            known = await done(office.post(f"{at}/publication", json={}, headers=tag(known)))
            caps = [{"person": victim(unit), "not_above": "fair", "reason": secret(unit)} for unit in EVALUATED]
            body = {"reason": "通报批评", "caps": caps}
            await done(office.post(f"{at}/publication", json=body, headers=tag(known)))


async def _year_ends(bureau: Bureau) -> None:
    """A ranking since the beginning of the year; results in later states, each as if of another year.

    What they take from people and days stands in rows only: the matrix asks who may go on, not how one came there.
    """
    reads = bureau.services["scoring_svc"].database.reads
    body = {"set": cards.SET["code"], "period": YEAR_SPAN}
    ranking = await done(bureau.ask("scoring_svc", OFFICE).post("/v1/rankings", json=body))
    for year, (state, last) in enumerate(YEAR_ENDS, start=2101):
        key = uuid5(NAMESPACE_OID, f"{state} {last}")
        await reads.execute(
            "INSERT INTO year_results (result_id, version, state, set_id, year, period, ranking_id, ranking_version, "
            "drafted_by, approved_by, notice_first, notice_last, opened_at, updated_at) SELECT $1, 4, $2, set_id, $3, "
            "period, ranking_id, version, 'D', 'K', $4, $4, published_at, published_at FROM rankings "
            "WHERE ranking_id = $5",
            key, state, year, date.fromisoformat(last), UUID(ranking["ranking_id"]),
        )  # fmt: skip
        for number, unit in enumerate(EVALUATED, start=1):
            if (state, last) == YEAR_ENDS[0]:
                await reads.execute(
                    "INSERT INTO year_appeals (result_id, number, unit_id, matter, filed_by, filed_on, "
                    "ranking_version, against, entered_by, entered_at) "
                    "VALUES ($1, $2, $3, $4, 'F', '2015-02-10', 1, 'K', 'E', now())",
                    key, number, unit_id(unit), secret(unit),
                )  # fmt: skip
            await reads.execute(
                "INSERT INTO year_result_uses (result_id, number, unit_id, kind, text, document, reason, who, at) "
                "VALUES ($1, $2, $3, 'honour', $4, '文', '理由', 'U', now())",
                key, number, unit_id(unit), secret(unit),
            )  # fmt: skip
        if state == "archived":
            await reads.execute(
                "INSERT INTO year_archives (result_id, state, made_at, made_by, sha256, size) "
                "VALUES ($1, 'done', now(), 'U', 'ab', 2)",
                key,
            )
            await reads.execute("INSERT INTO year_archive_pieces VALUES ($1, 1, 'PK')", key)


async def _corrections(bureau: Bureau) -> None:
    """Each unit has two corrections that nobody decided on."""
    office = bureau.ask("scoring_svc", OFFICE)
    for unit in EVALUATED:
        for _ in range(2):
            await done(office.post("/v1/corrections", json=cards.correction(unit, secret(unit))))


async def _recall_the_head(bureau: Bureau) -> None:
    """Who held the interviews may not sign any more."""
    statement = "SELECT appointment_id FROM directory_appointments WHERE subject = $1"
    term = await bureau.one("indicator_svc", statement, str(person_id(HEAD)))
    setup = bureau.ask("indicator_svc", "setup")
    await done(setup.post(f"/v1/appointments/{term}/revocations", json={"reason": "调离"}))
    await bureau.tell()


async def _turn(bureau: Bureau) -> None:
    """One office moves to another district, one is merged away, and the last callers' appointments are revoked."""
    setup, indicator = bureau.ask("indicator_svc", "setup"), bureau.services["indicator_svc"]
    move = {"effective_from": TURN, "parent_code": TREE[MOVED][1]}
    await done(setup.patch(f"/v1/units/{MOVED}", json=move, headers=tag({"version": 1})))
    async with indicator.database.transaction("setup") as uow:
        gone = (await organisation.timelines(await uow.driver(), [unit_id(MERGED)]))[unit_id(MERGED)]
        spans = (replace(gone.spans[0], effective_to=date.fromisoformat(TURN)),)
        await organisation.record_units(uow, [replace(gone, version=2, spans=spans)], datetime.now(SHANGHAI))
    for caller in (one for one in bureau.callers if one.revoked):
        query = {"client" if caller.is_client else "person": caller.code}
        term = (await done(setup.get("/v1/appointments", params=query)))["items"][0]
        await done(setup.post(f"/v1/appointments/{term['appointment_id']}/revocations", json={"reason": "调离"}))
    await bureau.tell()


async def _interview(bureau: Bureau, problem: Mapping[str, Any], place: int) -> None:
    office = bureau.ask("audit_svc", OFFICE)
    found = (await done(office.get("/v1/interviews", params={"case_id": problem["case_id"]})))["items"]
    at = f"/v1/interviews/{found[0]['interview_id']}"
    notice = cards.notice(HEAD, leader(problem["unit"]), secret(problem["unit"]))
    noticed = await done(office.post(f"{at}/notice", json=notice, headers=tag(found[0])))
    if place > 1:
        record = cards.record(HEAD, OFFICE, leader(problem["unit"]), secret(problem["unit"]))
        await done(office.post(f"{at}/record", json=record, headers=tag(noticed)))


async def _cure(bureau: Bureau, problem: Mapping[str, Any], place: int) -> None:
    unit = problem["unit"]
    plan = cards.plan(problem["problem_id"], leader(unit), secret(unit))
    made = await done(bureau.ask("audit_svc", leader(unit)).post("/v1/rectifications", json=plan))
    if place > 1:
        at = f"/v1/rectifications/{made['rectification_id']}/acceptance"
        await done(bureau.ask("audit_svc", OFFICE).post(at, headers=tag(made)))
