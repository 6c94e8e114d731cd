from pathlib import Path

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from shared.testing import TestIssuer, running_service
from tests.audit_svc.stage import POLICY, deducted, deduction
from tests.chaos.stations import Station, messaging_database, until

SIZE = 30


async def test_deductions_become_problems_through_a_broker_that_goes_away(
    postgres: Postgres, issuer: TestIssuer, tmp_path: Path
) -> None:
    async with await Nats.start(tmp_path / "nats") as nats:
        scoring = await Station("scoring_svc", await messaging_database(postgres, "scoring_svc"), nats.url).start()
        clock = tmp_path / "clock.jsonl"
        async with running_service("audit_svc", postgres, issuer, nats_url=nats.url, clock_file=clock) as service:
            await service.seed_units([("CITY", "city_bureau", None)])
            await service.seed_person("OFFICE", "CITY", "performance_office", scope="all")
            assert (await service.client(person="OFFICE").put("/v1/policies/P", json=POLICY)).status_code == 200
            events = [deducted(deduction("A", "2015-02", "9", indicator=f"B{number}")) for number in range(SIZE)]

            async def problems() -> bool:
                return int(await service.database.reads.fetchval("SELECT count(*) FROM problems")) == SIZE

            try:
                for place, event in enumerate(events):
                    async with scoring.database.transaction("test") as uow:
                        uow.record(event)
                        if place % 3 == 0:
                            uow.record(event)  # said twice under two ids
                        if place % 5 == 0:
                            uow.record(event, to="audit_svc")  # and once more as a snapshot
                    if place == SIZE // 2:
                        await nats.stop()
                await nats.start_again()
                assert await until(problems, within=30)
            finally:
                await scoring.stop()
            rows = await service.database.reads.fetch(
                "SELECT count(*) AS n, count(DISTINCT deduction_id) AS ids, count(DISTINCT case_id) AS cases, "
                "(SELECT count(*) FROM interviews) AS interviews, (SELECT count(*) FROM dead_letters) AS dead "
                "FROM problems"
            )
            assert tuple(rows[0]) == (SIZE, SIZE, SIZE, SIZE, 0)
