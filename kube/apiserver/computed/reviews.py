"""The kinds that are questions: created, answered, not stored."""

from kube.apiserver.access.tokens import TokenError
from kube.apiserver.computed import access_reviews
from kube.apiserver.kinds import Kind
from kube.apiserver.representation.views import negotiate
from kube.apiserver.requests import bodies
from kube.apiserver.requests.call import Call
from kube.apiserver.requests.request import ANONYMOUS, Answer, Object, User, json_answer
from kube.apiserver.state import Api


def is_review(kind: Kind) -> bool:
    return kind.key in _REVIEWS


def review(api: Api, call: Call) -> Answer:
    """The object that was sent, with its status: the answer."""
    kind, request = call.kind, call.request
    negotiate(kind, request.headers.get("accept", ""), request.query, api.clock())
    obj = bodies.subresource_of(request, kind.api_version, kind.kind)
    metadata = obj.setdefault("metadata", {})
    metadata.setdefault("creationTimestamp", None)
    if call.target.namespace:
        metadata["namespace"] = call.target.namespace
    obj["status"] = _REVIEWS[kind.key](api, obj, request.user or ANONYMOUS)
    return json_answer(obj, 201)


def _self(api: Api, obj: Object, user: User) -> Object:
    return {"userInfo": user.info}


def _token(api: Api, obj: Object, user: User) -> Object:
    spec = obj.get("spec") or {}
    audiences = tuple(spec.get("audiences") or ())
    known = api.known_tokens.user_of(spec.get("token", ""), api.clock()) if api.known_tokens else None
    if known is not None:
        return _for_this_server(known, audiences, api.signer.audiences if api.signer else ())
    if api.tokens is None or api.signer is None:
        return {"authenticated": False, "error": "this server has no key for ServiceAccount tokens"}
    try:
        found, claims = api.tokens.verify(spec.get("token", ""), api.clock(), audiences)
    except TokenError as error:
        return {"authenticated": False, "error": str(error)}
    wanted = audiences or api.signer.audiences
    return {
        "authenticated": True,
        "user": found.info,
        "audiences": [name for name in claims.get("aud") or () if name in wanted],
    }


def _for_this_server(user: User, audiences: tuple[str, ...], own: tuple[str, ...]) -> Object:
    """A token without audiences of its own is for this server's."""
    shared = [name for name in audiences or own if name in own]
    if audiences and not shared:
        return {"authenticated": False, "error": "the token is for none of the audiences"}
    return {"authenticated": True, "user": user.info, **({"audiences": shared} if shared else {})}


_REVIEWS = {
    "selfsubjectaccessreviews.authorization.k8s.io": access_reviews.self_access,
    "subjectaccessreviews.authorization.k8s.io": access_reviews.subject_access,
    "localsubjectaccessreviews.authorization.k8s.io": access_reviews.local_access,
    "selfsubjectrulesreviews.authorization.k8s.io": access_reviews.self_rules,
    "selfsubjectreviews.authentication.k8s.io": _self,
    "tokenreviews.authentication.k8s.io": _token,
}
