"""A service as its own uvicorn process on loopback, for fault tests and benchmarks to kill and start again."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.ports import free_port
from deploy.local.processes import Child, spawn
from shared.testing import Dsns, TestIssuer

ROOT = Path(__file__).resolve().parents[2]
STATIC = {"setup": "operator", "indicator_svc": "service", "scoring_svc": "service", "peer": "service"}


class ServiceProcess:
    """One service under uvicorn, as deployed: `kill` is kill -9, `start` brings it up again on the same port.

    `application` may name another factory, for a benchmark that adds an empty route to compare with.
    """

    application: str | None = None

    def __init__(
        self, name: str, dsns: Dsns, issuer: TestIssuer, nats_url: str, directory: Path, **settings: str
    ) -> None:
        self.name, self.port = name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = directory / f"{name}-{self.port}.log"
        self._environment: Mapping[str, str] = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            "LIANDONG_DATABASE_URL": dsns.app,
            "LIANDONG_NATS_URL": nats_url,
            "LIANDONG_ISSUER": issuer.issuer,
            "LIANDONG_JWKS_URL": issuer.jwks_url,
            "LIANDONG_STATIC_APPOINTMENTS": json.dumps(STATIC),
            "LIANDONG_LOG_LEVEL": "ERROR",
            **{f"LIANDONG_{key.upper()}": value for key, value in settings.items()},
        }
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The process as last started."""
        assert self._child is not None, "not started"
        return self._child

    async def start(self, *, ready: bool = False, within: float = 30.0) -> None:
        """Start and wait until it is live (or ready: its consumers hear)."""
        self._child = spawn(
            self.name,
            [
                sys.executable, "-m", "uvicorn",
                self.application or f"services.{self.name}.main:create_app", "--factory",
                "--host", "127.0.0.1", "--port", str(self.port), "--loop", "uvloop", "--http", "httptools",
                "--no-access-log", "--log-level", "warning",
            ],
            log=self._log, environment=self._environment,
        )  # fmt: skip
        await self.wait_until("/health/ready" if ready else "/health/live", within)

    async def wait_until(self, path: str, within: float = 30.0) -> None:
        """Wait until a health path answers 200."""
        end = time.monotonic() + within
        async with httpx.AsyncClient(timeout=2) as http:
            while True:
                try:
                    if (await http.get(self.url + path)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                if self.child.returncode is not None or time.monotonic() > end:
                    raise RuntimeError(f"{self.name} is not there:\n{self.child.last_lines(40)}")
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """Kill -9."""
        await self.child.kill_all()

    async def stop(self) -> None:
        """Stop in order."""
        if self._child is not None:
            await self._child.end([(signal.SIGTERM, 8.0)])
