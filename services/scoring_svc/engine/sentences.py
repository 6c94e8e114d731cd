"""A rule as people read it, in Chinese and English.

Belongs here: the sentence of the whole rule and the list of its facts. Does not belong here: single primitives.
"""

from services.scoring_svc.engine.language import Input, Policy
from services.scoring_svc.engine.measure import POINTS, declared
from services.scoring_svc.engine.results.base import capital
from services.scoring_svc.engine.results.numeric import Points
from services.scoring_svc.engine.rule import Rule
from services.scoring_svc.engine.speech import Speech, said_choice


def sentence(rule: Rule, lang: str) -> str:
    """The rule in one paragraph, `zh` or `en`; definitions are explained after the result."""
    speech = Speech(lang, rule.inputs, rule.defines, rule.measures)
    said = [rule.result.words(speech)]
    for definition in rule.defines.values():
        measure = rule.measures[definition.value.at]
        text = definition.value.words(speech, POINTS if measure.literal else measure)
        label = definition.label.in_language(lang)
        said.append(speech.pick(f"其中{label}＝{text}。", f"{capital(label)} = {text}."))
    return speech.pick("", " ").join(said)


def facts_line(rule: Rule, lang: str) -> str:
    """The second line of the card: each fact with what follows if it is missing or exempt."""
    speech = Speech(lang, rule.inputs, rule.defines, rule.measures)
    said = [_fact(speech, item) for item in rule.inputs.values()]
    return speech.pick("；", "; ").join(said)


def clause_sentences(rule: Rule, lang: str) -> dict[str, str]:
    """Each clause of a score in words, by its id; empty for results without clauses."""
    if not isinstance(rule.result, Points):
        return {}
    speech = Speech(lang, rule.inputs, rule.defines, rule.measures)
    return {one.clause: one.points.words(speech, POINTS) for one in rule.result.clauses}


def value_words(item: Input, text: str, lang: str) -> str:
    """A fact's value as people read it: a number with its unit, a category by its name, a date as it stands."""
    if item.choices:
        return said_choice(item.choices, text, lang)
    speech = Speech(lang, {}, {}, {})
    return speech.quantity(text, declared(item)) if declared(item).numeric else text


def _fact(speech: Speech, item: Input) -> str:
    missing, exempt = _follows(speech, item, item.missing), _follows(speech, item, item.exempt)
    missing_zh, missing_en = f"缺报{missing}", f"if missing {missing}"
    exempt_zh, exempt_en = f"豁免{exempt}", f"if exempt {exempt}"
    if item.exempt.word == "refuse":
        exempt_zh, exempt_en = "不得豁免", "no exemption"
    label = item.label.in_language(speech.lang)
    return speech.pick(f"{label}（{missing_zh}，{exempt_zh}）", f"{label} ({missing_en}, {exempt_en})")


def _follows(speech: Speech, item: Input, policy: Policy) -> str:
    if policy.as_if is not None and item.choices:
        name = next((one.in_language(speech.lang) for one in item.choices if one.id == policy.as_if), policy.as_if)
        return speech.pick(f"按{name}计", f"counts as {name}")
    if policy.word == "not_scorable":
        return speech.pick("则不可考核", "not scorable")
    return speech.policy(policy)
