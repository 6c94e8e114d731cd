"""Refusals of the sources room."""

from shared.errors import Refused


class SourceRegisteredOtherwise(Refused):
    """The client is registered already, with another name or other metrics."""

    code = "source_registered_otherwise"
    zh, en = (
        "来源系统 {client} 已按其他内容登记",
        "The source system {client} is registered already, with other content",
    )


class MetricsUnknown(Refused):
    """A registration names metrics that do not exist."""

    code = "metric_unknown"
    zh, en = "登记中有不存在的数据项", "The registration names metrics that do not exist"


class OwnerUnknown(Refused):
    """A registration names an owner that is no unit today."""

    code = "unit_unknown"
    zh, en = "没有单位 {unit}", "There is no unit {unit}"
