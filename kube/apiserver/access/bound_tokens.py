"""Whom a ServiceAccount's token names, as long as the account and the pod it is bound to are there.

A token is a signature and a promise: the signature is checked once (0.1 ms) and remembered, the promise each time.
"""

from collections import OrderedDict

from kube.apiserver.access.tokens import TokenError, TokenSigner
from kube.apiserver.requests.request import Object, User
from kube.store.cache import WatchCache

_REMEMBERED = 4096
AUTHENTICATED = "system:authenticated"
CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


class BoundTokens:
    """`audiences` empty means the API server's own."""

    def __init__(self, signer: TokenSigner, cache: WatchCache) -> None:
        self._signer = signer
        self._cache = cache
        self._verified: OrderedDict[tuple[str, tuple[str, ...]], Object] = OrderedDict()

    def verify(self, token: str, now: float, audiences: tuple[str, ...] = ()) -> tuple[User, Object]:
        """The user and the token's claims. Raises TokenError."""
        key = (token, audiences)
        claims = self._verified.get(key)
        if claims is None:
            claims = self._signer.verify(token, now, audiences)
            self._verified[key] = claims
            while len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        elif now >= claims.get("exp", 0):
            del self._verified[key]
            raise TokenError("the token has expired")
        bound = claims.get("kubernetes.io") or {}
        namespace = bound.get("namespace", "")
        account = bound.get("serviceaccount") or {}
        self._check("serviceaccounts", namespace, account)
        if bound.get("pod"):
            self._check("pods", namespace, bound["pod"])
        elif bound.get("node"):
            self._check("nodes", "", bound["node"])
        return user_of(claims), claims

    def _check(self, resource: str, namespace: str, reference: Object) -> None:
        name, uid = reference.get("name", ""), reference.get("uid", "")
        entry = self._cache.get(resource, namespace, name)
        # The uid stands in the bytes as it is written: looking for it is cheaper than decoding.
        if entry is None or f'"uid":"{uid}"'.encode() not in entry.body:
            raise TokenError(f"the token is bound to {resource} {namespace}/{name}, which is gone")


def user_of(claims: Object) -> User:
    """Of a token that is verified."""
    bound = claims.get("kubernetes.io") or {}
    namespace, account = bound.get("namespace", ""), bound.get("serviceaccount") or {}
    extra = {}
    if claims.get("jti"):
        extra[CREDENTIAL_ID] = (f"JTI={claims['jti']}",)
    for kind in ("pod", "node"):
        for field in ("name", "uid"):
            value = (bound.get(kind) or {}).get(field)
            if value:
                extra[f"authentication.kubernetes.io/{kind}-{field}"] = (str(value),)
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    name = f"system:serviceaccount:{namespace}:{account.get('name', '')}"
    return User(name, groups, account.get("uid", ""), extra)
