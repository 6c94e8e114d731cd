"""Tables of the ledger: period states and cells; only ever added to: versions, entries, evaluations, deductions."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)

from services.scoring_svc.metadata import metadata

_KEPT = "SELECT, INSERT"
_MOMENT = DateTime(timezone=True)

period_states = Table(
    "period_states",
    metadata,
    Column("set_id", Uuid, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("last_chunk", BigInteger),
    Column("chunks", BigInteger),
    Column("fenced_at", _MOMENT),
    Column("fenced_by", Text),
    Column("confirmed_at", _MOMENT),
    Column("confirmed_by", Text),
    Column("cells", Integer),
    Column("closed_at", _MOMENT),
    Column("closed_by", Text),
    Column("digest_version", Integer, nullable=False, server_default="0"),
)

# The score of each cell as it stands: overwritten while provisional, afterwards only by a new version of the ledger.
cells = Table(
    "cells",
    metadata,
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("set_id", Uuid, nullable=False),
    Column("standing", Text, nullable=False, comment="provisional or confirmed"),
    Column("version", Integer, nullable=False, comment="grows with every overwriting"),
    Column("entered_version", Integer, nullable=False, comment="version in the ledger, 0 before the first entry"),
    Column("state", Text, nullable=False, comment="scored, exempt, not_scorable or refused"),
    Column("code", Text),
    Column("note", Text),
    Column("full_marks", Numeric, nullable=False),
    Column("score", Numeric),
    Column("loss", Numeric, nullable=False),
    Column("entries", Text, nullable=False, comment="JSON: [kind, clause, points]"),
    Column("inputs", Text, nullable=False, comment="JSON: version of the fact, or text, by input"),
    Column("indicator_version", Integer, nullable=False),
    Column("rule_hash", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    Index("ix_cells_set_id", "set_id", "period"),
    Index("ix_cells_unit_id", "unit_id", "period"),
)

# When the units of an indicator that see each other were last scored because of a fact, and whether newer facts wait.
group_turns = Table(
    "group_turns",
    metadata,
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("scored_at", _MOMENT, nullable=False, comment="real time"),
    Column("waits", Boolean, nullable=False),
    Index("ix_group_turns_waits", "scored_at", postgresql_where=text("waits")),
)

cell_versions = Table(
    "cell_versions",
    metadata,
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("evaluation_no", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text),
    Column("note", Text),
    Column("full_marks", Numeric, nullable=False),
    Column("score", Numeric),
    Column("loss", Numeric, nullable=False),
    Column("timing", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    info={"grants": _KEPT},
)

# Append-only. A version after the first begins with rows that reverse the version before.
entries = Table(
    "entries",
    metadata,
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("cell_version", Integer, primary_key=True),
    Column("entry_no", Integer, primary_key=True),
    Column("kind", Text, nullable=False, comment="base, clause, floor, ceiling, rounding or peers_mean"),
    Column("clause", Text),
    Column("points", Text, nullable=False, comment="decimal text, or p/q where no finite decimal exists"),
    Column("reverses", Integer, comment="the cell version whose entry this row takes back"),
    Column("indicator_version", Integer, nullable=False),
    Column("rule_hash", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    info={"grants": _KEPT},
)

# What one evaluation of a group read, so that every proof can be made again: one row for all units of the group.
evaluations = Table(
    "evaluations",
    metadata,
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("evaluation_no", Integer, primary_key=True),
    Column("indicator_version", Integer, nullable=False),
    Column("rule_hash", Text, nullable=False),
    Column("calendar", Text, nullable=False),
    Column("inputs", Text, nullable=False, comment="JSON: inputs by unit"),
    Column("salt", LargeBinary, nullable=False, comment="hides peers in proofs from those who may not see them"),
    Column("at", _MOMENT, nullable=False),
    info={"grants": _KEPT},
)

# Working-day calendars that evaluations were made under, whole.
calendar_editions = Table(
    "calendar_editions",
    metadata,
    Column("edition", Text, primary_key=True),
    Column("days", Text, nullable=False, comment="JSON: years, closed, open"),
    info={"grants": _KEPT},
)

# Cells that the performance office took out at confirmation, with the reason; read by every later evaluation.
exclusions = Table(
    "exclusions",
    metadata,
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    info={"grants": _KEPT},
)

# What upheld appeals and approved corrections lay down for cells; of one source the highest version stands.
adjudications = Table(
    "adjudications",
    metadata,
    Column("source_id", Uuid, primary_key=True, comment="the appeal or the correction"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("period", Text, primary_key=True),
    Column("indicator_id", Uuid, primary_key=True),
    Column("unit_id", Uuid, primary_key=True),
    Column("input", Text, primary_key=True, comment="whose value it is; empty: the whole cell"),
    Column("source", Text, nullable=False, comment="ruling or correction"),
    Column("state", Text, nullable=False, comment="standing or withdrawn"),
    Column("kind", Text, nullable=False, comment="value, exempt or score"),
    Column("value", Text, comment="JSON: as the rule language reads a fact, or the score"),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", _MOMENT, nullable=False),
    Column("at", _MOMENT, nullable=False, comment="when it came"),
    Index("ix_adjudications_period", "period", "indicator_id"),
    info={"grants": _KEPT},
)

# Corrections of confirmed or closed periods that were asked for; the approved ones stand among the adjudications.
corrections = Table(
    "corrections",
    metadata,
    Column("correction_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="asked, approved or rejected"),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="value, exempt, score or fact"),
    Column("indicator_id", Uuid, comment="NULL: all that read the fact"),
    Column("input", Text),
    Column("value", Text, comment="JSON: as the rule language reads a fact, or the score"),
    Column("metric_id", Uuid),
    Column("fact_version", Integer),
    Column("reason", Text, nullable=False),
    Column("document_no", Text, nullable=False),
    Column("document_on", Date, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", _MOMENT, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", _MOMENT),
    Column("decision", Text, comment="what who decided had to say"),
    Index("ix_corrections_asked_at", "asked_at", "correction_id"),
    info={"grants": "SELECT, INSERT, UPDATE"},
)

deductions = Table(
    "deductions",
    metadata,
    Column("deduction_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("period", Text, nullable=False),
    Column("indicator_id", Uuid, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("loss", Numeric, nullable=False),
    Column("body", Text, nullable=False, comment="JSON: the deduction as sent"),
    Column("at", _MOMENT, nullable=False),
    Index("ix_deductions_set_id", "set_id", "period", "deduction_id"),
    Index("ix_deductions_unit_id", "unit_id"),
)

deduction_versions = Table(
    "deduction_versions",
    metadata,
    Column("deduction_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("lifted", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", _MOMENT, nullable=False),
    info={"grants": _KEPT},
)
