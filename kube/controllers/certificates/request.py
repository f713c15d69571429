"""What a PKCS #10 request (RFC 2986) asks for. Pure; `cryptography` costs 55 ms and comes with the first request."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509


class BadRequest(ValueError):
    """It cannot be read, or its signature is not of its own key."""


class Asked(NamedTuple):
    """Subject and alternative names."""

    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


def parsed(request: str) -> x509.CertificateSigningRequest:
    """`request` is PEM in base64. Raises BadRequest."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_csr(base64.b64decode(request, validate=True))
    except (ValueError, binascii.Error) as error:
        raise BadRequest(f"the request cannot be read: {error}") from error
    if not found.is_signature_valid:
        raise BadRequest("the request's signature is not of its own key")
    return found


def asked(request: x509.CertificateSigningRequest) -> Asked:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    def names(kind: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(str(each.value) for each in request.subject.get_attributes_for_oid(kind))

    plain = Asked("".join(names(NameOID.COMMON_NAME)[-1:]), names(NameOID.ORGANIZATION_NAME))
    alternatives = alternative_names(request)
    if alternatives is None:
        return plain
    return plain._replace(
        dns_names=tuple(alternatives.get_values_for_type(x509.DNSName)),
        ips=tuple(map(str, alternatives.get_values_for_type(x509.IPAddress))),
        emails=tuple(alternatives.get_values_for_type(x509.RFC822Name)),
        uris=tuple(alternatives.get_values_for_type(x509.UniformResourceIdentifier)),
    )


def alternative_names(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    """Raises BadRequest where extensions cannot be read."""
    from cryptography import x509

    try:
        return request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    except ValueError as error:
        raise BadRequest(f"the request's extensions cannot be read: {error}") from error
