"""The OpenAPI document: it names every route, and what routes answer is what it says."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks
from tests.cloud.stage import DAMP, Cloud, batch, humidity

from aircue_cloud import db
from aircue_cloud.identity import keys, operators, scopes, sessions
from aircue_cloud.routes import access, existing, openapi
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


# What stands in a path and is known, so that more than refusals is looked at.
KNOWN = {"household": "ada", "person": "ada-1", "site": "home-1", "product": "lamp", "need": "damp-air"}
KNOWN |= {"language": "en", "article": "returns"}
# What no drawn request can have right, or few: a code, a pass and its page, the bytes of a batch, an object that was
# uploaded, names in a body or a query, the id of a parcel, a partner, an order or a conversation, what a carrier or a
# partner signs, the document of a need or an audience, days with a snapshot, a channel or a provider that is not on,
# a currency with its own exponent or that something was bought in. What removes is asked about nobody and nothing
# there: others would miss it.
UNREACHABLE = {
    "DELETE /api/v1/households/{household}": {404},
    "DELETE /api/v1/people/{person}": {404},
    "DELETE /api/v1/products/{product}": {404},
    "DELETE /api/v1/needs/{need}": {404},
    "DELETE /api/v1/support/articles/{language}/{article}": {404},
    "POST /api/v1/parcels": {422},
    "PUT /api/v1/partners/{partner}": {422},
    "GET /api/v1/partners/{partner}": {404},
    "POST /api/v1/partners/{partner}/feeds": {404},
    "GET /api/v1/partners/{partner}/feeds": {404},
    "GET /api/v1/partners/{partner}/feeds/{feed}": {404},
    "GET /api/v1/partners/{partner}/feeds/{feed}/problems.csv": {404},
    "GET /api/v1/partners/{partner}/results": {404, 422},
    "POST /api/v1/partners/{partner}/webhook": {401},
    "GET /api/v1/parcels/{parcel}": {404},
    "POST /api/v1/carriers/{carrier}/callback": {404},
    "PUT /api/v1/needs/{need}": {422},
    "POST /api/v1/needs/{need}/check": {422},
    "PUT /api/v1/people/{person}": {422},
    "PUT /api/v1/products/{product}": {422},
    "GET /api/v1/sites/{site}/outdoor": {400, 404},
    "POST /api/v1/enrolments": {401, 422},
    "POST /api/v1/passes": {422},
    "GET /api/v1/passes/recommendations": {401},
    "POST /api/v1/batches": {422},
    "POST /api/v1/uploads": {413, 422, 501},
    "POST /api/v1/uploads/{upload}/done": {501},
    "POST /api/v1/recommendations/batch": {404, 422},
    "GET /api/v1/recommendations": {400, 404},
    "GET /api/v1/why": {404},
    "GET /api/v1/reports/effect": {400},
    "GET /api/v1/orders/{order}": {404},
    "POST /api/v1/orders": {422},
    "POST /api/v1/orders/{order}/refunds": {404},
    "POST /api/v1/payments/{provider}/callback": {404},
    "POST /api/v1/payments/{provider}/callback/{store}": {404},
    "GET /api/v1/support/conversations/{conversation}": {404},
    "POST /api/v1/support/conversations/{conversation}/take": {404},
    "POST /api/v1/support/conversations/{conversation}/hand-back": {404},
    "POST /api/v1/support/conversations/{conversation}/solve": {404},
    "POST /api/v1/support/conversations/{conversation}/messages": {404, 422},
    "GET /api/v1/me/push-key": {404},
    "POST /api/v1/me/addresses": {422},
    "POST /api/v1/people/{person}/addresses": {422},
    "DELETE /api/v1/me/addresses/{address}": {404},
    "DELETE /api/v1/people/{person}/addresses/{address}": {404},
    "PUT /api/v1/segments/audiences/{audience}": {422},
    "DELETE /api/v1/segments/audiences/{audience}": {404},
    "GET /api/v1/segments/audiences/{audience}/people": {404},
    "GET /api/v1/segments/drift": {400, 404},
}


class Proofs:
    """Who may do it, by what the route asks for: so that what is looked at is the answer, and not the refusal."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._views = {
            f"{method} {openapi._path(rule)}": cloud.app.view_functions[rule.endpoint]
            for rule in openapi.rules(cloud.app)
            for method in rule.methods or ()
        }

    def of(self, label: str) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and cookies."""
        kind = access.taken_by(self._views[label])
        if kind == "gateway":
            return {"Authorization": f"Bearer {self._cloud.key}"}, {}
        with db.writing(self._cloud.engine) as connection:
            if kind == "shopper":
                token = sessions.open_new(connection, sessions.SHOPPER, "ada-1", "", self._cloud.clock())
                return {"X-Form-Word": sessions.form_word(token)}, {"aircue-shopper": token}
            # A partner for each route: what one may ask in a minute is for all that stands still here.
            name = f"p{len(keys.listed(connection))}"
            key = keys.add(connection, "partner", name, scopes.ALL, self._cloud.clock())
            return {"Authorization": f"Bearer {key}"}, {}


@pytest.mark.system
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_what_routes_answer_is_what_the_document_says(cloud: Cloud, mode: GenerationMode) -> None:
    with db.writing(cloud.engine) as connection:
        operators.add(connection, "olga", "no hash", "owner", cloud.clock())  # from now on everybody signs in
    assert cloud.post(batch(humidity(DAMP))).status_code == 200
    proofs = Proofs(cloud)
    statuses = {
        operation.label: held(operation, mode, proofs.of(operation.label))
        for operation in operations(cloud.app)
        if mode is GenerationMode.POSITIVE or has_input(operation)
    }
    documented = {f"{m} {openapi._path(r)}" for r in openapi.rules(cloud.app) for m in (r.methods or set()) & METHODS}
    if mode is GenerationMode.POSITIVE:
        assert statuses.keys() | {"GET /api/v1/openapi.json"} == documented  # schemathesis has read that one itself
        refused = {label: seen for label, seen in statuses.items() if not any(status < 300 for status in seen)}
        assert {label: seen for label, seen in refused.items() if not seen <= UNREACHABLE.get(label, set())} == {}


def held(operation: Any, mode: GenerationMode, proof: tuple[dict[str, str], dict[str, str]]) -> set[int]:
    """The statuses that its answers had; each was held against the document."""
    seen: set[int] = set()
    headers, cookies = proof

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers(case: Case) -> None:
        if mode is GenerationMode.POSITIVE and case.method != "DELETE":
            case.path_parameters = {name: KNOWN.get(name, value) for name, value in case.path_parameters.items()}
        seen.add(case.call_and_validate(checks=HOLDING, headers=headers, cookies=cookies).status_code)

    answers()
    return seen


METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def has_input(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)
