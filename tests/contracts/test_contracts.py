import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.contracts import generate, trace
from shared.contracts.envelope import UnknownEventType, data_of, seal, unseal
from shared.contracts.known import declarations
from shared.contracts.registry import SERVICES

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))


def test_every_type_has_a_permanent_example() -> None:
    assert {path.name.rsplit(".", 2)[0] for path in EXAMPLES} == set(declarations())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_decode_and_fit_their_schema(path: Path) -> None:
    body = path.read_bytes()
    envelope = unseal(body)
    data = data_of(envelope)
    again = json.loads(msgspec.json.encode(data))
    wire = json.loads(body)["data"]
    schema = generate.schema_of(declarations()[envelope.type])
    jsonschema.validate(wire, schema)
    assert {key: again[key] for key in wire} == wire


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_official_sdk_reads_what_we_write(path: Path) -> None:
    event = data_of(unseal(path.read_bytes()))
    event_id, name, body = seal(event, at=datetime.now(UTC), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    read = JSONFormat().read(CloudEvent, body)
    assert (read.get_id(), read.get_type(), read.get_specversion()) == (str(event_id), name, "1.0")
    assert read.get_extension("traceparent").startswith("00-aaaa")


def test_a_reader_ignores_what_a_later_minor_version_adds() -> None:
    document = json.loads(EXAMPLES[0].read_bytes())
    document["data"]["added_later"] = 1
    assert data_of(unseal(json.dumps(document).encode()))


def test_an_unknown_type_is_refused_by_name() -> None:
    document = json.loads(EXAMPLES[0].read_bytes())
    document["type"] = "nothing.happened.v9"
    with pytest.raises(UnknownEventType, match=r"nothing\.happened\.v9"):
        data_of(unseal(json.dumps(document).encode()))


def test_generated_files_are_what_the_code_says() -> None:
    root = Path(generate.__file__).resolve().parents[2]
    for path, text in generate.files():
        assert (root / path).read_text(encoding="utf-8") == text, f"{path}: run `make contracts`"


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda s: s["required"].append("new"), True),
        (lambda s: s["properties"].pop("version"), True),
        (lambda s: s["properties"]["version"].update(type="string"), True),
        (lambda s: s["properties"].update(new={"type": "string"}), False),
    ],
)
def test_the_compatibility_check_sees_a_broken_promise(change: Any, broken: bool) -> None:
    old = generate.schema_of(declarations()["unit.changed.v1"])
    new = json.loads(json.dumps(old))
    change(new)
    assert bool(list(generate.stricter(old, new))) is broken


def test_readers_and_producers_are_services() -> None:
    for declared in declarations().values():
        assert declared.producer in SERVICES
        assert set(declared.readers) <= set(SERVICES) - {declared.producer}


@pytest.mark.parametrize("name", sorted(declarations()))
def test_the_tour_of_every_event_leads_to_real_places(name: str) -> None:
    stops = trace.tour(name)
    assert len(stops) >= 2, "somebody records it or states it, and somebody reads it"
    assert [stop for stop in stops if stop.line() is None] == []


def test_the_tour_of_a_deduction_has_at_most_six_files() -> None:
    assert len({stop.path for stop in trace.tour("indicator.deducted.v1")}) <= 6
