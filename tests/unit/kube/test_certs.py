"""The authority: what is issued, that it holds, that it is kept."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from kube import certs

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def _certificate(pki: certs.Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    pki = certs.ensure(tmp_path, advertise_address="10.0.0.1", nodes={"n1": ["10.0.0.11"]}, now=NOW)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    certs.ensure(tmp_path, advertise_address="10.0.0.1", nodes={"n1": ["10.0.0.11"]}, now=NOW)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert pki.kubeconfig("node-n1").exists()


def test_what_is_private_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    certs.ensure(tmp_path, advertise_address="10.0.0.1", now=NOW)
    private = [*tmp_path.rglob("*.key"), *tmp_path.rglob("*.kubeconfig")]
    assert len(private) > 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_a_new_name_or_an_old_date_renews_only_what_it_concerns(tmp_path: Path) -> None:
    pki = certs.ensure(tmp_path, advertise_address="10.0.0.1", now=NOW)
    server, admin = (_certificate(pki, name).serial_number for name in ("server", "admin"))
    certs.ensure(tmp_path, advertise_address="10.0.0.1", sans=["api.example"], now=NOW)
    assert _certificate(pki, "server").serial_number != server
    assert _certificate(pki, "admin").serial_number == admin
    certs.ensure(tmp_path, advertise_address="10.0.0.1", now=NOW + timedelta(days=340))
    assert _certificate(pki, "admin").serial_number != admin
    assert _certificate(pki, "ca").not_valid_after_utc > NOW + timedelta(days=3000)


def test_a_node_certificate_is_identity_and_server(tmp_path: Path) -> None:
    pki = certs.ensure(
        tmp_path, advertise_address="10.0.0.1", nodes={"n1": ["10.0.0.11", "fd00::11"]}, now=NOW
    )
    found = _certificate(pki, "node-n1")
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.11", "fd00::11"]
    uses = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {use._name for use in uses} == {"clientAuth", "serverAuth"}
    assert found.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.load_cert_chain(pki.certificate("node-n1"), pki.key("node-n1"))


def test_a_lost_ca_key_is_told_with_what_to_do(tmp_path: Path) -> None:
    pki = certs.ensure(tmp_path, advertise_address="10.0.0.1", now=NOW)
    pki.key("ca").unlink()
    with pytest.raises(certs.CertsError, match="put it back, or remove"):
        certs.ensure(tmp_path, advertise_address="10.0.0.2", now=NOW)
    (tmp_path / "file").touch()
    with pytest.raises(certs.CertsError, match="choose another --data-dir"):
        certs.ensure(tmp_path / "file", advertise_address="10.0.0.2", now=NOW)
