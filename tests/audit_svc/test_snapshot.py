import asyncio
import os
import sys

import pytest

from services.audit_svc.snapshot import send_snapshot
from shared.contracts.audit import FindingConfirmed, MakeupVerified
from shared.snapshot import ReaderUnknown
from tests.audit_svc.stage import Stage, deducted, deduction, scores

FINDING = {
    "problem_type": "M-C1",
    "unit": "A",
    "period": "2015-01",
    "text": "明查",
    "evidence_hash": "b" * 64,
    "occurred_at": "2015-01-21T10:12:00+08:00",
}


async def test_a_snapshot_says_the_same_again_to_one_reader(stage: Stage) -> None:
    await stage.publish_policy()
    await stage.service.deliver(deducted(deduction("A", "2015-02", "9")))
    await stage.cured(str((await stage.problem("A", "2015-02"))["problem_id"]))
    await stage.service.deliver(scores("2015-03", ("I1", "A", "0")))
    found = (await stage.inspector.post("/v1/findings", json=FINDING)).json()["finding_id"]
    await stage.second.post(f"/v1/findings/{found}/confirmation")
    for reader, contract in (("scoring_svc", MakeupVerified), ("submission_svc", FindingConfirmed)):
        assert await send_snapshot(stage.service.database, reader) == 1
        first, again = await stage.service.events(contract)
        assert first == again
        subjects = await stage.service.database.reads.fetch("SELECT nats_subject FROM outbox ORDER BY id DESC LIMIT 1")
        assert subjects[0]["nats_subject"].startswith(f"snapshot.{reader}.")
    with pytest.raises(ReaderUnknown):
        await send_snapshot(stage.service.database, "indicator_svc")


async def test_the_command_tells_what_it_sent_or_why_not(stage: Stage) -> None:
    async def run(reader: str) -> tuple[int | None, str, str]:
        arguments = ("-m", "services.audit_svc", "snapshot", "--to", reader)
        environment = {**os.environ, "LIANDONG_DATABASE_URL": stage.service.dsns.app}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, stdout=pipe, stderr=pipe
        )
        said, complained = await process.communicate()
        return process.returncode, said.decode(), complained.decode()

    assert await run("scoring_svc") == (0, "snapshot for scoring_svc: 0 recorded, the relay sends them\n", "")
    assert await run("indicator_svc") == (1, "", "indicator_svc does not read anything of audit_svc\n")
