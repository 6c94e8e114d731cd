import subprocess
import sys

from deploy.local.places import ROOT
from deploy.local.story.closing import followed
from deploy.local.story.confirming import Confirmed
from deploy.local.story.screen import counted


def said(module: str, *words: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - a module of this checkout
        [sys.executable, "-m", module, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.strip()


def test_one_is_not_many() -> None:
    assert [counted(count, "bad row") for count in (0, 1, 2, 1200)] == [
        "0 bad rows", "1 bad row", "2 bad rows", "1,200 bad rows",
    ]  # fmt: skip
    assert [counted(count, "entry", "entries") for count in (1, 2)] == ["1 entry", "2 entries"]


def test_the_closing_table_names_what_was_lifted_since() -> None:
    losses = {("A", "1", "2015-01"): {"loss": "2"}, ("A", "2", "2015-01"): {"loss": "0"}}
    assert followed(1, Confirmed("S", "2015-01", losses)) == "1/1 (1 lifted)"
    del losses["A", "2", "2015-01"]
    assert followed(1, Confirmed("S", "2015-01", losses)) == "1/1"


def test_an_absent_file_of_cases_is_one_sentence() -> None:
    assert said("services.scoring_svc.engine.cases", "absent.jsonl") == (
        2, "The file of cases absent.jsonl cannot be read: No such file or directory.",
    )  # fmt: skip


def test_an_unknown_event_is_named_as_such() -> None:
    status, words = said("shared.contracts.trace", "nope")
    assert status == 1
    assert words.startswith("nope is unknown: no contract declares such an event.")
    assert "indicator.deducted.v1" in words.splitlines()[1:]
