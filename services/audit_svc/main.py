"""audit_svc put together: follows every lost point to a verified cure.

Started by `uvicorn --factory services.audit_svc.main:create_app`.
"""

from fastapi import FastAPI

from services.audit_svc import event_handlers
from services.audit_svc.inspections.api import router as inspections
from services.audit_svc.interviews.api import router as interviews
from services.audit_svc.permissions import PERMISSIONS
from services.audit_svc.problems.api import router as problems
from services.audit_svc.rectification.api import router as rectification
from services.audit_svc.settings import AuditSettings
from shared.service import build


def create_app(settings: AuditSettings | None = None) -> FastAPI:
    """The service's app; without settings they are read from the environment."""
    app = build(
        "audit_svc",
        settings or AuditSettings.model_validate({}),
        title="联动 audit_svc · problems, interviews, rectification, inspections",
        permissions=PERMISSIONS,
        routers=[problems, interviews, rectification, inspections],
        handlers=event_handlers.HANDLERS,
    )
    event_handlers.keep_time_by(app.state.clock)
    return app
