"""The codes by which a row of a batch is refused, each with its sentence in Chinese and English."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.errors import Detail

FAULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "row_malformed": ("该行不符合格式要求", "The row does not have the expected form"),
        "row_duplicate": ("同一批次中有重复的行", "The batch has another row for the same metric, unit and period"),
        "metric_unknown": ("没有该数据项", "There is no such metric"),
        "unit_unknown": ("没有该单位", "There is no such unit"),
        "period_unknown": ("考核期写法不正确", "This is no period such as 2015, 2015-H1, 2015-Q2 or 2015-06"),
        "period_not_prepared": ("该考核期尚未准备好接收数据", "The period has not been made ready for facts"),
        "period_kind_wrong": ("该数据项不按这种考核期采集", "The metric is not collected for this kind of period"),
        "unit_not_evaluated": ("没有指标要求该单位填报该数据项", "No indicator asks this metric of this unit"),
        "metric_not_registered": (
            "该来源系统未登记提供此数据项",
            "The source system is not registered to supply this metric",
        ),
        "outside_scope": ("不在您的填报权限范围内", "This is outside the scope within which you may write"),
        "filler_is_other": ("该数据项不由本单位自行填报", "This metric is not one that the unit reports itself"),
        "period_fenced": ("该考核期已停止采集", "Collecting for this period has ended"),
        "period_confirmed": ("该考核期已确认", "The period has been confirmed"),
        "period_closed": ("该考核期已关闭", "The period is closed"),
        "period_open": (
            "该考核期仍在采集，请按正常方式填报",
            "The period is still open: record the fact in the usual way",
        ),
        "state_unknown": ("没有这种数据状态", "There is no such state of a fact"),
        "state_not_yours": ("您无权作出豁免", "Only the performance office or the evaluating department exempts"),
        "reason_missing": ("必须说明理由", "A reason is required"),
        "reason_too_long": ("理由过长", "The reason is too long"),
        "value_missing": ("缺少数值", "The value is missing; blank is not zero"),
        "value_not_text": ("数值必须以文本形式给出", 'A value is text, such as "12.5", never a JSON number'),
        "value_too_long": ("数值过长", "The value is too long"),
        "value_malformed": ("数值不符合该数据项的类型", "The value does not have the form of the metric's type"),
        "value_not_allowed": ("数值不在允许范围内", "The value is not among those allowed"),
        "fact_exists": ("该数据已存在", "The fact exists already, and the strategy only creates"),
        "fact_unknown": ("该数据尚不存在", "The fact does not exist, and the strategy only updates"),
    }
)


def details_of(faults: Mapping[int, str], language: str, *, root: str = "/rows") -> list[Detail]:
    """Each bad row (by its place from 0) with pointer, code and sentence for a reader of `zh` or `en`.

    An empty `root` means that the whole body is the one row.
    """
    which = 0 if language == "zh" else 1
    return [
        Detail(f"{root}/{place}" if root else "", code, FAULTS[code][which]) for place, code in sorted(faults.items())
    ]
