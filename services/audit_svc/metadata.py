"""All tables of audit_svc: the kernel's and the rooms'. Migrations create them; this declares them."""

from services.audit_svc.copies import tables as copies
from services.audit_svc.inspections import tables as inspections
from services.audit_svc.interviews import tables as interviews
from services.audit_svc.problems import tables as problems
from services.audit_svc.rectification import tables as rectification
from shared import kernel
from shared.db import new_metadata

metadata = new_metadata()
kernel.define(metadata)
for room in (copies, problems, interviews, rectification, inspections):
    room.define(metadata)
