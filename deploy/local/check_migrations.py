"""The check that migrations and code agree: empty databases, migrated, compared with what the code declares.

What belongs here: the private server for it and the report. What does not: migrating and comparing
(shared.migrations).
"""

import asyncio
import tempfile
from pathlib import Path

from deploy.local.lodging import remove_lodging
from deploy.local.postgres import Postgres
from deploy.local.system import DATABASE_OF
from shared.migrations.runner import differences, downgrade, upgrade


async def check_migrations() -> int:
    """Migrate each service's empty database, compare, take everything back and migrate again.

    Prints one line a service; the exit status is 1 when one differs.
    """
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="liandong-check-"))
    different = 0
    postgres = await Postgres.start(directory, settings={"fsync": "off"})
    try:
        for service, database in DATABASE_OF.items():
            owner = (await postgres.create_service_database(database)).owner
            package = f"services.{service}"
            await asyncio.to_thread(upgrade, package, owner)
            found = await asyncio.to_thread(differences, package, owner)
            await asyncio.to_thread(downgrade, package, owner)
            await asyncio.to_thread(upgrade, package, owner)
            for difference in found:
                print(f"{service}: {difference}")
            print(f"{service}: migrations {'differ from the code' if found else 'agree with the code'}")
            different += bool(found)
    finally:
        await postgres.stop()
        await asyncio.to_thread(remove_lodging, directory)
    return 1 if different else 0
