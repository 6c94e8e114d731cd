import asyncio

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from shared.contracts.registry import SERVICES
from shared.migrations import runner


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_go_up_match_the_code_and_come_down(postgres: Postgres, service: str) -> None:
    short = service.removesuffix("_svc")
    dsns = await postgres.create_service_database(short, database=f"m_{short}")
    package = f"services.{service}"
    try:
        await asyncio.to_thread(runner.upgrade, package, dsns.owner, f"{short}_app")
        assert await asyncio.to_thread(runner.differences, package, dsns.owner) == []
        driver = await asyncpg.connect(dsns.app)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await driver.execute("CREATE TABLE public.mine (x int)")
            owned = await driver.fetchval(
                "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
                "WHERE r.rolname = current_user AND c.relnamespace = 'public'::regnamespace"
            )
            assert owned == 0
        finally:
            await driver.close()
        await asyncio.to_thread(runner.downgrade, package, dsns.owner)
        await asyncio.to_thread(runner.upgrade, package, dsns.owner, f"{short}_app")
    finally:
        await postgres.drop_database(f"m_{short}")
