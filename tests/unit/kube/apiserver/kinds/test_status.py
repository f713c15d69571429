import pytest

from kube.apiserver import status
from kube.apiserver.status import FieldError, GroupName, StatusError

PODS = GroupName("", "pods")
DEPLOYMENTS = GroupName("apps", "deployments")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (status.required("spec.ports"), "spec.ports: Required value"),
        (status.required("a", "why"), "a: Required value: why"),
        (status.invalid_value("a", "x", "why"), 'a: Invalid value: "x": why'),
        (status.invalid_value("a", 70000, "why"), "a: Invalid value: 70000: why"),
        (status.invalid_value("a", True, "why"), "a: Invalid value: true: why"),
        (status.invalid_value("a", None, "why"), 'a: Invalid value: "null": why'),
        (status.invalid_value("a", {"b": "c", "a": 1}, "why"), 'a: Invalid value: {"a":1,"b":"c"}: why'),
        (status.invalid_value("a", 'q"\n', "why"), 'a: Invalid value: "q\\"\\n": why'),
        (status.not_supported("a", "x", ("B", "C")), 'a: Unsupported value: "x": supported values: "B", "C"'),
        (status.forbidden_value("spec", "why"), "spec: Forbidden: why"),
        (status.duplicate("a[1]", "x"), 'a[1]: Duplicate value: "x"'),
        (status.not_found_value("a", "x"), 'a: Not found: "x"'),
        (status.too_long("a", 63), "a: Too long: may not be more than 63 bytes"),
        (status.too_many("a", 3, 2), "a: Too many: 3: must have at most 2 items"),
    ],
)
def test_field_errors_read_as_kubectl_users_know_them(error: FieldError, expected: str) -> None:
    assert error.message == expected


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (status.not_found(PODS, "a"), 404, "NotFound", 'pods "a" not found'),
        (
            status.already_exists(DEPLOYMENTS, "a"),
            409,
            "AlreadyExists",
            'deployments.apps "a" already exists',
        ),
        (
            status.conflict(PODS, "a"),
            409,
            "Conflict",
            'Operation cannot be fulfilled on pods "a": the object has been modified; '
            "please apply your changes to the latest version and try again",
        ),
        (status.forbidden(PODS, "", "no"), 403, "Forbidden", "pods is forbidden: no"),
        (status.forbidden(PODS, "a", "no"), 403, "Forbidden", 'pods "a" is forbidden: no'),
        (status.too_old_resource_version(3, 9), 410, "Expired", "too old resource version: 3 (9)"),
        (
            status.too_large_resource_version(9, 3),
            504,
            "Timeout",
            "Timeout: Too large resource version: 9, current: 3",
        ),
        (
            status.method_not_allowed(DEPLOYMENTS, "create"),
            405,
            "MethodNotAllowed",
            'create is not supported on resources of kind "deployments.apps"',
        ),
    ],
)
def test_status_errors(error: StatusError, code: int, reason: str, message: str) -> None:
    shown = error.to_status()
    assert (shown["code"], shown["reason"], shown["message"]) == (code, reason, message)
    assert shown["status"] == "Failure"
    assert shown["kind"] == "Status"


def test_invalid_lists_each_sentence_once_and_each_cause() -> None:
    errors = [status.required("a"), status.required("b"), status.required("a")]
    error = status.invalid(GroupName("apps", "Deployment"), "x", errors)
    assert error.message == 'Deployment.apps "x" is invalid: [a: Required value, b: Required value]'
    details = error.to_status()["details"]
    assert details["kind"] == "Deployment"
    assert [cause["field"] for cause in details["causes"]] == ["a", "b", "a"]
    assert details["causes"][0] == {"reason": "FieldValueRequired", "message": "Required value", "field": "a"}


def test_a_single_error_stands_without_brackets() -> None:
    error = status.invalid(GroupName("", "Pod"), "x", [status.required("a")])
    assert error.message == 'Pod "x" is invalid: a: Required value'


def test_success_names_the_object() -> None:
    shown = status.success(DEPLOYMENTS, "a", "u-1")
    assert shown["status"] == "Success"
    assert shown["details"] == {"name": "a", "group": "apps", "kind": "deployments", "uid": "u-1"}


def test_retry_after_is_offered_where_the_client_should_come_back() -> None:
    assert status.too_many_requests("wait", retry_after_s=7).retry_after_s == 7
    assert status.bad_request("no").retry_after_s is None
