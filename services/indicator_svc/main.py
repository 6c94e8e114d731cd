"""indicator_svc put together: rooms, permissions, handlers. uvicorn starts it with `--factory`."""

from fastapi import FastAPI

from services.indicator_svc.catalogue import api as catalogue
from services.indicator_svc.event_handlers import HANDLERS
from services.indicator_svc.organisation import api as organisation
from services.indicator_svc.permissions import PERMISSIONS
from services.indicator_svc.settings import IndicatorSettings
from shared import service


def create_app(settings: IndicatorSettings | None = None) -> FastAPI:
    """The service's application; without settings it reads its environment."""
    return service.build(
        "indicator_svc",
        settings or IndicatorSettings(),  # type: ignore[call-arg]  # its environment gives them
        title="Liandong indicator_svc: organisation and indicator catalogue 组织与指标",
        permissions=PERMISSIONS,
        routers=[organisation.router, catalogue.router],
        handlers=HANDLERS,
    )
