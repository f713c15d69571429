"""The reviews of authorization.k8s.io: may I, may they, what may I."""

from kube.apiserver import status
from kube.apiserver.access.attributes import Attributes
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api

_GROUP = "authorization.k8s.io"


def self_access(api: Api, obj: Object, user: User) -> Object:
    """SelfSubjectAccessReview's status."""
    spec = _checked("SelfSubjectAccessReview", obj, [])
    return _decide(api, spec, user)


def subject_access(api: Api, obj: Object, user: User) -> Object:
    """SubjectAccessReview's status."""
    errors = []
    spec = obj.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        errors.append(
            status.invalid_value("spec.user", "", "at least one of user or group must be specified")
        )
    return _decide(api, _checked("SubjectAccessReview", obj, errors), _subject(spec))


def local_access(api: Api, obj: Object, user: User) -> Object:
    """LocalSubjectAccessReview's status: about one namespace."""
    spec, namespace = obj.get("spec") or {}, obj["metadata"].get("namespace", "")
    errors = []
    if not spec.get("user") and not spec.get("groups"):
        errors.append(
            status.invalid_value("spec.user", "", "at least one of user or group must be specified")
        )
    asked = spec.get("resourceAttributes") or {}
    if asked and asked.get("namespace", "") != namespace:
        detail = f"must match metadata.namespace: {namespace}"
        errors.append(
            status.invalid_value("spec.resourceAttributes.namespace", asked.get("namespace", ""), detail)
        )
    if spec.get("nonResourceAttributes"):
        detail = "disallowed on this kind of request"
        errors.append(
            status.invalid_value("spec.nonResourceAttributes", spec["nonResourceAttributes"], detail)
        )
    return _decide(api, _checked("LocalSubjectAccessReview", obj, errors), _subject(spec))


def self_rules(api: Api, obj: Object, user: User) -> Object:
    """SelfSubjectRulesReview's status: what the user may do in a namespace."""
    namespace = (obj.get("spec") or {}).get("namespace")
    if not namespace:
        raise status.bad_request("no namespace on request")
    found = api.authorizer.rules_for(user, namespace)
    answer: Object = {
        "resourceRules": [rule.to_object() for rule in found.rules if not rule.paths],
        "nonResourceRules": [rule.to_object() for rule in found.rules if rule.paths],
        "incomplete": bool(found.error),
    }
    if found.error:
        answer["evaluationError"] = found.error
    return answer


def _checked(kind: str, obj: Object, errors: list[status.FieldError]) -> Object:
    spec: Object = obj.get("spec") or {}
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource and path:
        detail = "cannot be specified in combination with resourceAttributes"
        errors.append(status.invalid_value("spec.nonResourceAttributes", path, detail))
    if not resource and not path:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        errors.append(status.invalid_value("spec.resourceAttributes", None, detail))
    if errors:
        raise status.invalid(status.GroupName(_GROUP, kind), obj["metadata"].get("name", ""), errors)
    return spec


def _subject(spec: Object) -> User:
    extra = {name: tuple(values) for name, values in (spec.get("extra") or {}).items()}
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)


def _attributes(spec: Object, user: User) -> Attributes:
    path = spec.get("nonResourceAttributes")
    if path:
        return Attributes(user, path.get("verb", ""), path=path.get("path") or "/")
    asked = spec.get("resourceAttributes") or {}
    requirements = (asked.get("fieldSelector") or {}).get("requirements") or ()
    fields = {
        row["key"]: row["values"][0]
        for row in requirements
        if row.get("operator") == "In" and len(row.get("values") or ()) == 1
    }
    return Attributes(
        user,
        asked.get("verb", ""),
        asked.get("group", ""),
        asked.get("version", ""),
        asked.get("resource", ""),
        asked.get("subresource", ""),
        asked.get("namespace", ""),
        asked.get("name", ""),
        fields=fields,
    )


def _decide(api: Api, spec: Object, user: User) -> Object:
    decision = api.authorizer.decide(_attributes(spec, user))
    answer: Object = {"allowed": decision.allowed}
    if decision.reason:
        answer["reason"] = decision.reason
    return answer
