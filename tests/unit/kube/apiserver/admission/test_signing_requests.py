"""Who may approve and sign CertificateSigningRequests."""

from collections.abc import Iterable
from typing import Any

import pytest

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.authorization import Decision
from kube.apiserver.admission.signing_requests import check_create, check_update
from kube.apiserver.kinds import kind_at
from kube.apiserver.requests.request import User
from kube.apiserver.status import StatusError
from tests.unit.kube.controllers.test_certificates import request_pem

_FOUND = kind_at("certificates.k8s.io", "v1", "certificatesigningrequests")
assert _FOUND is not None
KIND = _FOUND
_SIGNER = "example.com/one"
_JANE = User("jane", ())


class Granting:
    """Allows these verbs on these signers, and nothing else."""

    def __init__(self, *granted: tuple[str, str]) -> None:
        self._granted = granted

    def decide(self, asked: Attributes) -> Decision:
        named = (asked.verb, asked.name)
        return Decision(asked.resource == "signers" and named in self._granted, "")

    def rules_for(self, user: User, namespace: str) -> Any:
        raise NotImplementedError


def _object(certificate: str = "", conditions: Iterable[str] = (), signer: str = _SIGNER) -> dict[str, Any]:
    return {
        "metadata": {"name": "r"},
        "spec": {"signerName": signer},
        "status": {"certificate": certificate, "conditions": [{"type": each} for each in conditions]},
    }


@pytest.mark.parametrize(
    ("subresource", "new", "granted", "verb"),
    [
        ("approval", _object(conditions=["Approved"]), (), "approve"),
        ("approval", _object(conditions=["Approved"]), (("sign", _SIGNER),), "approve"),
        ("approval", _object(conditions=["Approved"]), (("approve", _SIGNER),), ""),
        ("approval", _object(conditions=["Approved"]), (("approve", "example.com/*"),), ""),
        ("status", _object("Q0VSVA=="), (), "sign"),
        ("status", _object(conditions=["Failed"]), (), "sign"),
        ("status", _object("Q0VSVA=="), (("sign", _SIGNER),), ""),
        ("status", _object(), (), ""),  # nothing of the outcome
        ("", _object(), (), ""),
    ],
)
def test_the_signer_has_to_be_granted_too(
    subresource: str, new: dict[str, Any], granted: tuple[tuple[str, str], ...], verb: str
) -> None:
    authorizer = Granting(*granted)
    if not verb:
        check_update(authorizer, KIND, new, _object(), subresource, _JANE)
        return
    with pytest.raises(StatusError) as refusal:
        check_update(authorizer, KIND, new, _object(), subresource, _JANE)
    assert refusal.value.code == 403
    assert f'user not permitted to {verb} requests with signerName "{_SIGNER}"' in str(refusal.value)


@pytest.mark.parametrize(
    ("signer", "groups", "refused"),
    [
        ("kubernetes.io/kube-apiserver-client", ("devs", "system:masters"), True),
        ("kubernetes.io/kube-apiserver-client", ("devs",), False),
        ("kubernetes.io/legacy-unknown", ("system:masters",), False),
    ],
)
def test_no_client_certificate_is_for_the_masters(
    signer: str, groups: tuple[str, ...], *, refused: bool
) -> None:
    asked = _object(signer=signer)
    asked["spec"]["request"] = request_pem("jane", groups)
    if refused:
        with pytest.raises(StatusError, match="system:masters group is not allowed"):
            check_create(KIND, asked)
    else:
        check_create(KIND, asked)
