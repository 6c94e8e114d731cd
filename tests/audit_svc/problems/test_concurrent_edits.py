from pathlib import Path

from deploy.local.nats import Nats
from deploy.local.postgres import Postgres
from tests.chaos.r18 import run
from tests.chaos.verdict import System


async def test_concurrent_edits_never_overwrite_silently(postgres: Postgres, nats_server: Nats, tmp_path: Path) -> None:
    verdict = await run(System(postgres, nats_server, tmp_path), seconds=5, size=20)
    assert verdict.passed, str(verdict)
