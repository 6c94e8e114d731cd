"""Reading a published policy document into the rule's own form. Pure; schemas.py has checked its texts."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.audit_svc.problems.domain import Condition, Policy, Tier
from shared.contracts.identity import set_id


def policy_of(code: str, version: int, document: Mapping[str, Any]) -> Policy:
    """The policy of a document that was accepted at publication."""
    return Policy(
        code=code,
        version=version,
        effective_from=date.fromisoformat(document["effective_from"]),
        set_ids=frozenset(set_id(one) for one in document["sets"]),
        tiers=tuple(_tier(row) for row in document["tiers"]),
    )


def _tier(row: Mapping[str, Any]) -> Tier:
    return Tier(
        tier=row["tier"],
        name=row["name"],
        name_en=row["name_en"],
        any_of=tuple(_condition(one) for one in row["any_of"]),
        measure=row["measure"],
        interview=row["interview"],
        interviewer_post=row["interviewer_post"],
        respond_within_working_days=row["respond_within_working_days"],
        rectify_within_working_days=row["rectify_within_working_days"],
        make_up_share=Decimal(row["make_up_share"]),
        cured_share=Decimal(row["cured_share"]),
    )


def _condition(row: Mapping[str, Any]) -> Condition:
    share, loss = row.get("share_at_least"), row.get("loss_at_least")
    return Condition(
        share_at_least=None if share is None else Decimal(share),
        loss_at_least=None if loss is None else Decimal(loss),
        repeats_at_least=row.get("repeats_at_least"),
        repeats_within_months=row.get("repeats_within_months"),
        of_tier=row.get("of_tier"),
    )
