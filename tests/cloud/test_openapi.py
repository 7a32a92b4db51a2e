"""The OpenAPI document: it names every route, and what routes answer is what it says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks
from tests.cloud.stage import Cloud

from aircue_cloud.routes import existing, openapi
from aircue_cloud.routes.described import operation_of


def test_every_route_is_described(cloud: Cloud) -> None:
    rules = openapi.rules(cloud.app)
    undescribed = [
        rule.rule
        for rule in rules
        if operation_of(cloud.app.view_functions[rule.endpoint]) is None and rule.endpoint not in existing.OPERATIONS
    ]
    assert undescribed == []
    # Pages are for people; the document is for programs.
    others = {rule.rule for rule in cloud.app.url_map.iter_rules()} - {rule.rule for rule in rules}
    assert [rule for rule in others if rule.startswith("/api/")] == []


def test_nothing_is_described_that_is_no_route(cloud: Cloud) -> None:
    endpoints = {rule.endpoint for rule in cloud.app.url_map.iter_rules()}
    assert set(existing.OPERATIONS) <= endpoints


def test_a_route_that_nothing_describes_fails_the_document(cloud: Cloud) -> None:
    cloud.app._got_first_request = False  # a test alone adds routes so late
    cloud.app.add_url_rule("/api/v1/hidden", "hidden", lambda: "")
    with pytest.raises(KeyError, match="hidden"):
        openapi.document(cloud.app)


def no_fault_of_ours(_context: Any, response: Any, _case: Any) -> None:
    """501 alone is no fault: the document names it where this cloud keeps its objects in a folder."""
    assert response.status_code < 500 or response.status_code == 501, response.text


def bad_data_is_refused(context: Any, response: Any, case: Case) -> None:
    """As a whole, or item by item where a body holds many."""
    if not (response.status_code == 207 and response.json()["rejected"]):
        checks.negative_data_rejection(context, response, case)


# What a route says of its answers holds for whatever it is sent. Left out are the checks that need something else than
# a document and a request: the pairs of requests of a stateful run, and keys of several users.
HOLDING = [
    no_fault_of_ours,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    bad_data_is_refused,
    checks.unsupported_method,
    checks.ignored_auth,
]


def operations(app: Flask) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    for found in schema.get_all_operations():
        yield found.ok()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_what_routes_answer_is_what_the_document_says(cloud: Cloud, mode: GenerationMode) -> None:
    tried = 0
    for operation in operations(cloud.app):

        @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case: Case) -> None:
            case.call_and_validate(checks=HOLDING, headers={"Authorization": f"Bearer {cloud.key}"})

        if mode is GenerationMode.NEGATIVE and not has_input(operation):
            continue
        answers()
        tried += 1
    assert tried > 10


def has_input(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)
