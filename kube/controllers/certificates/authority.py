"""Certificates as a CA signs them for requests: what was asked for, restricted to the approved usages. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, cast

from kube.controllers.certificates.plan import Validity
from kube.controllers.certificates.request import alternative_names

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

_KEY_USAGES = {
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_PURPOSES = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}


class CannotSign(Exception):
    """The CA, or what was asked of it, will not do; the message says which."""


class Authority(NamedTuple):
    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes


def opened(certificate_pem: bytes, key_pem: bytes) -> Authority:
    """Raises CannotSign."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(key_pem, None)
        certificate = x509.load_pem_x509_certificate(certificate_pem)
    except (ValueError, TypeError) as error:
        raise CannotSign(f"the CA's certificate or key cannot be read: {error}") from error
    if certificate.public_key() != key.public_key():
        raise CannotSign("the CA's key is not its certificate's")
    return Authority(certificate, cast("CertificateIssuerPrivateKeyTypes", key))


def signed(
    authority: Authority,
    request: x509.CertificateSigningRequest,
    usages: Iterable[str],
    validity: Validity,
    now: datetime,
) -> bytes:
    """PEM; never for longer than the CA's own. Raises CannotSign and BadRequest."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    ca = authority.certificate
    begin, end = now - timedelta(seconds=validity.before_s), now + timedelta(seconds=validity.after_s)
    last = ca.not_valid_after_utc
    if now >= last:
        raise CannotSign(f"the CA's certificate ended at {last.isoformat()}")
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(ca.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(min(end, last))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_issuer(ca), critical=False)
    )
    for extension, critical in _extensions(tuple(usages)):
        builder = builder.add_extension(extension, critical)
    names = alternative_names(request)
    if names is not None:
        builder = builder.add_extension(names, critical=not list(request.subject))
    return builder.sign(authority.key, _digest(authority)).public_bytes(Encoding.PEM)


def _extensions(usages: tuple[str, ...]) -> list[tuple[x509.ExtensionType, bool]]:
    from cryptography import x509

    unknown = [usage for usage in usages if usage not in _KEY_USAGES and usage not in _PURPOSES]
    if unknown:
        raise CannotSign(f"unrecognized usage values: {', '.join(unknown)}")
    found: list[tuple[x509.ExtensionType, bool]] = []
    keys = {_KEY_USAGES[usage] for usage in usages if usage in _KEY_USAGES}
    if keys:
        if keys & {"encipher_only", "decipher_only"} and "key_agreement" not in keys:
            raise CannotSign("encipher only and decipher only mean nothing without key agreement")
        every = dict.fromkeys(_KEY_USAGES.values(), False)
        found.append((x509.KeyUsage(**{**every, **dict.fromkeys(keys, True)}), True))
    purposes = sorted({_PURPOSES[usage] for usage in usages if usage in _PURPOSES})
    if purposes:
        found.append((x509.ExtendedKeyUsage(map(x509.ObjectIdentifier, purposes)), False))
    return found


def _issuer(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    from cryptography import x509

    try:
        own = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _digest(authority: Authority) -> hashes.SHA256 | None:
    """Edwards curves have their own."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

    if isinstance(authority.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return None
    return hashes.SHA256()
