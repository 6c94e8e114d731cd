"""Asks scoring_svc whether rules can be evaluated: the engine that scores is the only one that judges rules."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.indicator_svc.settings import IndicatorSettings
from shared.errors import Detail, Unavailable
from shared.http import ORDINARY_BODY
from shared.service_client import ServiceClient

_WHAT = "scoring_svc"
_RULES_A_CALL = 50
_OK = 200


class _Finding(msgspec.Struct):
    code: str
    pointer: str
    text: str = ""
    text_zh: str = ""
    severity: str = "error"


class _Result(msgspec.Struct):
    id: str
    ok: bool
    findings: list[_Finding] = []


class _Results(msgspec.Struct):
    results: list[_Result]


class RuleChecks:
    """The client of `POST /v1/rule-checks`, made on first use."""

    def __init__(self, settings: IndicatorSettings) -> None:
        self._settings = settings
        self._client: ServiceClient | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def findings(self, rules: Mapping[str, Any]) -> list[Detail]:
        """What keeps these rules, by card code, from being published. Raises Unavailable if nobody can say."""
        found: list[Detail] = []
        for part in _parts(rules):
            response = await self._connected().post("/v1/rule-checks", {"rules": part})
            if response.status_code != _OK:
                raise Unavailable(what=f"{_WHAT} (POST /v1/rule-checks: {response.status_code})")
            try:
                results = msgspec.json.decode(response.content, type=_Results).results
            except msgspec.DecodeError as error:
                raise Unavailable(what=_WHAT) from error
            answered = {one.id: one for one in results}
            for rule in part:
                if (result := answered.get(rule["id"])) is None:
                    raise Unavailable(what=_WHAT)
                if not result.ok:
                    found += _details(result)
        return found

    def _connected(self) -> ServiceClient:
        if self._client is None:
            try:
                self._client = ServiceClient.of(
                    self._settings,
                    what=_WHAT,
                    base_url=self._settings.scoring_url,
                    timeout=self._settings.rule_check_timeout_seconds,
                    tries=self._settings.rule_check_tries,
                )
            except ValueError as error:
                raise Unavailable(what=_WHAT) from error
        return self._client


def _details(result: _Result) -> list[Detail]:
    at = f"/cards/{result.id}/rule"
    errors = [one for one in result.findings if one.severity == "error"]
    if not errors:
        return [Detail(at, "RULE_REFUSED")]
    return [
        Detail(at + one.pointer, one.code, " / ".join(text for text in (one.text_zh, one.text) if text))
        for one in errors
    ]


def _parts(rules: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Cuts rules into calls that stay below the size of an ordinary body."""
    parts: list[list[dict[str, Any]]] = []
    size = ORDINARY_BODY
    for code, rule in rules.items():
        weight = len(msgspec.json.encode(rule)) + 200
        if size + weight > ORDINARY_BODY // 2 or len(parts[-1]) >= _RULES_A_CALL:
            parts.append([])
            size = 0
        parts[-1].append({"id": code, "rule": rule})
        size += weight
    return parts
