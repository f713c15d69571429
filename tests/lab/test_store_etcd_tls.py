"""etcd behind TLS that asks for client certificates."""

import asyncio
import datetime as dt
import ipaddress
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kube.store import Put, StoreError, Unavailable
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions
from tests.lab.etcd_server import EtcdCluster, Tls

pytestmark = pytest.mark.lab


class Authority:
    """A CA in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.crt"
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self._name, self._key.public_key()).add_extension(constraints, True)
        self._write(self.path, certificate.sign(self._key, hashes.SHA256()))

    def issue(self, name: str, *usages: x509.ObjectIdentifier) -> Tls:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(subject, key.public_key())
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
            )
            .add_extension(x509.ExtendedKeyUsage(usages), False)
            .sign(self._key, hashes.SHA256())
        )
        cert_path, key_path = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        self._write(cert_path, certificate)
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Tls(self.path, cert_path, key_path)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    @staticmethod
    def _write(path: Path, certificate: x509.Certificate) -> None:
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def test_a_client_certificate_opens_it_and_nothing_else_does(tmp_path: Path) -> None:
    ca, other = Authority(tmp_path, "ca"), Authority(tmp_path, "other-ca")
    # etcd's gateway is a client of its own server, hence both usages
    server = ca.issue("server", ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    client = ca.issue("client", ExtendedKeyUsageOID.CLIENT_AUTH)
    stranger = other.issue("stranger", ExtendedKeyUsageOID.CLIENT_AUTH)

    async def opens(etcd: EtcdCluster, ca_file: Path, tls: Tls | None) -> None:
        cert, key = (str(tls.cert), str(tls.key)) if tls else ("", "")
        store = await EtcdStore.open(EtcdOptions(etcd.endpoints, str(ca_file), cert, key))
        try:
            assert await store.txn([Put("/registry/x/a", b"")]) == store.revision
        finally:
            await store.close()

    async def body() -> None:
        await opens(etcd, ca.path, client)
        with pytest.raises(Unavailable, match="certificate"):
            await opens(etcd, other.path, client)
        for wrong in (stranger, None):
            with pytest.raises(Unavailable):
                await opens(etcd, ca.path, wrong)
        with pytest.raises(StoreError, match="--etcd-certfile /absent"):
            await EtcdStore.open(EtcdOptions(etcd.endpoints, str(ca.path), "/absent", "/absent"))

    with EtcdCluster(tmp_path, tls=server) as etcd:
        for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
            with asyncio.Runner(loop_factory=loop) as runner:
                runner.run(body())
