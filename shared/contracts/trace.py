"""`make trace e=indicator.deducted.v1`: the files to read, in order, to see an event from its cause to its effect.

The hand-picked tours below follow the main job from its first request; a test holds every line against the code. Any
other event's tour is found in the code: its contract, where it is recorded, who handles it.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.known import declarations
from shared.contracts.registry import Declaration

_ROOT = Path(__file__).resolve().parents[2]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Stop:
    """A function or class to read in a file, and why."""

    path: str
    name: str
    why: str

    def line(self) -> int | None:
        """The line where the name is defined, or None if the file has no such definition."""
        for node in ast.walk(ast.parse((_ROOT / self.path).read_text(encoding="utf-8"))):
            if isinstance(node, _FUNCTIONS) and node.name == self.name:
                return node.lineno
        return None


TOURS: dict[str, tuple[Stop, ...]] = {
    "indicator.deducted.v1": (
        Stop("services/submission_svc/facts/api.py", "post_fact_batch", "the route that takes a fact"),
        Stop("services/submission_svc/facts/use_cases.py", "record_batch", "the verb: check, version, receipt, event"),
        Stop("services/scoring_svc/ledger/domain.py", "Scored", "the pure rule: what a cell lost"),
        Stop("shared/contracts/scoring.py", "IndicatorDeducted", "the contract of the deduction"),
        Stop("services/audit_svc/event_handlers.py", "on_indicator_deducted", "the handler that opens the problem"),
        Stop("services/audit_svc/problems/domain.py", "assign", "the pure rule: who interviews whom"),
    ),
}


def tour(name: str) -> tuple[Stop, ...]:
    """The stops of an event's tour. Raises KeyError for a type that no contract declares."""
    declared = declarations()[name]
    return TOURS.get(name) or tuple(_found(declared))


def _found(declared: Declaration) -> Iterator[Stop]:
    contract = declared.contract.__name__
    yield from _calling(declared.producer, contract)
    yield Stop(_module_path(declared), contract, "the contract")
    for reader in declared.readers:
        handlers = f"services/{reader}/event_handlers.py"
        tree = ast.parse((_ROOT / handlers).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Name) and key.id == contract and isinstance(value, ast.Name):
                        yield Stop(handlers, value.id, f"{reader} applies it")


def _calling(producer: str, contract: str) -> Iterator[Stop]:
    for path in sorted((_ROOT / "services" / producer).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)):
            calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
            if any(isinstance(called, ast.Name) and called.id == contract for called in calls):
                yield Stop(path.relative_to(_ROOT).as_posix(), function.name, f"{producer} records it")
                break


def _module_path(declared: Declaration) -> str:
    return declared.contract.__module__.replace(".", "/") + ".py"


def main() -> int:
    """Print the tour of the event named on the command line."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004
    if name not in declarations():
        said = f"{name} is unknown: no contract declares such an event." if name else "Which event?"
        sys.stderr.write(f"{said} Give one of these, for example: make trace e=indicator.deducted.v1\n")
        sys.stderr.write("\n".join(sorted(declarations())) + "\n")
        return 1
    for stop in tour(name):
        sys.stdout.write(f"{stop.path}:{stop.line() or 1}  {stop.name}: {stop.why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
