"""CertificateSigningRequest (certificates.k8s.io/v1)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kube.objects import Object, Resource
from kube.objects.value import Value


class RequestCondition(Value):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_update_time: str = ""
    last_transition_time: str = ""


class RequestSpec(Value):
    """`request` is PEM in base64; who asks is what the API server knows of them."""

    request: str = ""
    signer_name: str = ""
    usages: tuple[str, ...] = ()
    expiration_seconds: int | None = None
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class RequestStatus(Value):
    """`certificate` is PEM in base64."""

    certificate: str = ""
    conditions: tuple[RequestCondition, ...] = ()


class SigningRequest(Object):
    resource: ClassVar[Resource] = Resource(
        "certificates.k8s.io",
        "v1",
        "certificatesigningrequests",
        "CertificateSigningRequest",
        namespaced=False,
    )
    spec: RequestSpec = RequestSpec()
    status: RequestStatus = RequestStatus()

    def has(self, condition: str) -> bool:
        return any(each.type == condition for each in self.status.conditions)

    @property
    def is_to_be_signed(self) -> bool:
        failed = any(c.type == "Failed" and c.status in ("", "True") for c in self.status.conditions)
        return not self.status.certificate and self.has("Approved") and not self.has("Denied") and not failed
