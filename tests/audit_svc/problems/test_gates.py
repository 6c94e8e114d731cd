"""No path around a gate: whatever is tried in whatever order, the gates of problem and interview hold."""

from dataclasses import replace
from decimal import Decimal
from typing import get_args
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.audit_svc.interviews import domain as interviews
from services.audit_svc.problems.domain import ProblemState, Verb, advance
from services.audit_svc.rectification.domain import ActionsNotEnded, Cure, Evidence, demand_all_ended, settle
from shared.contracts.periods import parse_period
from shared.errors import Refused

VERBS: dict[str, Verb] = {
    "accept": "accept_plan",
    "return": "return",
    "extend": "extend",
    "lift": "lift",
    "reopen": "reopen",
}
OTHERS = ["add_action", "end_action", "report", "figure_ok", "figure_bad", "regain"]
STEPS = st.lists(st.sampled_from([*VERBS, *OTHERS]), max_size=60)


class Life:
    """A problem's life as the use cases lead it: every step asks the pure rules."""

    def __init__(self) -> None:
        self.state: ProblemState = "open"
        self.open_actions, self.written, self.regained = 1, False, False
        self.figures: list[Evidence] = []

    def do(self, step: str) -> None:
        if step == "add_action":
            self.open_actions += 1
        elif step == "end_action":
            self.open_actions = max(0, self.open_actions - 1)
        elif step.startswith("figure"):
            version = len(self.figures) + 1
            loss = Decimal(0) if step == "figure_ok" else Decimal(2)
            self.figures.append(Evidence(parse_period("2015-03"), version, "scored", Decimal(10), loss))
        elif step == "regain":
            # scoring_svc answers only what it was asked for.
            self.regained = self.regained or self.written
        elif step == "report":
            state = advance(self.state, "report")
            demand_all_ended(self.open_actions)
            self.state = state
        else:
            self.state = advance(self.state, VERBS[step])
        verdict = settle(
            Cure(self.state, self.open_actions, Decimal(0), Decimal(9), Decimal("0.5"), self.written, self.regained),
            self.figures[-1:],
        )
        if verdict.proof is not None:
            assert verdict.proof.loss == 0
            self.written = True
        if verdict.state == "struck_off" and self.state != "struck_off":
            assert self.open_actions == 0
            assert self.written
            assert self.regained
        self.state = verdict.state


@given(STEPS)
def test_never_struck_off_without_ended_actions_and_verification(steps: list[str]) -> None:
    life = Life()
    reported = False
    for step in steps:
        try:
            life.do(step)
        except (Refused, ActionsNotEnded):
            continue
        reported = reported or step == "report"
        if life.state in {"verified", "struck_off"}:
            assert reported
            assert life.written


@given(st.lists(st.sampled_from(get_args(Verb)), max_size=30))
def test_the_machine_alone_reaches_strike_off_only_through_verification(verbs: list[Verb]) -> None:
    state: ProblemState = "open"
    path: list[str] = []
    for verb in verbs:
        try:
            state = advance(state, verb)
        except Refused:
            continue
        path.append(verb)
    if state == "struck_off":
        assert path[-2:] == ["verify", "strike_off"]
        assert "report" in path


PEOPLE = {"interviewer": UUID(int=1), "interviewee": UUID(int=2)}
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["notice", "withdraw", "plan_again"]), st.none(), st.none()),
        st.tuples(st.just("record"), st.none(), st.integers(0, 3).map(str)),
        st.tuples(st.just("refuse"), st.sampled_from(["interviewer", "interviewee"]), st.none()),
        st.tuples(
            st.just("sign"),
            st.tuples(st.sampled_from(["interviewer", "interviewee"]), st.integers(1, 3)),
            st.integers(0, 3).map(str),
        ),
    ),
    max_size=40,
)


@given(ACTS)
def test_never_signed_with_an_outdated_hash_or_by_another_person(acts: list[tuple[str, object, str | None]]) -> None:
    standing = interviews.Standing("planned", 0, None, PEOPLE, {})  # type: ignore[arg-type]
    signers: dict[str, tuple[int, str]] = {}
    for verb, who, text in acts:
        try:
            if verb == "record":
                standing = interviews.record(standing, f"{standing.record_version + 1}:{text}")
                signers = {}
            elif verb == "sign":
                side, person = who  # type: ignore[misc]
                digest = f"{standing.record_version}:{text}"
                standing = interviews.sign(standing, side, UUID(int=person), digest)
                signers[side] = (person, digest)
            elif verb == "refuse":
                standing = interviews.refuse(standing, who)  # type: ignore[arg-type]
            else:
                standing = replace(standing, state=interviews.step(standing.state, verb))
        except Refused:
            continue
        assert (standing.state == "signed") == interviews.is_fully_signed(standing)
        if standing.state == "signed":
            assert signers == {
                "interviewer": (1, standing.content_hash),
                "interviewee": (2, standing.content_hash),
            }
