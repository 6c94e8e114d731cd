"""Pages kept in memory: bounded, and their readers told by the same rule as the database tells them."""

import random
from datetime import date
from itertools import pairwise
from uuid import UUID

import asyncpg

from services.scoring_svc.ranking import repository
from services.scoring_svc.ranking.pages import Pages, page_of, party_of
from shared.auth import Reach
from shared.contracts.identity import unit_id
from shared.contracts.periods import Period
from shared.directory.held import readable
from tests.scoring_svc.ledger.city import DISTRICTS, NOON, City


async def test_memory_reads_grants_as_the_database_does(bare_city: City) -> None:
    """Units that moved, were closed, or move only later; readers by unit and by subtree: one rule, worked out twice."""
    draw = random.Random(5)  # noqa: S311 - an order, not a secret
    codes = ["420100", "D-COL", "D-LAW", *DISTRICTS, "420102-S1"]
    today, span = date(2015, 2, 10), Period(date(2015, 1, 1), date(2015, 1, 31), "2015-01")
    days = [date(2014, 6, 1), date(2015, 1, 1), date(2015, 1, 15), date(2015, 2, 1), date(2015, 2, 11), None]
    rows = []
    for number in range(40):
        edges = [*sorted(draw.sample(days[:-1], draw.choice([1, 2, 3]))), draw.choice(days[4:])]
        for since, until in pairwise(edges):
            if since != until:
                path = "/".join(["420100", *draw.sample(codes[1:], draw.choice([0, 1, 2])), f"U{number}"]) + "/"
                rows.append((UUID(int=number), since, until, NOON, f"U{number}", "名", "section", None, path, "{}"))
    columns = "unit_id, effective_from, effective_to, recorded_at, code, name, kind, parent_id, path, groups, version"
    units = [UUID(int=number) for number in range(40)]
    agreed, owner = 0, await asyncpg.connect(bare_city.service.dsns.owner)
    try:
        await owner.executemany(
            f"INSERT INTO directory_unit_spans ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)", rows
        )
        party = party_of(await repository.stood(owner, units, span, today))
        for code in (*codes, "U1"):
            for reach in (
                Reach(everything=False, units=(), subtrees=(f"420100/{code}/",)),
                Reach(everything=False, units=(UUID(int=3),), subtrees=(f"420100/{code}/", "420100/D-LAW/")),
                Reach(everything=False, units=(UUID(int=3),), subtrees=()),
            ):
                told = await readable(owner, reach, span, today, units)
                known = party.within(reach)
                assert known == told & party.units, (code, reach)
                agreed += len(told)
    finally:
        await owner.close()
    assert agreed > 50


def test_memory_is_bounded_and_a_party_is_remembered_for_a_second() -> None:
    now = [0.0]
    pages = Pages(clock=lambda: now[0])
    key, party = unit_id("R"), party_of([(unit_id("U"), "a/b/", True), (unit_id("U"), "c/b/", False)])
    assert (sorted(party.roots), sorted(party.below)) == (["a/b/"], ["a", "b", "c"])
    pages.remember(key, party)
    assert pages.party(key) is party
    now[0] = 1.0
    assert pages.party(key) is None


def test_the_pages_kept_longest_make_room() -> None:
    body = f'{{"units":[{{"unit_id":"{unit_id("U")}","place":1}}]}}'
    made = [
        page_of({"ranking_id": unit_id(f"R{n}"), "set_id": unit_id("S"), "period": "2015", "version": 1,
                 "shows": "totals", "body": body})
        for n in range(4)
    ]  # fmt: skip
    pages = Pages(most_bytes=2 * 2 * len(body))
    for page in made[:3]:
        pages.keep(page)
    assert [pages.page(page.ranking_id) is page for page in made] == [False, True, True, False]
    assert (made[0].some(frozenset({unit_id("U")})), made[0].some(frozenset())) == (
        body.encode(), b'{"units":[]}',
    )  # fmt: skip
    small = Pages(most_bytes=10)
    small.keep(made[3])
    assert small.page(made[3].ranking_id) is None
