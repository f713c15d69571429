"""CertificateSigningRequests: what each signer gives, who is approved, what is signed, what goes when."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kube import certs
from kube.controllers.certificates import plan
from kube.controllers.certificates.authority import CannotSign, opened, signed
from kube.controllers.certificates.kinds import SigningRequest
from kube.controllers.certificates.plan import CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY, Validity
from kube.controllers.certificates.request import Asked, BadRequest, asked, parsed

_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_CLIENT_USAGES = ("digital signature", "client auth")
_SERVER_USAGES = ("digital signature", "key encipherment", "server auth")
_KUBELET = Asked("system:node:n1", ("system:nodes",))
_SERVING = _KUBELET._replace(dns_names=("n1",), ips=("10.0.0.1",))


def request_pem(
    common_name: str = "jane", groups: tuple[str, ...] = ("devs",), *sans: x509.GeneralName
) -> str:
    """PEM in base64, as the API has it."""
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def _object(*conditions: str, username: str = "system:node:n1", **more: Any) -> SigningRequest:
    body = {
        "metadata": {"name": "r"},
        "spec": {"signerName": KUBELET_CLIENT, "username": username, "usages": _CLIENT_USAGES},
        "status": {"conditions": [{"type": each, "status": "True"} for each in conditions], **more},
    }
    return msgspec.convert(body, SigningRequest)


@pytest.mark.parametrize(
    ("signer", "wanted", "usages", "why"),
    [
        (CLIENT, Asked("jane", ()), ("client auth",), ""),
        (CLIENT, Asked("jane", ()), ("key encipherment", "client auth"), ""),
        (CLIENT, Asked("jane", ()), ("server auth",), "invalid usage for client certificate: server auth"),
        (
            CLIENT,
            Asked("jane", ()),
            ("digital signature",),
            "missing required usage for client certificate: client auth",
        ),
        (KUBELET_CLIENT, _KUBELET, _CLIENT_USAGES, ""),
        (KUBELET_CLIENT, _KUBELET, (*_CLIENT_USAGES, "key encipherment"), ""),
        (
            KUBELET_CLIENT,
            _KUBELET,
            ("client auth",),
            "usages did not match [client auth digital signature key encipherment]",
        ),
        (KUBELET_CLIENT, _SERVING, _CLIENT_USAGES, "DNS subjectAltNames are not allowed"),
        (
            KUBELET_CLIENT,
            _KUBELET._replace(ips=("::1",)),
            _CLIENT_USAGES,
            "IP subjectAltNames are not allowed",
        ),
        (
            KUBELET_CLIENT,
            _KUBELET._replace(organizations=("system:nodes", "system:masters")),
            _CLIENT_USAGES,
            "subject organization is not system:nodes",
        ),
        (
            KUBELET_CLIENT,
            _KUBELET._replace(common_name="n1"),
            _CLIENT_USAGES,
            "subject common name does not begin with system:node:",
        ),
        (KUBELET_SERVING, _SERVING, _SERVER_USAGES, ""),
        (KUBELET_SERVING, _KUBELET, _SERVER_USAGES, "DNS or IP subjectAltName is required"),
        (
            KUBELET_SERVING,
            _SERVING._replace(uris=("spiffe://x",)),
            _SERVER_USAGES,
            "URI subjectAltNames are not allowed",
        ),
        (
            KUBELET_SERVING,
            _SERVING,
            _CLIENT_USAGES,
            "usages did not match [digital signature key encipherment server auth]",
        ),
        (LEGACY, Asked("anything", ()), ("server auth", "cert sign"), ""),
    ],
)
def test_what_each_signer_gives(signer: str, wanted: Asked, usages: tuple[str, ...], why: str) -> None:
    assert plan.refusal(signer, wanted, usages) == why


def test_a_kubelet_is_approved_by_the_right_to_its_own_or_any_nodes_certificate() -> None:
    def by(request: SigningRequest, wanted: Asked = _KUBELET) -> list[str]:
        return [approval.subresource for approval in plan.approvals(request, wanted)]

    assert by(_object()) == ["selfnodeclient", "nodeclient"]
    assert by(_object(username="bootstrapper")) == ["nodeclient"]
    assert by(_object(), _SERVING) == []
    serving = msgspec.structs.replace(_object().spec, signer_name=KUBELET_SERVING)
    assert by(msgspec.structs.replace(_object(), spec=serving)) == []


@pytest.mark.parametrize(
    ("asked_s", "expected"),
    [
        (None, Validity(300, 31_536_000 - 300)),
        (40_000, Validity(300, 39_700)),
        (3600, Validity(300, 3600)),  # a short one is not cut
        (1, Validity(300, 600)),
        (99_999_999, Validity(300, 31_536_000 - 300)),
    ],
)
def test_how_long_a_certificate_holds(asked_s: int | None, expected: Validity) -> None:
    assert plan.validity(asked_s, 31_536_000) == expected


@pytest.mark.parametrize(
    ("request_", "until_h"),
    [
        (_object(), 24),
        (_object("Approved"), 10 + 24),
        (_object("Approved", certificate="Q0VSVA=="), 10 + 1),
        (_object("Denied"), 10 + 1),
        (_object("Approved", "Failed"), 10 + 1),
    ],
)
def test_requests_go_when_they_have_served_their_time(request_: SigningRequest, until_h: int) -> None:
    written = {condition.type: 10 * 3600.0 for condition in request_.status.conditions}
    assert plan.kept_until(request_, 0.0, written, None) == until_h * 3600


def test_an_ended_certificate_takes_its_request_along() -> None:
    issued = _object("Approved", certificate="Q0VSVA==")
    assert plan.kept_until(issued, 0.0, {"Approved": 10.0}, 20.0) == 20.0


@pytest.fixture
def pki(tmp_path: Path) -> certs.Pki:
    return certs.ensure(tmp_path, advertise_address="127.0.0.1", now=_NOW - timedelta(days=1))


def test_what_was_asked_for_is_signed_with_the_approved_usages(pki: certs.Pki) -> None:
    sans = (x509.DNSName("n1"), x509.RFC822Name("a@b.c"))
    read = parsed(request_pem("jane", ("devs", "ops"), *sans))
    ca = opened(pki.ca.read_bytes(), pki.key("ca").read_bytes())
    made = x509.load_pem_x509_certificate(signed(ca, read, _CLIENT_USAGES, Validity(300, 3600), _NOW))
    made.verify_directly_issued_by(ca.certificate)
    assert made.subject == read.subject
    assert made.public_key() == read.public_key()
    assert made.not_valid_before_utc == _NOW - timedelta(minutes=5)
    assert made.not_valid_after_utc == _NOW + timedelta(hours=1)
    extensions = made.extensions
    assert extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value == x509.SubjectAlternativeName(sans)
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    uses = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (uses.digital_signature, uses.key_encipherment, uses.key_cert_sign) == (True, False, False)
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_no_certificate_outlives_its_ca_and_none_comes_from_one_that_ended(pki: certs.Pki) -> None:
    ca = opened(pki.ca.read_bytes(), pki.key("ca").read_bytes())
    read, last = parsed(request_pem()), ca.certificate.not_valid_after_utc
    ages = Validity(300, 3650 * 86_400)
    made = x509.load_pem_x509_certificate(signed(ca, read, _CLIENT_USAGES, ages, _NOW))
    assert made.not_valid_after_utc == last
    with pytest.raises(CannotSign, match="the CA's certificate ended"):
        signed(ca, read, _CLIENT_USAGES, ages, last)
    with pytest.raises(CannotSign, match="unrecognized usage values: fly"):
        signed(ca, read, ("fly",), ages, _NOW)
    with pytest.raises(CannotSign, match="not its certificate's"):
        opened(pki.ca.read_bytes(), pki.key("server").read_bytes())


def test_what_cannot_be_read_is_said() -> None:
    whole = base64.b64decode(request_pem())
    for text in (b"nothing", whole.replace(b"\n", b"\nA", 2)):
        with pytest.raises(BadRequest):
            parsed(base64.b64encode(text).decode())
    with pytest.raises(BadRequest):
        parsed("no base64")
    found = asked(
        parsed(request_pem("n", ("a", "b"), x509.DNSName("d"), x509.UniformResourceIdentifier("u://v")))
    )
    assert found == Asked("n", ("a", "b"), dns_names=("d",), uris=("u://v",))
