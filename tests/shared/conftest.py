import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.local.postgres import Postgres, ServiceDsns
from shared.migrations.runner import upgrade
from shared.settings import Settings
from shared.testing import NOBODY_LISTENS, RunningService, TestIssuer
from tests.shared.plain.app import create_app


@pytest.fixture(scope="session")
async def plain_dsns(postgres: Postgres) -> ServiceDsns:
    dsns = await postgres.create_service_database("plain")
    await asyncio.to_thread(upgrade, "tests.shared.plain", dsns.owner, "plain_app")
    return dsns


@pytest.fixture
async def plain(plain_dsns: ServiceDsns, issuer: TestIssuer) -> AsyncIterator[RunningService]:
    app = create_app(
        Settings(
            database_url=plain_dsns.app, nats_url=NOBODY_LISTENS, issuer=issuer.issuer, jwks_url=issuer.jwks_url,
            static_appointments={"setup": "operator", "reader": "auditor"}, log_level="ERROR", trail_seal_seconds=0.1,
            cors_origins="https://desk.example",
        )
    )  # fmt: skip
    async with app.router.lifespan_context(app):
        service = RunningService("plain_svc", app, issuer, {}, plain_dsns)
        yield service
        await service.close()
