"""A reader that lost its copy is filled again from the owner's tables: the same objects, addressed to it alone."""

import pytest

from services.indicator_svc.catalogue.schemas import _METRIC
from services.indicator_svc.snapshot import redrive
from shared.contracts.envelope import data_of, unseal
from shared.contracts.roles import Role, Scope
from shared.snapshot import ReaderUnknown
from tests.indicator_svc.catalogue.building import SET, UNITS, card, draft, publish
from tests.indicator_svc.conftest import RuleChecker, Start
from tests.indicator_svc.organisation.test_units_api import load, patch


async def test_the_snapshot_tells_everything_once_more(start: Start, checker: RuleChecker) -> None:
    checker.down, checker.before_answer = False, None
    async with start(checker) as service:
        setup = service.client(client="setup")
        await load(setup, UNITS)
        assert (await patch(setup, "D1", 1, effective_from="2015-07-01", name="一区")).status_code == 200
        await setup.post(
            "/v1/person-batches", json={"people": [{"code": "P", "name": "人", "unit_code": "D1", "post": "干部"}]}
        )
        await setup.post("/v1/appointment-batches", json={"appointments": [
            {"person_code": "P", "role": "unit_liaison", "unit_code": "D1", "scope": "own",
             "effective_from": "2015-01-01"}
        ]})  # fmt: skip
        await setup.put("/v1/calendars/2015", json={"days": [{"day": "2015-01-01", "kind": "closed", "name": "元旦"}]})
        await service.seed_person("OFFICE", "R", Role.PERFORMANCE_OFFICE, scope=Scope.ALL)
        office = service.client(person="OFFICE")
        await office.post("/v1/metric-batches", json={"metrics": [_METRIC]})
        await office.post("/v1/indicator-sets", json=SET)
        await draft(office, card("C1"), card("C2"))
        assert (await publish(office)).status_code == 201
        first = await service.database.reads.fetch("SELECT type, nats_subject, envelope FROM outbox ORDER BY id")
        newest = {}
        for row in first:
            data = data_of(unseal(row["envelope"].encode()))
            newest[row["type"], getattr(data, data.__struct_fields__[0])] = data
        sent = await redrive(service.database, "scoring_svc")
        assert sent["indicator.published.v1"] == 2
        rows = await service.database.reads.fetch(
            "SELECT type, nats_subject, envelope FROM outbox WHERE nats_subject LIKE 'snapshot.%' ORDER BY id"
        )
        assert {row["nats_subject"] for row in rows} == {f"snapshot.scoring_svc.{row['type']}" for row in rows}
        told = [data_of(unseal(row["envelope"].encode())) for row in rows]
        # The seeded performance officer stands in the directory too, so the snapshot tells of them as well.
        for data in newest.values():
            assert data in told
        assert set(sent) == {row["type"] for row in first}
        only = await redrive(service.database, "audit_svc", ["unit.changed.v1"])
        assert only == {"unit.changed.v1": len(UNITS)}
        with pytest.raises(ReaderUnknown):
            await redrive(service.database, "audit_svc", ["metric.changed.v1"])
