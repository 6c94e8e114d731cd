"""A bad edit is answered with the file, the line, and what is wrong."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.local.wuhan2015.loader import PACK_FOLDER, PackFileInvalid, load_pack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "pack"
    shutil.copytree(PACK_FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the first occurrence; answers the line on which it stands."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_an_untouched_copy_loads(folder: Path) -> None:
    assert len(load_pack(folder).indicators) == 148 + 14


REV = "indicators/D-REV.json"

CSV_EDITS = [
    (
        "units.csv",
        "420102,江岸区地方税务局,district_bureau,420100",
        "420102,江岸区地方税务局,district_bureau,42010",
        "42010 names",
    ),
    ("units.csv", "D-LAW,政策法规处,department", "D-LAW,政策法规处,ministry", "kind is 'ministry'"),
    ("units.csv", "D-LAW,政策法规处", "D-OFF,政策法规处", "D-OFF stands twice"),
    ("units.csv", "D-LAW,政策法规处", "D-LAW,", "name is empty"),
    ("units.csv", "location=urban;size=large", "location=urban;size=huge", "size=huge"),
    ("units.csv", "location=urban;size=large", "", "groups of a district bureau"),
    ("units.csv", "department,420100,,2015-01-01", "department,420100,,2015-02-30", "not a date"),
    ("units.csv", "department,420100,,2015-01-01", "department,420100,2015-01-01", "5 cells where the header has 6"),
    ("people.csv", "P0002,潘明宁,420100", "P0002,潘明宁,420199", "420199 names no unit"),
    ("people.csv", "code,name,unit_code,post", "code,name,unit,post", "the header must be"),
    ("appointments.csv", "P0002,committee", "P9999,committee", "P9999 names no person"),
    (
        "appointments.csv",
        "P0002,committee,420100,all,2015-01-01,",
        "P0002,committee,420100,all,2015-01-01,2014-12-31",
        "to is earlier than from",
    ),
    ("appointments.csv", "sys-law,source_system", "sys-none,source_system", "names no source system"),
    ("calendar.csv", "2015-01-02,closed", "2015-01-02,holiday", "kind is 'holiday'"),
    ("metrics.csv", ",percent,,,", ",percent,百分之,,", "has no unit of its own"),
    ("metrics.csv", ',percent,,,"{', ',percent,,,"[{', "is not JSON"),
]


@pytest.mark.parametrize(("name", "old", "new", "problem"), CSV_EDITS)
def test_csv(folder: Path, name: str, old: str, new: str, problem: str) -> None:
    line = edit(folder, name, old, new)
    with pytest.raises(PackFileInvalid) as caught:
        load_pack(folder)
    assert (caught.value.file, caught.value.line) == (name, line)
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"{name}, line {line}: ")


JSON_EDITS = [
    (REV, '"points": "15"', '"points": "14"', ("sets.json", "is worth 100 points")),
    (REV, '"points": "15"', '"points": 15', (REV, "points has the wrong kind")),
    (REV, '"points": "15"', '"points": 15.5', (REV, "must be written as text")),
    (REV, '"points": "15"', '"points": "1e1"', (REV, "not a decimal number")),
    (REV, '"code": "REV-02"', '"code": "REV-01"', (REV, "REV-01 stands twice")),
    (
        REV,
        '"metric": "M-REV-REVENUE-PLAN-COMPLETED"',
        '"metric": "M-NONE"',
        (REV, "no metric M-NONE"),
    ),
    (
        REV,
        '"type": "percent"',
        '"type": "number"',
        (REV, "type of M-REV"),
    ),
    (
        REV,
        '"period_kind": "month"',
        '"period_kind": "quarter"',
        (REV, "period kind of"),
    ),
    (
        REV,
        '"period_kind": "month"',
        '"period_kind": "week"',
        (REV, "period_kind is 'week'"),
    ),
    (
        REV,
        '"source_system": "sys-revenue"',
        '"source_system": null',
        (REV, "names its source system"),
    ),
    (REV, '"level2": "收入任务"', '"level2": "别处"', ("sets.json", "REV-01 stands under")),
    (REV, '"indicators": [', '"indicators": [,', (REV, "not JSON")),
    ("sets.json", '"points": "1000"', '"points": "999"', ("sets.json", "WH2015-DISTRICT is worth 999")),
    ("source_systems.json", '"owner": "D-REV"', '"owner": "D-NONE"', ("source_systems.json", "owner D-NONE")),
    (
        "source_systems.json",
        '"M-REV-BREACHES-OF-THE-REVENUE-PRINCIPLE",',
        "",
        ("source_systems.json", "is not registered with sys-revenue"),
    ),
    ("policy.json", '"make_up_share": "0.5"', '"make_up_share": "1.5"', ("policy.json", "make_up_share")),
    ("policy.json", '{"loss_at_least": "0"}', '{"loss_at_least": "1"}', ("policy.json", "every loss has a tier")),
    ("policy.json", '"of_tier": "orange"', '"of_tier": "blue"', ("policy.json", "of_tier blue")),
    ("policy.json", '"share_at_least": "0.8"', '"share": "0.8"', ("policy.json", "a condition holds some of")),
    (
        "story.json",
        '"excluded": "not_scorable", ',
        "",
        ("story.json", "missing: give supplied_at, or excluded with its reason"),
    ),
    ("story.json", '"interviewer": "P0001"', '"interviewer": "P9999"', ("story.json", "P9999 names no person")),
    ("generation.json", '"form": "number"', '"form": "guess"', ("generation.json", "form is not one of")),
]


@pytest.mark.parametrize(("name", "old", "new", "answer"), JSON_EDITS)
def test_json(folder: Path, name: str, old: str, new: str, answer: tuple[str, str]) -> None:
    file, problem = answer
    edit(folder, name, old, new)
    with pytest.raises(PackFileInvalid) as caught:
        load_pack(folder)
    assert caught.value.file == file
    assert problem in caught.value.problem
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    assert 1 <= caught.value.line <= len(lines)


def test_a_wrong_card_is_named_with_the_line_of_its_code(folder: Path) -> None:
    document = json.loads((folder / "indicators/D-COL.json").read_text(encoding="utf-8"))
    document["indicators"][4]["due_working_days"] = 0
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (folder / "indicators/D-COL.json").write_text(text, encoding="utf-8")
    with pytest.raises(PackFileInvalid, match="COL-05: due_working_days") as caught:
        load_pack(folder)
    assert '"COL-05"' in text.splitlines()[caught.value.line - 1]


def test_a_key_written_twice_is_refused(folder: Path) -> None:
    edit(folder, "conduct.json", '"points": "2"', '"points": "3", "points": "2"')
    with pytest.raises(PackFileInvalid, match="'points' stands twice"):
        load_pack(folder)


def test_a_file_that_is_absent_or_in_another_encoding_is_named(folder: Path) -> None:
    (folder / "calendar.csv").write_bytes("date,kind,name\n2015-01-01,closed,元旦\n".encode("gbk"))
    with pytest.raises(PackFileInvalid, match="not UTF-8"):
        load_pack(folder)
    (folder / "calendar.csv").unlink()
    with pytest.raises(PackFileInvalid, match=r"calendar\.csv, line 1: cannot be read"):
        load_pack(folder)
