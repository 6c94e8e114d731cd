"""What the OpenAPI document says of every guarded route alike: token, permission, problem documents, its headers.

What a single route takes and answers stands in its signature and its schemas; nothing of that is repeated here.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from shared.http import TransactionalRoute, version_read

_CONTENT: Mapping[str, Any] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `code` names the broken rule; further members belong to the code.",
    "required": ["type", "title", "status", "code", "texts"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:liandong:problem:outside_scope"]},
        "title": {"type": "string", "description": "The text in the reader's language (Accept-Language)"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["outside_scope"]},
        "texts": {
            "type": "object",
            "properties": {"zh-CN": {"type": "string"}, "en": {"type": "string"}},
            "required": ["zh-CN", "en"],
        },
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body, or ?name, or path:name"},
                    "code": {"type": "string"},
                    "text": {"type": "string"},
                },
            },
        },
    },
}
_ALWAYS: Mapping[str, str] = {
    "401": "No token, or one that does not verify",
    "403": "No appointment allows it, or not over this unit",
    "default": "Refused; nothing was changed",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "1 to 200 characters; the same key and body again give the same answer and no second effect",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_VERSION = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The entity tag of the version that was read",
    "schema": {"type": "string", "examples": ['"3"']},
}


def describe(app: FastAPI) -> None:
    """Let the app's document say what its guarded routes have in common."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = plain()
            _complete(made, list(_guarded(app.routes)))
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _complete(document: dict[str, Any], routes: Iterable[TransactionalRoute]) -> None:
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT or opaque"}}
    components.setdefault("schemas", {})["Problem"] = dict(_SCHEMA)
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                _describe_operation(operation, method, route)


def _describe_operation(operation: dict[str, Any], method: str, route: TransactionalRoute) -> None:
    operation["security"] = [{"bearer": []}]
    operation["x-permission"] = route.permission
    operation["responses"].pop("422", None)  # FastAPI's own form, which no route answers
    for status, text in _ALWAYS.items():
        operation["responses"][status] = {"description": text, "content": _CONTENT}
    headers = [_KEY] if method == "POST" and not getattr(route.endpoint, "computes", False) else []
    if _depends_on_version(route.dependant):
        headers = [*headers, _VERSION]
    if headers:
        operation["parameters"] = [*operation.get("parameters", []), *headers]


def _depends_on_version(dependant: Dependant) -> bool:
    return dependant.call is version_read or any(_depends_on_version(one) for one in dependant.dependencies)


def _guarded(routes: Iterable[object]) -> Iterator[TransactionalRoute]:
    """The guarded routes, also those of included routers."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if isinstance(route, TransactionalRoute):
            yield route
        elif inner is not None:
            yield from _guarded(inner.routes)
