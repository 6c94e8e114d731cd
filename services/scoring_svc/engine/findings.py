"""What the publication checks report, and the order in which the codes rank.

Belongs here: codes, findings, the refusal of a rule.
Does not belong here: the checks themselves.
"""

from dataclasses import dataclass, field

CODES = (
    "LANGUAGE_VERSION",
    "UNKNOWN_FIELD",
    "UNKNOWN_KIND",
    "SHAPE",
    "CHOICE_MISSING",
    "UNKNOWN_NAME",
    "NAME_CLASH",
    "UNUSED_INPUT",
    "TYPE_MISMATCH",
    "MEASURE_CONSTANT",
    "TABLE_GAP",
    "TABLE_OVERLAP",
    "ROW_EMPTY",
    "CATEGORY_UNKNOWN",
    "LEVEL_UNKNOWN",
    "LINE_FLAT",
    "LINE_UNORDERED",
    "STEP_NOT_POSITIVE",
    "STEP_WITHOUT_EFFECT",
    "WEIGHTS_SUM",
    "DIVIDE_BY_ZERO",
    "GEOMETRIC_NEGATIVE",
    "LIMIT_CROSSED",
    "LIMIT_WITHOUT_EFFECT",
    "UNREACHABLE",
    "PEERS_NESTED",
    "RANK_READS_FACTS",
    "PEERS_MEAN_WITHOUT_POINTS",
    "POLICY_VALUE",
    "ALLOWED_EMPTY",
    "TREE_SUM",
    "MAY_GO_NEGATIVE",
)
"""All codes of one rule in the order of the checks; the first that is found is *the* code of a refusal."""

_RANK = {code: rank for rank, code in enumerate(CODES)}
WARNINGS = frozenset({"MAY_GO_NEGATIVE"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a rule: the code, the JSON pointer where it stands, and what a person reads."""

    code: str
    pointer: str
    zh: str
    en: str

    @property
    def severity(self) -> str:
        """`error` refuses publication; `warning` asks for a named person's confirmation."""
        return "warning" if self.code in WARNINGS else "error"


@dataclass(slots=True)
class Report:
    """Findings as they are made; read them with `ordered`."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, pointer: str, zh: str, en: str) -> None:
        """Note one finding; the same code at the same place is noted once."""
        if not any(known.code == code and known.pointer == pointer for known in self.findings):
            self.findings.append(Finding(code, pointer, zh, en))

    def ordered(self) -> list[Finding]:
        """All findings, those of earlier checks first; within a check in reading order."""
        return sorted(self.findings, key=lambda finding: _RANK[finding.code])


class RuleRefused(Exception):
    """The rule may not be published. `code` and `pointer` are those of the first finding, the rest is listed."""

    def __init__(self, findings: list[Finding]) -> None:
        first = findings[0]
        super().__init__(f"{first.code} at {first.pointer or '/'}: {first.en}")
        self.code = first.code
        self.pointer = first.pointer
        self.findings = tuple(findings)
