"""Who asks for a page."""

import json

from kube.component.visitors import ANONYMOUS, Visitor, bearer_of, forbidden, from_certificate

_SUBJECT = ((("organizationName", "system:nodes"),), (("commonName", "system:node:n1"),))


def test_a_certificate_names_user_and_groups() -> None:
    found = from_certificate({"subject": _SUBJECT})
    assert found == Visitor("system:node:n1", ("system:nodes", "system:authenticated"))
    assert from_certificate(None) is None
    assert from_certificate({}) is None


def test_a_token_is_told_by_its_scheme() -> None:
    assert bearer_of({"authorization": "bearer  abc "}) == "abc"
    assert bearer_of({"authorization": "Basic abc"}) == ""
    assert bearer_of({}) == ""


def test_a_refusal_is_a_status_in_the_words_of_kubernetes() -> None:
    answer = forbidden(ANONYMOUS, "get", "/metrics")
    assert answer.status == 403
    assert json.loads(answer.body)["message"] == (
        'forbidden: User "system:anonymous" cannot get path "/metrics"'
    )
