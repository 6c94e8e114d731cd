"""All kinds of the language: importing this module registers every primitive, condition and result.

A new primitive is one file under `primitives` and one line here.
"""

from services.scoring_svc.engine import conditions
from services.scoring_svc.engine.primitives import arithmetic, choosing, peering, reducing, stepping, time, weighting
from services.scoring_svc.engine.results import numeric, worded

PRIMITIVES = (arithmetic, weighting, stepping, choosing, reducing, peering, time)
CONDITIONS = (conditions,)
RESULT_KINDS = (numeric, worded)
