"""POST serviceaccounts/NAME/token: a signed JWT."""

from kube.apiserver import status
from kube.apiserver.admission import node_restriction
from kube.apiserver.kinds import Kind
from kube.apiserver.relay.locations import NODES, PODS
from kube.apiserver.requests import bodies
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import ANONYMOUS, Answer, Object, Request, json_answer
from kube.apiserver.state import Api, rfc3339

_TOKEN_S = (600, 3600, 1 << 32)  # least, default and most seconds a token lasts


def token(api: Api, kind: Kind, target: Target, request: Request) -> Answer:
    """POST serviceaccounts/NAME/token: a signed JWT, bound to a pod when the request says so."""
    asked = bodies.subresource_of(request, "authentication.k8s.io/v1", "TokenRequest")
    entry = api.get(kind, target.namespace, target.name)
    if entry is None:
        raise status.not_found(kind.resource, target.name)
    if api.signer is None:
        raise status.internal_error("this server has no key for ServiceAccount tokens")
    spec = asked.get("spec") or {}
    if "Node" in api.settings.authorization_modes:
        user = request.user or ANONYMOUS
        node_restriction.check_token(api, kind, target.name, target.namespace, spec, user)
    least_s, default_s, most_s = _TOKEN_S
    lasts_s = int(spec.get("expirationSeconds") or default_s)
    if not least_s <= lasts_s <= most_s:
        detail = f"may not specify a duration less than {least_s // 60} minutes"
        if lasts_s > most_s:
            detail = f"may not specify a duration larger than {most_s} seconds"
        error = status.invalid_value("spec.expirationSeconds", lasts_s, detail)
        raise status.invalid(status.GroupName("authentication.k8s.io", "TokenRequest"), target.name, [error])
    account = entry.decode()["metadata"]
    bound: Object = {
        "namespace": target.namespace,
        "serviceaccount": {"name": target.name, "uid": account["uid"]},
        **_bound_object(api, target, spec.get("boundObjectRef")),
    }
    now = int(api.clock())
    audiences = spec.get("audiences") or [api.signer.issuer]
    claims = {
        "aud": audiences,
        "exp": now + lasts_s,
        "iat": now,
        "iss": api.signer.issuer,
        "jti": api.uid(),
        "kubernetes.io": bound,
        "nbf": now,
        "sub": f"system:serviceaccount:{target.namespace}:{target.name}",
    }
    asked["metadata"] = {
        "name": target.name,
        "namespace": target.namespace,
        "creationTimestamp": api.now(),
    }
    asked["spec"] = {**spec, "audiences": audiences, "expirationSeconds": lasts_s}
    asked["status"] = {"token": api.signer.sign(claims), "expirationTimestamp": rfc3339(now + lasts_s)}
    return json_answer(asked, 201)


def _bound_object(api: Api, target: Target, reference: Object | None) -> Object:
    if not reference:
        return {}
    kind = {"Pod": PODS, "Node": NODES}.get(reference.get("kind", ""))
    if kind is None:
        raise status.bad_request(f"cannot bind token to object of type {reference.get('kind')}")
    entry = api.get(kind, target.namespace if kind.namespaced else "", reference.get("name", ""))
    if entry is None:
        raise status.not_found(kind.resource, reference.get("name", ""))
    found = entry.decode()
    metadata = found["metadata"]
    if reference.get("uid") and reference["uid"] != metadata["uid"]:
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record"
        raise status.conflict(kind.resource, metadata["name"], why)
    bound: Object = {kind.kind.lower(): {"name": metadata["name"], "uid": metadata["uid"]}}
    node_name = (found.get("spec") or {}).get("nodeName") if kind is PODS else ""
    node = api.get(NODES, "", node_name) if node_name else None
    if node is not None:
        bound["node"] = {"name": node_name, "uid": node.decode()["metadata"]["uid"]}
    return bound
