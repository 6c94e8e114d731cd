"""A report in words and tables from what was gathered. Pure: every figure is the text that the routes answer with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from services.scoring_svc.context.domain import REASONS
from services.scoring_svc.documents.blocks import Bar, Bars, Block, Document, Moment, Note, Section, Text
from services.scoring_svc.documents.domain import (
    CELL_STATES,
    ENTRY_KINDS,
    PERIOD_STATES,
    moved_words,
    numbered,
    open_points,
    period_words,
)
from services.scoring_svc.documents.gathering import Gathered
from services.scoring_svc.documents.tabulating import Columns, first_rows, indicator_named, minute_of, unit_named
from services.scoring_svc.ledger.domain import NOTHING, plain
from services.scoring_svc.ranking.domain import blend_words
from services.scoring_svc.reports.domain import share_text
from shared.clock import SHANGHAI

TOP_INDICATORS = 20
MOST_BARS = 40
_UPRIGHT_LEVELS = 7


@dataclass(frozen=True)
class Made:
    """Who asked for the report, under which id and when."""

    report_id: UUID
    who: str
    at: datetime


def compose(told: Gathered, made: Made) -> Document:
    """The whole report."""
    title = f"{period_words(told.span.period)}绩效考核报告"
    parts = (_states, _ranking, _groups, _levels, _context, _losses, _deductions, _out, _beside, _notes)
    found = [section for part in parts if (section := part(told)) is not None]
    sections = [
        Section(f"{numbered(number)}、{one.title}", one.blocks, one.wide) for number, one in enumerate(found, start=1)
    ]
    moment = told.read_at.astimezone(SHANGHAI)
    return Document(
        title=title,
        subtitle=f"{told.indicator_set.name}（{told.indicator_set.code}）",
        author=told.people.get(made.who, made.who),
        made=Moment(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second),
        facts=_facts(told, made),
        sections=sections,
    )


def _facts(told: Gathered, made: Made) -> list[tuple[str, str]]:
    head = told.ranking
    published = f"第{head['version']}版，{_moment(head['published_at'])}公布" if head else "无（见“排名”）"
    covers = (
        "指标体系的全部单位和指标" if told.everything else f"仅含制表人申请时有权阅读的部分，共{len(told.lines)}个单位"
    )
    return [
        ("指标体系", f"{told.indicator_set.name}（{told.indicator_set.code}），第{told.indicator_set.version}版"),
        ("考核期", f"{told.span.key}（{told.span.first}至{told.span.last}）"),
        ("排名版本", published),
        ("覆盖范围", covers),
        ("单位名称", f"以{told.span.last}为准"),
        ("申请时间", minute_of(made.at)),
        ("制作时间", minute_of(told.read_at)),
        ("制表人", told.people.get(made.who, made.who)),
        ("报告编号", str(made.report_id)),
    ]


def _moment(text: str) -> str:
    return minute_of(datetime.fromisoformat(text))


# --- the sections, in their order -------------------------------------------------------------------------------------


def _states(told: Gathered) -> Section:
    table = Columns(
        [("考核期", 2, False), ("状态", 2, False), ("单元格数", 2, True), ("确认", 5, False), ("关闭", 5, False)]
    )
    for row in told.states:
        table.rows.append((
            row.period, PERIOD_STATES.get(row.state, row.state), "" if row.cells is None else str(row.cells),
            _step(told, row.confirmed_at, row.confirmed_by), _step(told, row.closed_at, row.closed_by),
        ))  # fmt: skip
    words = "本期所含各考核期均已确认或关闭。已确认的考核期经批准仍可更正，已关闭的不再更正。"
    return Section("考核期状态", [Text(words), table.table])


def _step(told: Gathered, at: datetime | None, who: str | None) -> str:
    return "" if at is None else f"{minute_of(at)} {told.people.get(who or '', who or '')}"


def _ranking(told: Gathered) -> Section:
    head = told.ranking
    if head is None:
        return Section("排名", [Text("本期排名尚未公布，或不在制表人的阅读范围内，因此本报告不列排名和等次。")])
    grades = _grade_names(head)
    table = Columns([
        ("名次", 1, True), ("单位", 5, False), ("总分", 2, True), ("满分", 2, True), ("较上期", 2, False),
        ("距前一名", 2, True), ("等次", 2, False),
    ])  # fmt: skip
    for row in told.places:
        table.rows.append((
            row["place_by_policy"] or str(row["place"]), unit_named(told, row["unit_id"]), row["total"],
            row["full_marks"], moved_words(row["moved"]), row["to_next"] or "—",
            grades.get(row["grade"], row["grade"]) or "—",
        ))  # fmt: skip
    blocks: list[Block] = [Text(f"参加排名的单位共{head['ranked']}个，列出{len(told.places)}个。"), table.table]
    if head.get("reason"):
        blocks.append(Note(f"本版更正原因：{head['reason']}"))
    capped = [row for row in told.caps if row["caps"] != "[]"]
    blocks += [Note(_cap_words(told, row, grades)) for row in capped]
    return Section("排名和等次", blocks)


def _grade_names(head: Mapping[str, Any]) -> dict[str | None, str]:
    grading = (head.get("rules") or {}).get("grading") or {}
    return {one["grade"]: one["name"] for one in grading.get("grades", ())}


def _cap_words(told: Gathered, row: Mapping[str, Any], grades: Mapping[str | None, str]) -> str:
    earned, given = (grades.get(row[name], row[name]) for name in ("earned", "grade"))
    reasons = "；".join(one["reason"] for one in msgspec.json.decode(row["caps"]))
    return f"{unit_named(told, row['unit_id'])}的等次受限：应得{earned}，定为{given}。理由：{reasons}"


def _groups(told: Gathered) -> Section | None:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in told.places:
        for name in row["peers"]:
            groups.setdefault(name, []).append(row)
    if not groups:
        return None
    blocks: list[Block] = []
    for name in sorted(groups):
        table = Columns([("组内名次", 2, True), ("单位", 6, False), ("总分", 3, True), ("全体名次", 2, True)])
        rows = sorted(groups[name], key=lambda row: (row["peers"][name]["place"], row["unit_id"]))
        for row in rows:
            place = str(row["peers"][name]["place"])
            table.rows.append((place, unit_named(told, row["unit_id"]), row["total"], str(row["place"])))
        blocks += [Text(f"分组 {name}：{rows[0]['peers'][name]['ranked']}个单位参加排名。"), table.table]
    return Section("分组排名", blocks)


def _blended(told: Gathered) -> str:
    """What an indicator's mark is, as the policy says it."""
    in_part = "（只在部分考核期有单元格的，按比例折算）" if told.blend.in_part == "by_periods" else ""
    return blend_words(told.blend)[0] + in_part


def _levels(told: Gathered) -> Section:
    names = sorted({line.name for unit in told.lines.values() for line in unit.tree.lines})
    counted = Columns([
        ("单位", 5, False), *((name, 2, True) for name in names), ("加减分", 2, True), ("计入排名", 2, True),
    ])  # fmt: skip
    total = Columns([
        ("单位", 5, False), ("满分", 2, True), ("失分", 2, True), ("加分", 2, True), ("得分", 2, True),
        ("补回", 2, True),
    ])  # fmt: skip
    bars = []
    for unit, line in told.lines.items():
        points = {one.name: one.sums.points for one in line.tree.lines}
        name, all_in = unit_named(told, unit) + ("" if line.whole else "※"), line.tree.sums
        counted.rows.append(
            (name, *(points.get(level, "—") for level in names), plain(line.beside), line.result)
        )  # fmt: skip
        figures = (all_in.full, all_in.loss, all_in.bonus, all_in.score, all_in.won_back)
        total.rows.append((name, *map(plain, figures)))
        bars.append(Bar(name, [points.get(level, "0") for level in names], line.result))
    bars.sort(key=lambda bar: (-Decimal(bar.total), bar.label))
    blocks: list[Block] = [
        Text(f"各单位一级指标得分（{_blended(told)}相加），与得分卡一致："),
        counted.table,
        Bars("各单位一级指标得分的条形图，数值见上表", names, bars[:MOST_BARS]),
        Text("各单位所含考核期单元格合计：满分－失分＋加分＝得分。"),
        total.table,
    ]
    if len(bars) > MOST_BARS:
        blocks.insert(3, Note(f"图中为得分最高的{MOST_BARS}个单位。"))
    if not all(line.whole for line in told.lines.values()):
        blocks.append(Note("带※的单位只含制表人有权阅读的指标，合计不是该单位的总分。"))
    return Section("一级指标得分", blocks, wide=len(names) > _UPRIGHT_LEVELS)


def _context(told: Gathered) -> Section | None:
    """What the scores were earned under, as the route of context figures answers the same asker."""
    shown = told.context
    if not shown.metrics or not shown.units:
        return None
    table = Columns([
        ("单位", 5, False), ("背景数据", 4, False), ("计量单位", 2, False), ("本期", 3, True), ("上年同期", 3, True),
        ("增幅（%）", 3, True),
    ])  # fmt: skip
    named = [(unit_named(told, one.unit_id), figures) for one, figures in zip(shown.units, shown.figures, strict=True)]
    for name, figures in [("各单位合计", shown.total), *named]:
        for one in shown.out(figures):
            growth = one.growth or (REASONS[one.reason][0] if one.reason else "")
            measured = "" if one.unit is None else one.unit["zh"]
            table.rows.append((name, one.name["zh"], measured, one.value or "—", one.year_before or "—", growth))
    words = "背景数据不计分，列在得分旁供对照；为制作时的最新数据，各月相加，增幅四舍五入保留1位小数。"
    blocks: list[Block] = [Text(words)]
    table.rows = first_rows(blocks, table.rows, "背景数据", "背景数据查询")
    return Section("背景数据", [*blocks, table.table])


def _losses(told: Gathered) -> Section:
    found: dict[UUID, list[Any]] = {}
    for row in told.cells:
        if row["state"] == "scored":
            found.setdefault(row["indicator_id"], []).append(row)
    rows = []
    for indicator, cells in found.items():
        lossy = [row for row in cells if row["loss"] > 0]
        loss, full = (sum((row[name] for row in cells), NOTHING) for name in ("loss", "full_marks"))
        if loss > 0:
            rows.append((loss, full, indicator, len({row["unit_id"] for row in lossy}), len(lossy)))
    rows.sort(key=lambda row: (-row[0], indicator_named(told, row[2])))
    by_indicator = Columns([
        ("指标", 6, False), ("一级指标", 3, False), ("失分单位", 2, True), ("失分次数", 2, True), ("满分", 2, True),
        ("失分", 2, True), ("失分率", 2, True),
    ])  # fmt: skip
    for loss, full, indicator, units, times in rows[:TOP_INDICATORS]:
        card = told.cards.get(indicator)
        veto = "（一票否决）" if card is not None and card.type == "veto" else ""
        by_indicator.rows.append((
            indicator_named(told, indicator) + veto, "" if card is None else card.level1, str(units), str(times),
            plain(full), plain(loss), share_text(loss, full) or "",
        ))  # fmt: skip
    by_unit = Columns([
        ("单位", 5, False), ("扣分条数", 2, True), ("失分", 2, True), ("补回", 2, True), ("未补回", 2, True),
    ])  # fmt: skip
    for row in sorted(told.balance, key=lambda row: (-row["lost"], unit_named(told, row["unit_id"]))):
        figures = (plain(row[name]) for name in ("lost", "won_back", "open"))
        by_unit.rows.append((unit_named(told, row["unit_id"]), str(row["deductions"]), *figures))
    blocks: list[Block] = [Text(f"失分的指标共{len(rows)}个，失分最多的在前，至多列出{TOP_INDICATORS}个：")]
    blocks += [by_indicator.table] if by_indicator.rows else []
    blocks += [Text("各单位的扣分、补回和尚未补回："), by_unit.table] if by_unit.rows else []
    return Section("失分情况", blocks)


def _deductions(told: Gathered) -> Section:
    standing = [row for row in told.deductions if row["loss"] > 0]
    lifted = len(told.deductions) - len(standing)
    problems = told.problems
    words = f"有失分的扣分共{len(standing)}条，失分多的在前。" + (
        f"另有{lifted}条已撤销（失分为0）。" if lifted else ""
    )
    if problems is None:
        words += (
            "问题台账由审计服务保管，本次未能或无权取得问题清单；可凭扣分编号在审计服务中查询每条扣分的问题和整改情况。"
        )
    else:
        words += "问题编号和状态取自审计服务，为制作时的情况。"
    columns: list[tuple[str, int, bool]] = [
        ("扣分编号", 9, False), ("单位", 5, False), ("指标", 6, False), ("考核期", 3, False), ("失分", 2, True),
        ("版本", 2, True), ("补回", 2, True), ("未补回", 2, True),
    ]  # fmt: skip
    table = Columns(columns + ([] if problems is None else [("问题编号", 9, False), ("问题状态", 3, False)]))
    for row in standing:
        asked = _problem(told, row)
        table.rows.append((
            str(row["deduction_id"]), unit_named(told, row["unit_id"]), indicator_named(told, row["indicator_id"]),
            row["period"], plain(row["loss"]), str(row["version"]), plain(row["won_back"]),
            plain(open_points(row["loss"], row["won_back"])), *asked,
        ))  # fmt: skip
    blocks: list[Block] = [Text(words)]
    table.rows = first_rows(blocks, table.rows, "扣分", "扣分清单查询")
    return Section("扣分和问题清单", [*blocks, table.table] if table.rows else blocks, wide=True)


def _problem(told: Gathered, row: Mapping[str, Any]) -> Sequence[str]:
    """Number and state of the problem of a deduction, where they were asked for."""
    if told.problems is None:
        return ()
    if (row["unit_id"], row["period"]) not in told.within:
        return "—", "不在阅读范围"
    problem = told.problems.get(row["deduction_id"])
    return (problem.problem_id, problem.words) if problem else ("—", "尚未立项")


def _out(told: Gathered) -> Section:
    """Cells without a score."""
    table = Columns(
        [("单位", 4, False), ("指标", 5, False), ("考核期", 2, False), ("状态", 2, False), ("原因", 6, False)]
    )
    for row in told.cells:
        if row["state"] != "scored":
            state = CELL_STATES.get(row["state"], row["state"])
            reason = row["note"] or row["code"] or ""
            named = unit_named(told, row["unit_id"]), indicator_named(told, row["indicator_id"])
            table.rows.append((*named, row["period"], state, reason))
    return _listed("豁免和不可考核", "豁免或不可考核的单元格", table, "本期没有豁免或不可考核的单元格。")


def _beside(told: Gathered) -> Section:
    table = Columns([
        ("单位", 4, False), ("类别", 2, False), ("考核期", 2, False), ("分值", 2, True), ("事由", 6, False),
        ("入账时间", 3, False),
    ])  # fmt: skip
    for row in told.beside:
        kind = ENTRY_KINDS.get(row["kind"], row["kind"])
        named = unit_named(told, row["unit_id"]), kind, row["period"]
        table.rows.append((*named, plain(row["points"]), row["reason"], minute_of(row["at"])))
    return _listed("加分和外部失分", "加分和外部失分（含冲回）", table, "本期没有加分和外部失分。")


def _listed(title: str, what: str, table: Columns, none: str) -> Section:
    if not table.rows:
        return Section(title, [Text(none)])
    blocks: list[Block] = [Text(f"{what}共{len(table.rows)}条。")]
    table.rows = first_rows(blocks, table.rows, what, "得分卡")
    return Section(title, [*blocks, table.table])


def _notes(told: Gathered) -> Section:
    policy = (told.ranking or {}).get("policy", {}).get("zh")
    lines = [
        "得分、失分、补回为账本中的原值，不作舍入，末尾的零不写；失分率为失分除以满分，四舍五入保留4位小数。",
        (
            f"一级指标得分和计入排名的得分，是{_blended(told)}的精确值之和，"
            "只在最后舍入到2位小数（四舍五入）；舍入后的各项相加可能与合计差末位。"
        ),
        "一票否决指标只限等次，不计入任何合计；其失分在“失分情况”和扣分清单中列出。",
        "补回是经审计服务验收的补救给回的分，单独入账，不改变原得分；未补回＝失分－补回，不小于0。",
        "字体没有的字符和不可见的控制符以其码位表示，如〔U+1F600〕。",
    ]
    if policy:
        lines.insert(0, f"排名办法：{policy}。")
    return Section("口径说明", [Text(line) for line in lines])
