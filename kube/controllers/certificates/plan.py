"""Who may have which certificate, for how long, and when a request has served its time. Pure.

The signers' rules are those that the API documents for kubernetes.io signers (certificates.k8s.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kube.controllers.certificates.kinds import SigningRequest
from kube.controllers.certificates.request import Asked

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY = "kubernetes.io/legacy-unknown"
SIGNERS = (CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY)

_NODES, _NODE = "system:nodes", "system:node:"
_SIGNATURE, _ENCIPHERMENT = "digital signature", "key encipherment"
_CLIENT_AUTH, _SERVER_AUTH = "client auth", "server auth"
_LEAST_S = 600
_BACKDATE_S = 300
_SHORT_S = 8 * 3600  # shorter ones are not cut by the backdating
_HANDLED_KEPT_S = 3600.0
_WAITING_KEPT_S = 24 * 3600.0


def refusal(signer: str, asked: Asked, usages: tuple[str, ...]) -> str:
    """Why this signer gives no such certificate; "" where it does."""
    match signer:
        case "kubernetes.io/kube-apiserver-client":
            return _client_usages(usages)
        case "kubernetes.io/kube-apiserver-client-kubelet":
            return next(_kubelet_client(asked, frozenset(usages)), "")
        case "kubernetes.io/kubelet-serving":
            return next(_kubelet_serving(asked, frozenset(usages)), "")
    return ""


def _client_usages(usages: tuple[str, ...]) -> str:
    for usage in usages:
        if usage not in (_SIGNATURE, _ENCIPHERMENT, _CLIENT_AUTH):
            return f"invalid usage for client certificate: {usage}"
    return "" if _CLIENT_AUTH in usages else f"missing required usage for client certificate: {_CLIENT_AUTH}"


def _kubelet_client(asked: Asked, usages: frozenset[str]) -> Iterator[str]:
    yield from _organization(asked)
    for kind, names in (
        ("DNS", asked.dns_names),
        ("Email", asked.emails),
        ("IP", asked.ips),
        ("URI", asked.uris),
    ):
        if names:
            yield f"{kind} subjectAltNames are not allowed"
    yield from _node_name(asked)
    yield from _exactly(usages, _CLIENT_AUTH)


def _kubelet_serving(asked: Asked, usages: frozenset[str]) -> Iterator[str]:
    yield from _organization(asked)
    if not asked.dns_names and not asked.ips:
        yield "DNS or IP subjectAltName is required"
    for kind, names in (("Email", asked.emails), ("URI", asked.uris)):
        if names:
            yield f"{kind} subjectAltNames are not allowed"
    yield from _exactly(usages, _SERVER_AUTH)
    yield from _node_name(asked)


def _organization(asked: Asked) -> Iterator[str]:
    if asked.organizations != (_NODES,):
        yield "subject organization is not system:nodes"


def _node_name(asked: Asked) -> Iterator[str]:
    if not asked.common_name.startswith(_NODE):
        yield "subject common name does not begin with system:node:"


def _exactly(usages: frozenset[str], purpose: str) -> Iterator[str]:
    """Keys of elliptic curves encipher nothing."""
    wanted = {_SIGNATURE, _ENCIPHERMENT, purpose}
    if usages not in (wanted, wanted - {_ENCIPHERMENT}):
        yield f"usages did not match [{' '.join(sorted(wanted))}]"


class Approval(NamedTuple):
    """Given where the requester may create this subresource of CertificateSigningRequests."""

    subresource: str
    message: str


def approvals(request: SigningRequest, asked: Asked) -> tuple[Approval, ...]:
    """By which rights a kubelet's request for its client certificate may be approved without a person."""
    if request.spec.signer_name != KUBELET_CLIENT or refusal(KUBELET_CLIENT, asked, request.spec.usages):
        return ()
    anybody = Approval("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")
    if request.spec.username != asked.common_name:
        return (anybody,)
    itself = Approval(
        "selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."
    )
    return (itself, anybody)


class Validity(NamedTuple):
    """From so long before now, to so long after."""

    before_s: int
    after_s: int


def validity(expiration_s: int | None, longest_s: int) -> Validity:
    """What is asked for counts within ten minutes and the signer's own duration."""
    wanted_s = longest_s if expiration_s is None else min(max(expiration_s, _LEAST_S), longest_s)
    return Validity(_BACKDATE_S, wanted_s if wanted_s < _SHORT_S else wanted_s - _BACKDATE_S)


def kept_until(
    request: SigningRequest, created_s: float, updated_s: dict[str, float], ends_s: float | None
) -> float | None:
    """When it is to go, in the seconds of the arguments: when it was made, when each of its conditions was last
    written, when its certificate ends. None: never, as far as is known.
    """
    if not request.status.conditions:
        return created_s + _WAITING_KEPT_S
    issued = bool(request.status.certificate)
    dues = []
    for condition, at_s in updated_s.items():
        if condition in ("Denied", "Failed"):
            dues.append(at_s + _HANDLED_KEPT_S)
        elif condition == "Approved":
            dues.append(at_s + (_HANDLED_KEPT_S if issued else _WAITING_KEPT_S))
    if issued and ends_s is not None and request.has("Approved"):
        dues.append(ends_s)
    return min(dues, default=None)
