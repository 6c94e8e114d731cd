"""A whole month of the Wuhan pack: every rule in the ledger, chunks in two orders."""

import random
from fractions import Fraction

from deploy.local.wuhan2015.generate_facts import facts
from shared.contracts.scoring import DeductionsDigested, IndicatorDeducted, ScoresConfirmed
from tests.scoring_svc.ledger import wuhan
from tests.scoring_svc.ledger.city import City

SET, MONTH = "WH2015-DISTRICT", "2015-01"
_ENTRIES = (
    "SELECT c.indicator_id, c.unit_id, c.score, array_agg(e.points) AS points FROM cells c "
    "JOIN entries e USING (period, indicator_id, unit_id) WHERE c.state = 'scored' GROUP BY 1, 2, 3"
)
_STATE = "SELECT indicator_id, unit_id, state, code, score, entries, inputs FROM cells ORDER BY 1, 2"


async def test_a_month_of_the_pack_is_confirmed_whole(bare_city: City) -> None:
    city, reads = bare_city, bare_city.service.database.reads
    cards = wuhan.cards(SET)
    chunks = list(wuhan.chunks(MONTH, facts(MONTH)))
    mixed = [*wuhan.units(), *wuhan.calendars(), wuhan.indicator_set(SET, cards), *cards, *chunks]
    random.Random(3).shuffle(mixed)  # noqa: S311 - an order, not a secret
    await city.tell(*mixed, times=1)
    await city.service.seed_person("PO1", "420100", "performance_office", scope="all")
    shuffled = [dict(row) for row in await reads.fetch(_STATE)]
    await city.fence(last_chunk=len(chunks), chunks=len(chunks), period=MONTH, code=SET)
    answer = await city.step("confirm", MONTH, SET, {})
    assert answer.status_code == 200, answer.text
    monthly = [card for card in cards if card.period_kind == "month"]
    assert answer.json()["cells"] == len(monthly) * len(wuhan.DISTRICTS)
    # Confirmation evaluates everything again from scratch: what the shuffled events led to was the same.
    confirmed = {(row["indicator_id"], row["unit_id"]): dict(row) for row in await reads.fetch(_STATE)}
    assert len(shuffled) > 1_000
    assert all(confirmed[row["indicator_id"], row["unit_id"]] == row for row in shuffled)
    entered = await reads.fetch(_ENTRIES)
    assert len(entered) > 1_000
    assert all(sum(map(Fraction, row["points"])) == Fraction(row["score"]) for row in entered)
    scores = await city.service.events(ScoresConfirmed)
    assert [len(event.cells) for event in scores[:-1]] == [500] * (len(scores) - 1)
    lost = [cell for event in scores for cell in event.cells if cell.loss != "0"]
    told = [one for event in await city.service.events(IndicatorDeducted) for one in event.deductions]
    digest = (await city.service.events(DeductionsDigested))[0]
    assert len(lost) == len(told) == digest.count > 100
