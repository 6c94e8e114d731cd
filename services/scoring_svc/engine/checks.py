"""Publication checks that look at the whole rule: names, reading, nesting, policies.

Belongs here: checks that no single node can make. Does not belong here: type and interval rules; they stand with
each primitive and are run from here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from services.scoring_svc.engine import reach
from services.scoring_svc.engine.conditions import Compare, In, State
from services.scoring_svc.engine.language import SCALARS, WHOLE_TYPES, Group, Input, Policy, Within
from services.scoring_svc.engine.measure import Scope
from services.scoring_svc.engine.nodes import Definition, Name, inside, parts
from services.scoring_svc.engine.numbers import is_decimal, rational
from services.scoring_svc.engine.primitives.choosing import Table
from services.scoring_svc.engine.primitives.peering import Peers, Rank
from services.scoring_svc.engine.primitives.reducing import Each
from services.scoring_svc.engine.primitives.stepping import Linear, Step
from services.scoring_svc.engine.results.base import Result

RESERVED_NAMES = frozenset({"all", "none", "place"})
LARGEST = 20_000
"""So many nodes a rule may have with every definition written out, so that a proof stays readable."""
DEEPEST = 100
"""So deep a rule may be nested with every definition written out."""


def check_parts(inputs: Mapping[str, Input], defines: Mapping[str, Definition], result: Result) -> Scope:
    """Run every check on a rule of good shape; the returned scope holds findings and measures."""
    scope = Scope(inputs, defines)
    _names_clash(scope)
    used: set[str] = set()
    earlier: dict[str, Definition] = {}
    for name, definition in defines.items():
        _resolve(scope.outside(dict(earlier)), definition.value, used)
        earlier[name] = definition
    _resolve(scope, result, used)
    _unused(scope, used)
    _policies(scope, result)
    if scope.report.findings and any(one.code in {"UNKNOWN_NAME", "NAME_CLASH"} for one in scope.report.findings):
        return scope
    _size(scope, result)
    if any(one.code == "SHAPE" for one in scope.report.findings):
        return scope
    _run_rules(scope, result)
    return scope


def _run_rules(scope: Scope, result: Result) -> None:
    for definition in scope.defines.values():
        definition.value.measure(scope)
    result.type_in(scope)
    _readings(scope, result)
    if any(one.code in {"TYPE_MISMATCH", "ALLOWED_EMPTY", "POLICY_VALUE"} for one in scope.report.findings):
        return
    for definition in scope.defines.values():
        definition.value.attains(scope)
    result.judge(scope)


def _all_inputs(inputs: Mapping[str, Input]) -> Iterator[tuple[str, Input]]:
    for name, item in inputs.items():
        yield name, item
        yield from ((f"{name}.{field}", one) for field, one in (item.fields or {}).items())


def _names_clash(scope: Scope) -> None:
    top = {**{name: f"/define/{name}" for name in scope.defines}, **{name: f"/inputs/{name}" for name in scope.inputs}}
    for name, at in top.items():
        if name in RESERVED_NAMES or (name in scope.inputs and name in scope.defines):
            _clash(scope, at, name)
    for name, item in scope.inputs.items():
        for field in item.fields or {}:
            if field in top or field in RESERVED_NAMES:
                _clash(scope, f"/inputs/{name}/fields/{field}", field)
    for _, item in _all_inputs(scope.inputs):
        ids = [choice.id for choice in item.choices]
        for choice in item.choices:
            if ids.count(choice.id) > 1:
                _clash(scope, choice.at, choice.id)


def _clash(scope: Scope, at: str, name: str) -> None:
    scope.report.add("NAME_CLASH", at, f"名称重复或为保留字：{name}", f"name declared twice or reserved: {name}")


def names_read(node: Any) -> Iterator[tuple[str, str]]:
    """The names that a part reads itself (not those inside its parts), with the pointer where each stands."""
    if isinstance(node, Name):
        yield node.name, node.at
    elif isinstance(node, In | State):
        yield node.of, f"{node.at}/of"
    elif isinstance(node, Within):
        yield from ((name, node.at) for name in node.names)
    elif isinstance(node, Group):
        yield node.by, f"{node.at}/by"
    elif isinstance(node, Policy):
        yield from ((name, node.at) for name in node.within)
    elif isinstance(node, Each):
        yield node.in_, f"{node.at}/in"
    start = getattr(node, "start", None)
    if isinstance(node, Result) and isinstance(start, str):
        yield start, f"{node.at}/start"


def _resolve(scope: Scope, node: Any, used: set[str]) -> None:
    """Report names that are not declared; note what is read."""
    for name, at in names_read(node):
        if name == "place" and scope.place:
            continue
        found = scope.resolve(name)
        if found is None:
            scope.report.add("UNKNOWN_NAME", at, f"没有声明的名称：{name}", f"name not declared: {name}")
        else:
            used.add(found.at)
    for part in parts(node):
        inner = scope
        if isinstance(node, Each) and (part is node.only or part is node.gives or part is node.group):
            found = scope.resolve(node.in_)
            inner = scope.inside((found.fields or {}) if isinstance(found, Input) else {})
        elif isinstance(node, Rank) and part is node.gives:
            inner = scope.placed()
        _resolve(inner, part, used)


def _unused(scope: Scope, used: set[str]) -> None:
    for policy in (one for _, item in _all_inputs(scope.inputs) for one in (item.missing, item.exempt)):
        used.update(scope.inputs[name].at for name in policy.within if name in scope.inputs)
        for name in policy.within:
            if name not in scope.inputs:
                scope.report.add("UNKNOWN_NAME", policy.at, f"没有声明的名称：{name}", f"name not declared: {name}")
    declared = [(name, item.at) for name, item in _all_inputs(scope.inputs)]
    declared += [(name, definition.at) for name, definition in scope.defines.items()]
    for name, at in declared:
        if at not in used:
            scope.report.add("UNUSED_INPUT", at, f"没有任何条款使用：{name}", f"read by nothing: {name}")


def _policies(scope: Scope, result: Result) -> None:
    for _, item in _all_inputs(scope.inputs):
        if item.type in SCALARS and not reach.allowed_spans(item):
            scope.report.add("ALLOWED_EMPTY", item.at, "没有任何允许的取值", "no value is allowed")
        for policy in (item.missing, item.exempt):
            if policy.as_if is not None and not _fits(item, policy.as_if):
                scope.report.add("POLICY_VALUE", policy.at, "视同的取值类型不符", "as_if has the wrong type")
            _peers_mean(scope, policy, result)
    for node in (part for root in (*scope.defines.values(), result) for part in inside(root)):
        if isinstance(node, Policy):
            if node.as_if is not None and not is_decimal(node.as_if):
                scope.report.add("POLICY_VALUE", node.at, "视同的取值须为数值", "as_if must be a number here")
            _peers_mean(scope, node, result)


def _peers_mean(scope: Scope, policy: Policy, result: Result) -> None:
    if policy.word != "peers_mean":
        return
    if result.kind != "points":
        scope.report.add(
            "PEERS_MEAN_WITHOUT_POINTS", policy.at, "没有得分，不能取同类平均", "there are no points to take a mean of"
        )
    for name in policy.within:
        found = scope.inputs.get(name)
        if found is not None and found.type != "category":
            scope.mismatch(policy.at, "此处须为类别", "here must stand a category")


def _fits(item: Input, text: str) -> bool:
    if item.type == "category":
        return any(choice.id == text for choice in item.choices)
    if item.type not in SCALARS or not is_decimal(text):
        return False
    return item.type not in WHOLE_TYPES or rational(text).denominator == 1


def _size(scope: Scope, result: Result) -> None:
    """Refuse a rule that is too large or too deep once every definition is written out."""
    sizes: dict[str, int] = {}

    def size(root: Any) -> int:
        return sum(sizes.get(node.name, 1) if isinstance(node, Name) else 1 for node in inside(root))

    for name, definition in scope.defines.items():
        sizes[name] = size(definition.value)
    depths: dict[str, int] = {}

    def depth(root: Any) -> int:
        own = depths.get(root.name, 1) if isinstance(root, Name) else 1
        return max([own, *(1 + depth(part) for part in parts(root))])

    for name, definition in scope.defines.items():
        depths[name] = 1 + depth(definition.value)
    if size(result) > LARGEST or max([depth(result), *depths.values()]) > DEEPEST:
        scope.report.add("SHAPE", "/result", "规则过大或嵌套过深", "the rule is too large or nested too deeply")


def reads(scope: Scope, node: Any, *, place: bool) -> bool:
    """Whether a part reads a fact, looking through definitions; `place` counts where asked."""
    for part in inside(node):
        for name, _ in names_read(part):
            definition = scope.defines.get(name)
            if name == "place":
                if place:
                    return True
            elif definition is None or reads(scope, definition.value, place=place):
                return True
    return False


def has_peers(scope: Scope, node: Any) -> bool:
    """Whether a part holds a peer value, looking through definitions."""
    for part in inside(node):
        if isinstance(part, Peers | Rank):
            return True
        if isinstance(part, Name) and part.name in scope.defines and has_peers(scope, scope.defines[part.name].value):
            return True
    return False


def _readings(scope: Scope, result: Result) -> None:
    """Measures over constants, peers inside peers, places that read facts."""
    for node in (part for root in (*scope.defines.values(), result) for part in inside(root)):
        measured: tuple[Any, ...] = ()
        if isinstance(node, Step | Table | Linear | Rank):
            measured = (node.of,)
        elif isinstance(node, Compare):
            measured = (node.left, node.right)
        if measured and not any(reads(scope, one, place=True) for one in measured):
            scope.report.add("MEASURE_CONSTANT", node.at, "所计量的是常数", "what is measured is constant")
        if isinstance(node, Peers | Rank):
            _peer_value(scope, node)
        elif isinstance(node, Each) and has_peers(scope, (node.only, node.gives)):
            scope.report.add("PEERS_NESTED", node.at, "逐项计分内不得再取同类单位", "a peer value inside each")


def _peer_value(scope: Scope, node: Peers | Rank) -> None:
    own = (node.only, node.gives) if isinstance(node, Peers) else (node.only, node.of, node.gives)
    if any(has_peers(scope, part) for part in own):
        scope.report.add("PEERS_NESTED", node.at, "同类单位取值内不得再取同类单位", "a peer value inside a peer value")
    if isinstance(node, Rank) and reads(scope, node.gives, place=False):
        scope.report.add("RANK_READS_FACTS", node.gives.at, "名次得分只能取决于名次", "what a place gives reads a fact")


def reads_other_units(inputs: Mapping[str, Input], defines: Mapping[str, Definition], result: Result) -> bool:
    """Whether a result depends on the facts of other units: peers, rank, or the peers' mean."""
    policies = [policy for _, item in _all_inputs(inputs) for policy in (item.missing, item.exempt)]
    nodes = [*policies, *(part for root in (*defines.values(), result) for part in inside(root))]
    return any(isinstance(one, Peers | Rank) or (isinstance(one, Policy) and one.word == "peers_mean") for one in nodes)
