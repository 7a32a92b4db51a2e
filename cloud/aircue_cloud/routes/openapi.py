"""The OpenAPI 3.1 document of the API, made from the routes themselves and from what they say of what they take."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app
from msgspec import UNSET, Struct, UnsetType
from werkzeug.exceptions import default_exceptions
from werkzeug.routing import Rule

from aircue_cloud import problems
from aircue_cloud.routes import existing, wire
from aircue_cloud.routes.access import public, taken_by
from aircue_cloud.routes.described import Argument, Operation, described, operation_of

blueprint = Blueprint("openapi", __name__, url_prefix="/api/v1/openapi.json")

PREFIX = "/api/"
_REFS = "#/components/schemas/{name}"
_ALWAYS = (400,)  # a host name that is not ours, or a query that cannot be read
_GUARDED = (401, 403)
_KEY = "key"

Document = dict[str, Any]


class Problem(Struct, kw_only=True):
    """RFC 9457. field, found, expected and remedy where one value is the cause."""

    type: str
    title: str
    status: int
    detail: str
    field: str | UnsetType = UNSET
    found: str | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    remedy: str | UnsetType = UNSET


@blueprint.get("")
@public
@described(Operation(summary="This document", replies={200: {"type": "object", "required": ["openapi", "paths"]}}))
def get() -> Response:
    return wire.reply(document(current_app))


def document(app: Flask) -> Document:
    """KeyError names an endpoint that nothing describes."""
    routes = [(rule, method, _operation(app, rule)) for rule in rules(app) for method in _methods(rule)]
    schemas, components = _schemas(routes)
    paths: Document = {}
    for rule, method, operation in routes:
        view = app.view_functions[rule.endpoint]
        paths.setdefault(_path(rule), {})[method] = _described(rule, operation, schemas, taken_by(view))
    scheme = {"type": "http", "scheme": "bearer", "description": "a key of a gateway or a partner"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Aircue cloud", "version": "1", "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {_KEY: scheme}},
    }


def rules(app: Flask) -> list[Rule]:
    """The rules of the API; pages for people are no part of it."""
    return sorted(
        (rule for rule in app.url_map.iter_rules() if rule.rule.startswith(PREFIX)),
        key=lambda rule: (rule.rule, sorted(rule.methods or ())),
    )


def _methods(rule: Rule) -> list[str]:
    return sorted(method.lower() for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


def _operation(app: Flask, rule: Rule) -> Operation:
    found = operation_of(app.view_functions[rule.endpoint])
    return existing.OPERATIONS[rule.endpoint] if found is None else found


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


_Schemas = Callable[[Any], Document]


def _schemas(routes: list[tuple[Rule, str, Operation]]) -> tuple[_Schemas, Document]:
    """What gives the schema of a type, and the components that such schemas refer to."""
    kinds = [Problem, *(kind for _, _, operation in routes for kind in _kinds(operation))]
    distinct = list({repr(kind): kind for kind in kinds}.values())
    found, components = msgspec.json.schema_components(distinct, ref_template=_REFS)
    by_kind = {repr(kind): schema for kind, schema in zip(distinct, found, strict=True)}

    def schema(kind: Any) -> Document:
        if isinstance(kind, tuple):
            return {"anyOf": [schema(one) for one in kind]}
        return dict(kind) if isinstance(kind, Mapping) else by_kind[repr(kind)]

    return schema, components


def _kinds(operation: Operation) -> Iterator[Any]:
    said = [*operation.replies.values(), *operation.bodies.values()]
    for kind in (one for some in said for one in (some if isinstance(some, tuple) else (some,))):
        if kind is not None and not isinstance(kind, Mapping):
            yield kind


def _described(rule: Rule, operation: Operation, schemas: _Schemas, access: str | None) -> Document:
    found: Document = {
        "operationId": rule.endpoint,
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": operation.summary,
        "parameters": [*_path_parameters(rule), *map(_query_parameter, operation.query)],
        "responses": _responses(operation, schemas, access),
        "security": _security(operation, access),
    }
    if operation.bodies:
        content = {media: {"schema": schemas(kind)} for media, kind in operation.bodies.items()}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _path_parameters(rule: Rule) -> Iterator[Document]:
    for name in sorted(rule.arguments):
        schema = {"type": "string", "minLength": 1, "maxLength": 128}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(argument: Argument) -> Document:
    return {
        "name": argument.name,
        "in": "query",
        "required": argument.required,
        "description": argument.about,
        "schema": dict(argument.schema),
    }


def _responses(operation: Operation, schemas: _Schemas, access: str | None) -> Document:
    found: Document = {}
    for status, kind in operation.replies.items():
        content = {} if kind is None else {"content": {operation.media: {"schema": schemas(kind)}}}
        found[str(status)] = {"description": "stored or found" if status < 300 else "elsewhere", **content}
    guarded = _GUARDED if access not in (None, "public") else ()
    for status in sorted({*_ALWAYS, *guarded, *operation.refusals}):
        content = {problems.CONTENT_TYPE: {"schema": schemas(Problem)}}
        found[str(status)] = {"description": default_exceptions[status]().name, "content": content}
    return found


def _security(operation: Operation, access: str | None) -> list[Document]:
    """A route that names a scope lets those through too who are on this machine, as long as there is no sign-in."""
    if access not in (None, "public", "gateway"):
        return [{_KEY: [access]}, {}]
    return [{_KEY: []}] if 401 in operation.refusals else []
