"""CertificateApproval, CertificateSigning and CertificateSubjectRestriction: who may give which certificates away."""

import base64

from kube.apiserver import status
from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.authorization import Authorizer
from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object, User

KEY = "certificatesigningrequests.certificates.k8s.io"
_GROUP = "certificates.k8s.io"
_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"
_MASTERS = "system:masters"


def check_create(kind: Kind, obj: Object) -> None:
    """No client certificate for the group that may do everything: nothing could take the right back."""
    spec = obj.get("spec") or {}
    if spec.get("signerName") == _CLIENT_SIGNER and _MASTERS in _organizations(spec.get("request") or ""):
        why = f"use of {_CLIENT_SIGNER} signer with {_MASTERS} group is not allowed"
        raise status.forbidden(kind.resource, obj["metadata"].get("name", ""), why)


def check_update(
    authorizer: Authorizer, kind: Kind, new: Object, old: Object, subresource: str, user: User
) -> None:
    """Beside the right to write there must be one for the signer. Raises StatusError."""
    verb = {"approval": "approve", "status": "sign"}.get(subresource, "")
    if not verb or (verb == "sign" and _outcome(new) == _outcome(old)):
        return
    signer = (old.get("spec") or {}).get("signerName") or ""
    domain = signer.partition("/")[0]
    for name in (signer, f"{domain}/*"):
        asked = Attributes(user, verb, _GROUP, "*", "signers", "", "", name)
        if authorizer.decide(asked).allowed:
            return
    why = f'user not permitted to {verb} requests with signerName "{signer}"'
    raise status.forbidden(kind.resource, old["metadata"]["name"], why)


def _outcome(obj: Object) -> tuple[object, object]:
    said = obj.get("status") or {}
    return said.get("certificate") or "", said.get("conditions") or []


def _organizations(request: str) -> list[str]:
    """Of the subject; none where it cannot be read, which validation says."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        subject = x509.load_pem_x509_csr(base64.b64decode(request)).subject
    except ValueError:
        return []
    return [str(each.value) for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
