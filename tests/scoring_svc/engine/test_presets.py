"""The method catalogue: every preset may be published as it is, says what it does, and gives what its example says."""

import json
from pathlib import Path

import pytest

from services.scoring_svc.engine.domain import ColumnPlan, Table, check_rule, columns_of, evaluate, sentence, weekdays
from services.scoring_svc.engine.presets import Preset, presets

PACK = Path("deploy/local/wuhan2015/indicators")


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.method)
def test_a_preset_is_published_cleanly_and_gives_its_example(preset: Preset) -> None:
    assert check_rule(preset.document) == []
    assert sentence(preset.rule, "zh") != sentence(preset.rule, "en")
    example = preset.example
    found = evaluate(preset.rule, example["facts"], example.get("peers"), weekdays())
    assert found.value == example["result"]
    plan = columns_of(preset.rule)
    assert isinstance(plan, ColumnPlan)
    rows = plan.evaluate(
        Table.of_rows([example["facts"], *example.get("peers", {}).values()]), calendar=weekdays()
    ).rows()
    assert rows[0].value == example["result"]


def test_methods_are_unique_and_cover_every_method_of_the_pack() -> None:
    methods = [preset.method for preset in presets()]
    assert len(set(methods)) == len(methods)
    used = {
        card["method"]
        for path in PACK.glob("*.json")
        for card in json.loads(path.read_text(encoding="utf-8"))["indicators"]
    }
    assert len(used) > 30
    assert used <= set(methods)


def test_names_and_rules_are_unique() -> None:
    found = presets()
    for names in ([one.zh for one in found], [one.en for one in found], [one.rule.hash for one in found]):
        assert len(set(names)) == len(found)
