"""One trace id from a request through the events to the last handler, in the logs of every service it passes."""

import json
from typing import Any

from tests.e2e.conftest import Bureau


def _lines(told: Bureau, service: str) -> list[dict[str, Any]]:
    log = told.system.addresses.state.parent / "logs" / f"{service}.log"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]


async def test_a_confirmation_is_followed_by_its_trace_id(told: Bureau) -> None:
    confirms = [line for line in _lines(told, "scoring_svc") if str(line.get("path", "")).endswith("/confirm")]
    answered = [line for line in confirms if line["status"] == 200]
    assert answered
    for line in answered:
        heard = [each for each in _lines(told, "audit_svc") if each.get("trace_id") == line["trace_id"]]
        assert {"scores.confirmed.v1", "period.confirmed.v1"} <= {each.get("type") for each in heard}


async def test_a_finding_is_followed_through_three_services(told: Bureau) -> None:
    confirmations = [
        line for line in _lines(told, "audit_svc") if "/findings/" in str(line.get("path")) and line["status"] == 200
    ]
    assert confirmations
    trace = confirmations[0]["trace_id"]
    passed = {
        service: {line.get("type") for line in _lines(told, service) if line.get("trace_id") == trace}
        for service in ("submission_svc", "scoring_svc", "audit_svc")
    }
    assert "finding.confirmed.v1" in passed["submission_svc"]
    assert "facts.recorded.v1" in passed["scoring_svc"]
    assert "indicator.deducted.v1" in passed["audit_svc"]
