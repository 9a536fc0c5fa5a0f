"""The API described: OpenAPI 3.1."""

from typing import Any

import msgspec

from cloud.fleet.api.endpoints import OPERATIONS, Operation

_REFERENCE = "#/components/schemas/{name}"


def openapi() -> dict[str, Any]:
    """The document, made of the operations and of what they take."""
    bodies = [one.body for one in OPERATIONS if one.body]
    _, schemas = msgspec.json.schema_components(bodies, ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _described(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Isthmus fleet", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _described(one: Operation) -> dict[str, Any]:
    names = [part[1:-1] for part in one.path.split("/") if part.startswith("{")]
    told: dict[str, Any] = {
        "operationId": one.call.__name__,
        "summary": one.summary,
        "description": f"Needs the role {one.needs.name.lower()}.",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
        + [
            {"name": name, "in": "query", "description": words, "schema": {"type": "string"}}
            for name, words in one.query.items()
        ],
        "responses": {"200": {"description": "done", "content": {"application/json": {}}}},
    }
    if one.body:
        schema = {"$ref": _REFERENCE.format(name=one.body.__name__)}
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return told
