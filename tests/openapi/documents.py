"""Reads a service's OpenAPI document: its operations and the examples of their bodies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = frozenset({"get", "post", "put", "patch", "delete"})
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Example:
    """An example of a request's body. Its name says `refused` where the answer is meant to be a refusal."""

    service: str
    method: str
    path: str
    name: str
    body: Any

    @property
    def key(self) -> Key:
        return self.service, self.method, self.path, self.name


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Path, method and operation of everything under /v1."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS and path.startswith("/v1/"):
                yield path, method.upper(), operation


def examples_of(service: str, document: Mapping[str, Any]) -> list[Example]:
    """Every example of every body, under its name or its number."""
    found = []
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            for name, body in _bodies(document, content).items():
                found.append(Example(service, method, path, name, body))
    return found


def _bodies(document: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    if "examples" in content:
        return {name: example["value"] for name, example in content["examples"].items()}
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return {str(number): body for number, body in enumerate(schema.get("examples", []))}
