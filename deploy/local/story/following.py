"""One deduction followed by its ids through all four services: posted fact, proof, problem, interview, cure, bonus.

What belongs here: the red deduction that the pack's story names. What does not: the mass of the others.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from deploy.local.story import expectation
from deploy.local.story.confirming import Confirmed
from deploy.local.story.screen import counted
from deploy.local.story.tracing import claim_one_trace, tell_events
from deploy.local.story.world import World, until
from shared.clock import SHANGHAI
from shared.contracts.identity import indicator_id, set_id, unit_id
from shared.contracts.periods import parse_period, period_of

_CENT = Decimal("0.01")


class RedDeduction:
    """The deduction with its planned persons and texts, and what has become of it so far."""

    def __init__(self, world: World, set_code: str) -> None:
        self._world = world
        self.plan: Mapping[str, Any] = world.pack.story["red_deduction"]
        self.card = next(card for card in world.pack.sets[set_code].indicators if card.code == self.plan["indicator"])
        self.unit: str = self.plan["unit"]
        self.period: str = self.plan["period"]
        self.deduction_id = str(expectation.deduction_of(self.card, self.unit, self.period))
        self.problem: dict[str, Any] = {}

    @property
    def loss(self) -> Decimal:
        """What the cell must lose, by the recount from the planned value."""
        sent = expectation.Sent({(self.plan["metric"], self.unit, self.period): self.plan["value"]})
        return expectation.loss_of(self.card, self.unit, self.period, sent)

    async def trace_back(self, confirmed: Confirmed) -> None:
        """From the deduction back to the fact: entries and proof in scoring_svc, receipt in submission_svc."""
        world, plan = self._world, self.plan
        world.screen.say(
            f"{world.unit_name(self.unit)}, {self.card.name} ({self.card.code}), {self.period}: "
            f"{world.pack.metrics[plan['metric']].name} {plan['value']} %."
        )
        world.screen.quote(self.card.standard)
        deduction = confirmed.deductions.get((self.card.code, self.unit, self.period), {})
        world.claims.equal(
            f"scoring_svc: deduction of {self.loss} of {self.card.points} points, under the id of its cell",
            (deduction.get("deduction_id"), Decimal(deduction.get("loss", "0"))),
            (self.deduction_id, self.loss),
        )
        world.screen.quote(f"deduction_id {self.deduction_id}")
        fact = await world.office.get("submission", f"/v1/facts/{self.period}/{plan['metric']}/{self.unit}")
        receipt = await world.office.get("submission", f"/v1/receipts/{fact['batch_id']}")
        versions = {one["name"]: one["version"] for one in deduction.get("inputs", ())}
        world.claims.claim(
            f"submission_svc: it rests on version {fact['version']} of the posted fact, with its receipt",
            fact["value"] == plan["value"] and fact["version"] in versions.values() and receipt["landed"],
            (fact["value"], fact["version"], versions),
        )
        world.screen.quote(f"receipt {receipt['receipt_id']}, {counted(receipt['rows'], 'row')} by {receipt['author']}")
        await self._prove()

    async def _prove(self) -> None:
        world = self._world
        cell = f"{indicator_id(self.card.set_code, self.card.code)}/{unit_id(self.unit)}/{self.period}"
        card = await world.office.get("scoring", f"/v1/scores/{cell}")
        proof = await world.office.get("scoring", f"/v1/proofs/{cell}")
        world.screen.table(
            "The entries of this cell in the ledger",
            ("version", "entry", "clause", ">points"),
            [(one["version"], one["kind"], one["clause"] or "", one["points"]) for one in card["entries"]],
        )
        total = sum((Decimal(one["points"]) for one in card["entries"]), Decimal(0))
        proved = sum((Decimal(one["points"]) for one in proof["proof"]["entries"]), Decimal(0))
        expected = Decimal(self.card.points) - self.loss
        world.claims.equal(
            f"the entries add up to {expected} points, and so does the proof, evaluated again from the kept inputs",
            (total, proved),
            (expected, expected),
        )

    async def find_problem(self) -> None:
        """The one problem in audit_svc, its case and its planned interview."""
        world = self._world

        async def look() -> tuple[bool, object]:
            found = await world.office.get("audit", "/v1/problems", deduction_id=self.deduction_id)
            return len(found["items"]) == 1, f"{len(found['items'])} problems"

        await until("the problem of the followed deduction", look)
        await self._read()
        problem = self.problem
        tier = self._tier()
        world.claims.claim(
            f"audit_svc: exactly one problem, tier {tier.name}; its case demands an interview by the "
            f"{tier.interviewer_post}",
            problem["tier"] == tier.tier
            and Decimal(problem["loss"]) == self.loss
            and bool(problem["interview"])
            and problem["interview"]["state"] == "planned",
            (problem["tier"], problem["loss"], problem["interview"]),
        )
        world.screen.quote(f"problem_id {problem['problem_id']}")
        world.screen.quote(f"case_id    {problem['case_id']}")

    async def trace_to_problem(self) -> None:
        """The confirmation in scoring_svc and the opening in audit_svc stand under one trace id; the event between."""
        await claim_one_trace(
            self._world,
            f"the confirmation of {self.period}",
            (
                ("scoring", "confirm", "period", f"{set_id(self.card.set_code)}/{self.period}"),
                ("audit", "opened", "problem", self.problem["problem_id"]),
            ),
        )
        await tell_events(self._world, (("indicator.deducted.v1", "scoring", "audit", self.deduction_id),))

    async def hold_interview(self) -> None:
        """Notice, record, two signatures."""
        world, plan = self._world, self.plan
        head, recorder = world.person(plan["interviewer"]), plan["recorder"]
        district_head = world.person(plan["interviewed"])
        day = world.pack.calendar.working_day_after(world.clock.today(), 2)
        meeting = datetime.combine(day, time(9, 30), SHANGHAI)
        path = f"/v1/interviews/{self.problem['interview']['interview_id']}"
        notice = {
            "reason": f"{self.period} {self.card.name}扣{self.loss}分，达到红色等级",
            "time": meeting.isoformat(),
            "place": "市局第二会议室",
            "participants": [world.pack.unit_by_code[self.card.evaluating_department].name],
            "material": "原因分析与整改设想",
            "interviewer": plan["interviewer"],
            "interviewee": plan["interviewed"],
        }
        noticed = await self._step(f"{path}/notice", notice, self.problem["interview"]["version"])
        quarter = period_of("quarter", parse_period(self.period).last).key
        world.claims.claim(
            f"interview notice {noticed['number']} goes to {world.name_of(plan['interviewed'])}",
            re.fullmatch(rf"{quarter}-\d{{3}}", str(noticed["number"])) is not None,
            noticed,
        )
        world.until_day(meeting)
        record = {
            "talkers": [plan["interviewer"]],
            "recorder": recorder,
            "talked_to": [plan["interviewed"]],
            "place": notice["place"],
            "time": meeting.isoformat(),
            "points_raised": [self.card.definition],
            "explanation": plan["cause"],
            "commitments": [{"text": plan["commitment"], "due": self._commitment_due()}],
        }
        recorded = await self._step(f"{path}/record", record, noticed["version"])
        stale = await head.refused(
            "POST", "audit", f"{path}/signatures", body={"side": "interviewer", "content_hash": "0" * 64}
        )
        world.claims.equal(
            "a signature on anything but the current record is refused", stale and stale.code, "stale_signature"
        )
        for caller, side in ((head, "interviewer"), (district_head, "interviewee")):
            signed = await caller.post(
                "audit", f"{path}/signatures", {"side": side, "content_hash": recorded["content_hash"]}
            )
        world.claims.equal(
            f"held, recorded, and signed by both: {world.name_of(plan['interviewer'])}, "
            f"{world.name_of(plan['interviewed'])}",
            (signed["state"], signed["signed"]),
            ("signed", ["interviewee", "interviewer"]),
        )
        world.screen.quote(f"record sha256 {recorded['content_hash']}")

    async def rectify(self) -> None:
        """Cause, plan, acceptance, actions with evidence, report."""
        world, plan = self._world, self.plan
        liaison, leader = world.cast("district_liaison"), world.person(plan["interviewed"])
        await self._read()
        await liaison.ask(
            "POST",
            "audit",
            f"/v1/problems/{self.problem['problem_id']}/cause-analysis",
            body={"causes": [{"kind": "process", "text": plan["cause"]}], "text": plan["cause"]},
            headers={"if-match": f'"{self.problem["version"]}"'},
        )
        owner = world.pack.story["cast"]["district_liaison"]
        actions = [{"action": one["action"], "owner": owner, "due": one["due"]} for one in plan["actions"]]
        body = {"problem_id": self.problem["problem_id"], "plan": plan["commitment"], "actions": actions}
        cure = await leader.post("audit", "/v1/rectifications", body)
        path = f"/v1/rectifications/{cure['rectification_id']}"
        early = await leader.refused("POST", "audit", f"{path}/report", body={"text": "完成"})
        world.claims.claim("a report before the plan is accepted is refused", early is not None, early or "taken")
        cure = await self._step(f"{path}/acceptance", None, cure["version"])
        for action in cure["actions"]:
            evidence = f"{action['action']}：已完成"
            done = datetime.fromisoformat(action["due"]).replace(hour=16, tzinfo=SHANGHAI)
            world.until_day(done)
            cure = await liaison.post(
                "audit",
                f"{path}/actions/{action['no']}/completion",
                {"note": evidence, "hash": hashlib.sha256(evidence.encode()).hexdigest()},
            )
        world.screen.table(
            f"Rectification plan, accepted by {world.name_of(world.pack.story['cast']['performance_office'])}",
            ("no", "action", "due", "state"),
            [(one["no"], one["action"], one["due"], one["state"]) for one in cure["actions"]],
        )
        await leader.post("audit", f"{path}/report", {"text": plan["commitment"]})
        await self._read()
        world.claims.equal(
            f"{counted(len(cure['actions']), 'action')} done (the signed commitment among them), the cure is reported",
            (self.problem["state"], len(cure["actions"])),
            ("reported", len(plan["actions"]) + 1),
        )

    async def struck_off(self) -> None:
        """Verified by the next period's score, points regained as a bonus entry, struck off."""
        world = self._world

        async def look() -> tuple[bool, object]:
            await self._read()
            return self.problem["state"] == "struck_off", self.problem["state"]

        with world.screen.working("the confirmed score travels to audit_svc, the bonus back"):
            await until("the strike-off of the followed problem", look)
        points = (self.loss * Decimal(self._tier().make_up_share)).quantize(_CENT, ROUND_HALF_UP)
        problem = self.problem
        world.claims.equal(
            f"{self.plan['cured_period']} verified the cure: {points} points won back "
            f"({self._tier().make_up_share} of {self.loss}), the problem is struck off (销号)",
            (problem["verified_in"], Decimal(problem["regained"] or "0"), bool(problem["entry_id"])),
            (self.plan["cured_period"], points, True),
        )
        world.screen.quote(f"bonus entry {problem['entry_id']}")
        balance = await world.office.get("scoring", "/v1/points-balance", set=self.card.set_code, period=self.period)
        own = next(one for one in balance["items"] if one["unit"] == self.unit)
        world.claims.claim(
            f"scoring_svc keeps deduction and bonus side by side: lost {own['lost']}, won back {own['won_back']}",
            Decimal(own["won_back"]) == points and Decimal(own["lost"]) >= self.loss,
            own,
        )
        world.screen.table(
            "What happened to this problem",
            ("business time", "what"),
            [(_local(one["at"]), one["what"]) for one in problem["timeline"]],
        )
        about = problem["problem_id"]
        await claim_one_trace(
            world,
            f"the confirmation of {self.plan['cured_period']}",
            (
                ("scoring", "confirm", "period", f"{set_id(self.card.set_code)}/{self.plan['cured_period']}"),
                ("audit", "verify", "problem", about),
                ("audit", "strike_off", "problem", about),
            ),
        )
        await tell_events(
            world,
            (("makeup.verified.v1", "audit", "scoring", about), ("points.regained.v1", "scoring", "audit", about)),
        )

    async def _read(self) -> None:
        if not self.problem:
            found = await self._world.office.get("audit", "/v1/problems", deduction_id=self.deduction_id)
            self.problem = found["items"][0]
        self.problem = await self._world.office.get("audit", f"/v1/problems/{self.problem['problem_id']}")

    async def _step(self, path: str, body: Mapping[str, Any] | None, version: int) -> Any:
        headers = {"if-match": f'"{version}"'}
        return await self._world.office.ask("POST", "audit", path, body=body, headers=headers)

    def _tier(self) -> Any:
        """The tier that the pack's policy gives by the share of points lost."""
        tiers = self._world.pack.policy.tiers
        wanted = expectation.tier_by_share(tiers, self.card, self.loss)
        return next(tier for tier in tiers if tier.tier == wanted)

    def _commitment_due(self) -> str:
        return str(max(action["due"] for action in self.plan["actions"]))


def _local(moment: str) -> str:
    """A moment as a clock on the wall in Wuhan shows it."""
    return f"{datetime.fromisoformat(moment).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
