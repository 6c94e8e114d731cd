"""Every table of the service's database: the kernel's and its rooms'."""

from services.indicator_svc.catalogue import tables as catalogue
from services.indicator_svc.organisation import tables as organisation
from services.indicator_svc.review import tables as review
from shared import kernel
from shared.db import new_metadata

metadata = new_metadata()
kernel.define(metadata)
for _room in (organisation, catalogue, review):
    _room.define(metadata)
