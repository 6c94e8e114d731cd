"""All tables of submission_svc's database in one metadata: the kernel's and the rooms'."""

from services.submission_svc.burden import tables as burden
from services.submission_svc.facts import tables as facts
from services.submission_svc.fences import tables as fences
from services.submission_svc.published import tables as published
from services.submission_svc.sources import tables as sources
from shared import kernel
from shared.db import new_metadata

metadata = new_metadata()
kernel.define(metadata)
for _room in (published, sources, facts, fences, burden):
    _room.define(metadata)
