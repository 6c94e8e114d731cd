"""Sentences: how quantities, names and words of the language are said in Chinese and English.

Belongs here: units, numbers, labels, the words of enumerations, policies. Does not belong here: the sentence of
a primitive; it stands with the primitive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.scoring_svc.engine.language import Choice, Combine, Input, Policy
from services.scoring_svc.engine.measure import POINTS, Measure
from services.scoring_svc.engine.numbers import Rounding

if TYPE_CHECKING:
    from services.scoring_svc.engine.nodes import Definition, Value

_MODES = {
    "half_up": ("四舍五入", "half up"),
    "half_even": ("四舍六入五成双", "half to even"),
    "floor": ("只舍不入", "always down"),
    "ceiling": ("只入不舍", "always up"),
}
_COMBINE = {
    "sum": ("合计", "total"),
    "mean": ("平均值", "mean"),
    "highest": ("最高值", "highest"),
    "lowest": ("最低值", "lowest"),
}
COMPARE = {
    "below": ("低于", "below"),
    "at_most": ("不高于", "at most"),
    "equal": ("等于", "equal to"),
    "at_least": ("不低于", "at least"),
    "above": ("高于", "above"),
}
STATES = {
    "present": ("已有", "present"),
    "missing": ("缺报", "missing"),
    "exempt": ("豁免", "exempt"),
    "not_scorable": ("不可考核", "not scorable"),
}
_UNCOUNTED = ("yuan", "%", "s")


def plural(unit: str, text: str) -> str:
    """The English unit of a number: `1 day`, `2 days`, `3 yuan`."""
    if not unit or text in {"1", "-1"} or unit.endswith(_UNCOUNTED):
        return unit
    if unit.endswith("y") and not unit.endswith(("ay", "ey", "oy", "uy")):
        return f"{unit[:-1]}ies"
    return f"{unit}s"


def signed_points(text: str, lang: str) -> str:
    """What a number of points does: `扣0.5分` / `minus 0.5`, `加1分` / `plus 1`."""
    amount = text.removeprefix("-")
    if lang == "zh":
        return f"{'扣' if text.startswith('-') else '加'}{amount}分"
    return f"{'minus' if text.startswith('-') else 'plus'} {amount}"


@dataclass(frozen=True)
class Speech:
    """One language, and what names mean where the sentence stands."""

    lang: str
    inputs: Mapping[str, Input]
    defines: Mapping[str, "Definition"]
    measures: Mapping[str, Measure]
    records: tuple[Mapping[str, Input], ...] = ()

    @property
    def zh(self) -> bool:
        """Whether Chinese is spoken."""
        return self.lang == "zh"

    def pick(self, zh: str, en: str) -> str:
        """The one of two texts that belongs to the language."""
        return zh if self.zh else en

    def inside(self, fields: Mapping[str, Input]) -> "Speech":
        """The speech about each record of a records input."""
        return replace(self, records=(*self.records, fields))

    def declared(self, name: str) -> "Input | Definition | None":
        """What a name is declared as here."""
        for fields in reversed(self.records):
            if name in fields:
                return fields[name]
        return self.defines.get(name) or self.inputs.get(name)

    def label(self, name: str) -> str:
        """The label of a name."""
        found = self.declared(name)
        if found is None:
            return self.pick("名次", "place")
        return found.label.in_language(self.lang)

    def category(self, name: str, choice: str) -> str:
        """The label of one category of a name."""
        found = self.declared(name)
        known = found.choices if isinstance(found, Input) else ()
        return said_choice(known, choice, self.lang)

    def measure(self, node: "Value") -> Measure:
        """The measure that the checks found for a node."""
        return self.measures[node.at]

    def quantity(self, text: str, unit: Measure) -> str:
        """A number with its unit; negative points are deducted."""
        if unit.unit == POINTS.unit and text.startswith("-"):
            return signed_points(text, self.lang)
        if unit.type == "place":
            return self.pick(f"第{text}名", f"place {text}")
        if unit.type == "percent":
            return f"{text}%"
        return self._with_unit(text, unit)

    def width(self, text: str, unit: Measure) -> str:
        """A number as a width: percentage points, places, otherwise with its unit."""
        if unit.type == "percent":
            return self.pick(f"{text}个百分点", f"{text} {plural('percentage point', text)}")
        return self._with_unit(text, unit)

    def _with_unit(self, text: str, unit: Measure) -> str:
        zh, en = unit.unit
        if self.zh:
            return f"{text}{zh}"
        return f"{text} {plural(en, text)}" if en else text

    def wrapped(self, node: "Value", unit: Measure) -> str:
        """A value inside another: a constant or name bare, anything else in brackets."""
        said = node.words(self, unit)
        if node.kind in {"constant", "name"}:
            return said
        return self.pick(f"（{said}）", f"({said})")

    def rounding(self, mode: str, places: int) -> tuple[str, str]:
        """The words of a rounding: the mode, and the number of places."""
        return _MODES[mode][not self.zh], self.pick(f"{places}位小数", f"{places} {plural('place', str(places))}")

    def rounded(self, rounding: Rounding) -> str:
        """A rounding in brackets."""
        mode, places = self.rounding(rounding.mode, rounding.places)
        return self.pick(f"（{mode}，{places}）", f" ({mode}, {places})")

    def combine(self, how: Combine) -> str:
        """The words of a way to combine."""
        if how.word != "trimmed_mean":
            return _COMBINE[how.word][not self.zh]
        return self.pick(
            f"去掉{how.drop_highest}个最高、{how.drop_lowest}个最低后的平均值",
            f"mean without the {how.drop_highest} highest and {how.drop_lowest} lowest",
        )

    def policy(self, policy: Policy) -> str:
        """What follows, for a value that cannot be had."""
        if policy.word == "as_if":
            return self.pick(f"按{policy.as_if}计", f"counts as {policy.as_if}")
        if policy.word == "peers_mean":
            units = self.units(policy.within)
            return self.pick(f"取{units}平均分", f"the mean score of {units}")
        return {
            "refuse": self.pick("须补报", "must be supplied"),
            "not_scorable": self.pick("不可考核", "not scorable"),
        }[policy.word]

    def units(self, within: tuple[str, ...]) -> str:
        """The units that are compared."""
        names = [self.label(name) for name in within]
        if not names:
            return self.pick("同类单位", "the peer units")
        return self.pick(f"{'、'.join(names)}相同的同类单位", f"the peer units of the same {' and '.join(names)}")


def said_choice(choices: tuple[Choice, ...], wanted: str, lang: str) -> str:
    """The label of one choice; its id if it is not declared."""
    return next((choice.in_language(lang) for choice in choices if choice.id == wanted), wanted)
