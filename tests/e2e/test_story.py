"""The main job on real parts: four processes, PostgreSQL, NATS, issuer; killed in the middle, and told to the end."""

from collections import Counter
from decimal import Decimal

from deploy.local.story import expectation
from deploy.local.story.confirming import deductions_of
from deploy.local.story.following import RedDeduction
from deploy.local.story.setting_up import district_set
from deploy.local.wuhan2015.loader import load_pack
from tests.e2e.conftest import Bureau
from tests.e2e.reduced import CARDS, DISTRICTS, PERIODS


async def test_every_claim_held_although_all_services_were_killed_in_the_middle(told: Bureau) -> None:
    failed = [claim.text for claim in told.world.claims.made if not claim.held]
    assert failed == []
    assert len(told.world.claims.made) > 40
    assert told.world.claims.status == 0


async def test_exactly_one_problem_per_deduction(told: Bureau) -> None:
    one = district_set(told.world)
    for period in PERIODS:
        confirmed = await deductions_of(told.world, one.code, period)
        problems = await told.world.office.every("audit", "/v1/problems", set=one.code, period=period)
        counted = Counter(problem["deduction_id"] for problem in problems)
        assert counted == Counter(deduction["deduction_id"] for deduction in confirmed.deductions.values())
        assert set(counted.values()) == {1}
        recounted = expectation.recount(told.world.pack, one.code, period, told.sent)
        cards = {card.code: card for card in one.indicators}
        for cell, loss in recounted.lossy.items():
            identity = str(expectation.deduction_of(cards[cell[0]], cell[1], cell[2]))
            (problem,) = [each for each in problems if each["deduction_id"] == identity]
            assert Decimal(problem["loss"]) == loss


async def test_the_problem_follows_the_versions_of_an_amended_deduction(told: Bureau) -> None:
    one, story = district_set(told.world), told.world.pack.story
    shrinks, lifted = (each for each in story["amendments"])
    for amendment, losses, state in ((shrinks, ["1.5", "0.5"], "open"), (lifted, ["1.8", "0"], "lifted")):
        card = next(card for card in one.indicators if card.code == amendment["indicator"])
        identity = str(expectation.deduction_of(card, amendment["unit"], amendment["period"]))
        (found,) = await told.world.office.every("audit", "/v1/problems", deduction_id=identity)
        problem = await told.world.office.get("audit", f"/v1/problems/{found['problem_id']}")
        assert [Decimal(version["loss"]) for version in problem["versions"]] == [Decimal(loss) for loss in losses]
        assert problem["versions"][-1]["reason"] == "fact_amended"
        assert problem["state"] == state
        facts = await told.world.office.get(
            "submission", f"/v1/facts/{amendment['period']}/{amendment['metric']}/{amendment['unit']}/versions"
        )
        assert [fact["value"] for fact in facts["items"]] == [amendment["value"], amendment["amended_value"]]


async def test_the_make_up_path_ends_in_a_strike_off_and_the_deduction_stays(told: Bureau) -> None:
    red = RedDeduction(told.world, district_set(told.world).code)
    (found,) = await told.world.office.every("audit", "/v1/problems", deduction_id=red.deduction_id)
    problem = await told.world.office.get("audit", f"/v1/problems/{found['problem_id']}")
    assert problem["state"] == "struck_off"
    assert (problem["loss"], problem["regained"], problem["verified_in"]) == ("8.64", "4.32", "2015-03")
    assert problem["interview"]["state"] == "signed"
    assert problem["interview"]["number"] == "2015-Q1-001"
    assert problem["rectification"]["open_actions"] == 0
    path = [step["what"] for step in problem["timeline"]]
    order = ("opened", "interview_planned", "interview_signed", "plan_accepted", "reported", "verified", "struck_off")
    assert [path.index(step) for step in order] == sorted(path.index(step) for step in order)
    confirmed = await deductions_of(told.world, red.card.set_code, red.period)
    assert confirmed.lossy[red.card.code, red.unit, red.period] == Decimal("8.64")


async def test_the_story_shows_what_it_claims(told: Bureau) -> None:
    text = told.output.getvalue()
    assert text.count("✓") == told.world.claims.held
    assert "✗" not in text
    for word in ("漏征漏管户清理", "period_fenced", "2015-Q1-001", "销号"):
        assert word in text
    assert "Traceback" not in text


def test_the_small_pack_has_every_part_of_the_story() -> None:
    whole = load_pack()
    assert set(CARDS) < {card.code for card in whole.sets["WH2015-DISTRICT"].indicators}
    assert set(DISTRICTS) < {district.code for district in whole.districts}
