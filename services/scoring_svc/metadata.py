"""All tables of scoring_svc: the kernel's and those of its rooms."""

from shared import kernel
from shared.db import new_metadata

metadata = new_metadata()
kernel.define(metadata)

from services.scoring_svc.bonus import tables as bonus  # noqa: E402, F401 - the rooms add their tables to `metadata`
from services.scoring_svc.context import tables as context  # noqa: E402, F401 - see above
from services.scoring_svc.copies import tables as copies  # noqa: E402, F401 - see above
from services.scoring_svc.documents import tables as documents  # noqa: E402, F401 - see above
from services.scoring_svc.ledger import tables as ledger  # noqa: E402, F401 - see above
from services.scoring_svc.people import tables as people  # noqa: E402, F401 - see above
from services.scoring_svc.ranking import tables as ranking  # noqa: E402, F401 - see above
from services.scoring_svc.recomputes import tables as recomputes  # noqa: E402, F401 - see above
from services.scoring_svc.simulation import tables as simulation  # noqa: E402, F401 - see above
from services.scoring_svc.year_end import tables as year_end  # noqa: E402, F401 - see above
