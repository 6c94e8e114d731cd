"""Groups whose units see each other are scored at most once in a while: facts that come in between wait together.

The first fact after a pause is scored at once, so a single change is as fast as any. What comes within the pause only
marks the group; whichever process looks next scores it from the newest facts. A process that dies leaves the mark.
"""

import asyncio
from dataclasses import dataclass

from services.scoring_svc.ledger.rescoring import score_again
from services.scoring_svc.ledger.turns import waiting_groups
from shared.clock import Clock
from shared.contracts.periods import parse_period
from shared.db import Database, is_database_down
from shared.observability import log

_LOOKS_A_PAUSE = 3


@dataclass(frozen=True)
class GroupScorer:
    """Scores groups whose pause is over. `pause` in seconds; 0: nothing ever waits."""

    database: Database
    clock: Clock
    pause: float

    async def run(self) -> None:
        """Run for ever; a database that is away is waited for."""
        while self.pause:
            await asyncio.sleep(self.pause / _LOOKS_A_PAUSE)
            try:
                while await self.turn():
                    """Others may wait."""
            except Exception as error:  # noqa: BLE001 - the marks stay, and the next look finds them
                if not is_database_down(error):
                    log().warning("waiting groups could not be scored, trying again", error=repr(error))
                await asyncio.sleep(1)

    async def turn(self) -> bool:
        """Score the groups that are due; whether there were any."""
        due = await waiting_groups(self.database.reads, self.pause)
        for period, indicator in due:
            async with self.database.transaction("scoring_svc") as uow:
                await score_again(uow, parse_period(period), [indicator], None, self.clock.now())
        return bool(due)
