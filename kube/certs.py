"""The cluster's own certificate authority: certificates, keys and kubeconfigs under one data directory.

    D/pki/{ca,server,admin,node-NAME,…}.{crt,key}    D/kubeconfig/{admin,kube-proxy,node-NAME,…}.kubeconfig

Idempotent: what is there, says the same and lasts another 30 days is kept; `cryptography` (a tenth of a second
to import) is only loaded when something has to be issued.
"""

import base64
import ipaddress
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_DAYS = 3650
CERTIFICATE_DAYS = 365
RENEW_DAYS = 30
_SERVER_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
)


class CertsError(Exception):
    """The data directory cannot be used; the message says what to do."""


class Identity(NamedTuple):
    """Whom a certificate names: user and groups as the API server reads them (CN and O), or a server's names."""

    file: str
    user: str
    groups: tuple[str, ...] = ()
    sans: tuple[str, ...] = ()
    client: bool = True
    server: bool = False
    kubeconfig: bool = True
    authority: str = "ca"  # who signs it


FRONT_PROXY_CA = "front-proxy-ca"

CLIENTS = (
    Identity("admin", "kubernetes-admin", ("system:masters",)),
    Identity("kube-proxy", "system:kube-proxy", ("system:node-proxier",)),
    Identity("kube-scheduler", "system:kube-scheduler"),
    Identity("kube-controller-manager", "system:kube-controller-manager"),
    Identity(
        "kdns",
        "system:serviceaccount:kube-system:kube-dns",
        ("system:serviceaccounts", "system:serviceaccounts:kube-system"),
    ),
    Identity("kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",), kubeconfig=False),
    # Extension servers believe whoever has this what it says of users: an authority that signs nothing else.
    Identity("front-proxy-client", "front-proxy-client", kubeconfig=False, authority=FRONT_PROXY_CA),
)


class Pki(NamedTuple):
    """Where the files are."""

    data_dir: Path

    def certificate(self, name: str) -> Path:
        return self.data_dir / "pki" / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.data_dir / "pki" / f"{name}.key"

    def kubeconfig(self, name: str = "admin") -> Path:
        return self.data_dir / "kubeconfig" / f"{name}.kubeconfig"

    @property
    def ca(self) -> Path:
        return self.certificate("ca")

    @property
    def front_proxy_ca(self) -> Path:
        return self.certificate(FRONT_PROXY_CA)

    @property
    def service_account_key(self) -> Path:
        """Signs ServiceAccount tokens (ES256)."""
        return self.key("service-account")


def node_identity(name: str, addresses: Sequence[str]) -> Identity:
    """A node's certificate: its client identity, and what it serves with on 10250."""
    return Identity(
        f"node-{name}", f"system:node:{name}", ("system:nodes",), (name, *addresses), client=True, server=True
    )


def ensure(
    data_dir: Path,
    *,
    advertise_address: str,
    secure_port: int = 6443,
    sans: Iterable[str] = (),
    nodes: Mapping[str, Sequence[str]] | None = None,
    service_ips: Sequence[str] = ("10.96.0.1", "fd00:10:96::1"),
    now: datetime | None = None,
) -> Pki:
    """Make what is missing and say where it is. `nodes`: name to addresses. Raises CertsError."""
    pki = Pki(data_dir)
    names = tuple(dict.fromkeys((*_SERVER_NAMES, advertise_address, *service_ips, *sans)))
    wanted = [
        Identity("server", "kube-apiserver", sans=names, client=False, server=True, kubeconfig=False),
        *CLIENTS,
        *(node_identity(name, addresses) for name, addresses in (nodes or {}).items()),
    ]
    try:
        _issue_missing(pki, wanted, now or datetime.now(UTC))
        host = f"[{advertise_address}]" if ":" in advertise_address else advertise_address
        for identity in wanted:
            if identity.kubeconfig:
                _write_kubeconfig(pki, identity.file, f"https://{host}:{secure_port}")
    except OSError as error:
        raise CertsError(
            f"cannot write below {data_dir}: {error.strerror}; choose another --data-dir"
        ) from error
    return pki


def _issue_missing(pki: Pki, wanted: Sequence[Identity], now: datetime) -> None:
    for folder in ("pki", "kubeconfig"):
        (pki.data_dir / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    record_path = pki.data_dir / "pki" / "issued.json"
    record: dict[str, dict[str, object]] = (
        json.loads(record_path.read_text()) if record_path.exists() and pki.ca.exists() else {}
    )
    missing = [identity for identity in wanted if not _lasts(pki, record.get(identity.file), identity, now)]
    if not missing and pki.service_account_key.exists():
        return
    authorities: dict[str, _Authority] = {}
    for identity in missing:
        if identity.authority not in authorities:
            authorities[identity.authority] = _Authority.open(pki, now, identity.authority)
        authorities[identity.authority].issue(identity, now)
        until = now + timedelta(days=CERTIFICATE_DAYS)
        record[identity.file] = {"identity": _said(identity), "until": until.isoformat()}
    if not pki.service_account_key.exists():
        _write(pki.service_account_key, _new_key()[1], 0o600)
    _write(record_path, json.dumps(record, indent=1).encode(), 0o600)


def _said(identity: Identity) -> list[object]:
    return [identity.user, list(identity.groups), list(identity.sans)]


def _lasts(pki: Pki, issued: dict[str, object] | None, identity: Identity, now: datetime) -> bool:
    return (
        issued is not None
        and issued["identity"] == _said(identity)
        and datetime.fromisoformat(str(issued["until"])) > now + timedelta(days=RENEW_DAYS)
        and pki.certificate(identity.file).exists()
        and pki.key(identity.file).exists()
    )


class _Authority:
    """The CA's certificate and key, and what they sign."""

    def __init__(self, pki: Pki, certificate: "x509.Certificate", key: "EllipticCurvePrivateKey") -> None:
        self._pki = pki
        self._certificate = certificate
        self._key = key

    @classmethod
    def open(cls, pki: Pki, now: datetime, name: str = "ca") -> "_Authority":
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path, key_path = pki.certificate(name), pki.key(name)
        if not path.exists():
            _make_ca(pki, now, name)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        try:
            key = load_pem_private_key(key_path.read_bytes(), None)
        except FileNotFoundError:
            raise CertsError(f"{key_path} is missing: put it back, or remove {path} to start anew") from None
        if not isinstance(key, EllipticCurvePrivateKey):
            raise CertsError(f"{key_path} is not an EC key: remove it and {path} to start anew")
        return cls(pki, certificate, key)

    def issue(self, identity: Identity, now: datetime) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding
        from cryptography.x509.oid import ExtendedKeyUsageOID

        key, pem = _new_key()
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH] * identity.client + [
            ExtendedKeyUsageOID.SERVER_AUTH
        ] * identity.server
        builder = (
            _builder(_subject(identity.user, identity.groups), now, CERTIFICATE_DAYS)
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if identity.sans:
            names = x509.SubjectAlternativeName([_general_name(name) for name in identity.sans])
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        _write(self._pki.key(identity.file), pem, 0o600)
        _write(self._pki.certificate(identity.file), signed.public_bytes(Encoding.PEM), 0o644)


def self_signed(name: str, sans: Sequence[str], now: datetime | None = None) -> tuple[bytes, bytes]:
    """A server's certificate and key (PEM) of nobody's making but its own, as components serve with at first."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    key, pem = _new_key()
    subject = _subject(name, ())
    names = x509.SubjectAlternativeName([_general_name(each) for each in sans])
    certificate = (
        _builder(subject, now or datetime.now(UTC), CERTIFICATE_DAYS)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), pem


def _make_ca(pki: Pki, now: datetime, name: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    key, pem = _new_key()
    subject = _subject(f"podnet-{name}", ())
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, now, CA_DAYS)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(pki.key(name), pem, 0o600)
    _write(pki.certificate(name), certificate.public_bytes(Encoding.PEM), 0o644)


def _builder(subject: "x509.Name", now: datetime, days: int) -> "x509.CertificateBuilder":
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks of the nodes may be a little behind
        .not_valid_after(now + timedelta(days=days))
    )


def _subject(user: str, groups: Sequence[str]) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _general_name(text: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _new_key() -> "tuple[EllipticCurvePrivateKey, bytes]":
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_kubeconfig(pki: Pki, name: str, server: str) -> None:
    text = json.dumps(  # JSON is YAML, and needs no import
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "podnet",
                    "cluster": {"server": server, "certificate-authority-data": _inline(pki.ca)},
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate-data": _inline(pki.certificate(name)),
                        "client-key-data": _inline(pki.key(name)),
                    },
                }
            ],
            "contexts": [{"name": "podnet", "context": {"cluster": "podnet", "user": name}}],
            "current-context": "podnet",
        },
        indent=2,
    )
    path = pki.kubeconfig(name)
    if not path.exists() or path.read_text() != text:
        _write(path, text.encode(), 0o600)


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _write(path: Path, data: bytes, mode: int) -> None:
    """By rename, so that a reader never sees half a file, and never readable by others for a moment."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
