"""The metrics of the small city, as indicator_svc tells them."""

from shared.contracts.identity import metric_id
from shared.contracts.indicator import MetricChanged

_TYPES = {"M-ERR": "count", "M-GROWTH": "percent", "M-SENT": "date", "M-QERR": "count", "M-COND": "count"}
METRICS = [
    MetricChanged(
        metric_id=metric_id(code), version=1, code=code, name={"zh": code, "en": code}, type=kind, unit=None,
        allowed="any", fields=None, supplied_by=[],
    )
    for code, kind in _TYPES.items()
]  # fmt: skip
