"""`kubectl certificate approve` yields a certificate that works, and a kubelet gets its own with a bootstrap token."""

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from linux import process
from tests.lab.kcore_process import Kcore

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(process.find("kubectl") is None, reason="kubectl is missing: tools/setup.sh test"),
]
_PATIENCE_S = 90.0
_BOOTSTRAPPERS = "system:bootstrappers"
_TOKEN_ID, _TOKEN_SECRET = "abcdef", "0123456789abcdef"
_TOKEN = f"""
apiVersion: v1
kind: Secret
metadata: {{name: bootstrap-token-{_TOKEN_ID}, namespace: kube-system}}
type: bootstrap.kubernetes.io/token
stringData: {{token-id: {_TOKEN_ID}, token-secret: {_TOKEN_SECRET}, usage-bootstrap-authentication: "true"}}
"""
_SERVER = "https://127.0.0.1:{port}"


class Keyed:
    """A key, what is asked for it, and kubectl with what comes of it."""

    def __init__(self, server: Kcore, folder: Path, user: str, group: str) -> None:
        self._server, self._folder, self.name = server, folder, user.rpartition(":")[2]
        self._key = ec.generate_private_key(ec.SECP256R1())
        names = [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, group),
            x509.NameAttribute(NameOID.COMMON_NAME, user),
        ]
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        self._request = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def manifest(self, signer: str) -> str:
        request = base64.b64encode(self._request).decode()
        return f"""
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {self.name}}}
spec:
  request: {request}
  signerName: {signer}
  usages: [digital signature, client auth]
  expirationSeconds: 7200
"""

    def who_am_i(self, certificate: str) -> str:
        """With the certificate, as the API has it, and its key."""
        files = {
            "crt": base64.b64decode(certificate),
            "key": self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        }
        for kind, pem in files.items():
            (self._folder / kind).write_bytes(pem)
        return kubectl(
            f"--server={_SERVER.format(port=self._server.port)}",
            f"--certificate-authority={self._server.folder / 'pki' / 'ca.crt'}",
            f"--client-certificate={self._folder / 'crt'}",
            f"--client-key={self._folder / 'key'}",
            "auth",
            "whoami",
            "-o=jsonpath={.status.userInfo.username} {.status.userInfo.groups}",
        )


def kubectl(*arguments: str, given: str = "", fails: bool = False) -> str:
    """What it says, on standard error where it is to fail."""
    done = subprocess.run(
        ["kubectl", *arguments], input=given, text=True, capture_output=True, check=False, timeout=_PATIENCE_S
    )
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr if fails else done.stdout


def _until(ask: Callable[[], str], what: str) -> str:
    give_up_at = time.monotonic() + _PATIENCE_S
    while not (said := ask()):
        assert time.monotonic() < give_up_at, f"no {what}"
        time.sleep(0.1)
    return said


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Kcore]:
    options = ("--authorization-mode", "Node,RBAC", "--fsync", "normal")
    made = Kcore(tmp_path / "kcore", *options, command="all")
    made.start()
    yield made
    made.end()


def test_certificates_are_approved_signed_and_good(server: Kcore, tmp_path: Path) -> None:
    admin = f"--kubeconfig={server.kubeconfig}"

    def certificate(name: str) -> str:
        return _until(
            lambda: kubectl(admin, "get", "csr", name, "-o=jsonpath={.status.certificate}"), "certificate"
        )

    jane = Keyed(server, tmp_path, "jane", "devs")
    kubectl(admin, "create", "-f", "-", given=jane.manifest("kubernetes.io/kube-apiserver-client"))
    kubectl(admin, "certificate", "approve", "jane")
    assert jane.who_am_i(certificate("jane")) == 'jane ["devs","system:authenticated"]'
    assert "Approved,Issued" in kubectl(admin, "get", "csr", "jane")

    for role in (
        "system:node-bootstrapper",
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    ):
        name = role.rpartition(":")[2]
        kubectl(
            admin,
            "create",
            "clusterrolebinding",
            name,
            f"--clusterrole={role}",
            f"--group={_BOOTSTRAPPERS}",
        )
    node = Keyed(server, tmp_path, "system:node:n9", "system:nodes")
    kubelet = (
        "--kubeconfig=/dev/null",
        f"--server={_SERVER.format(port=server.port)}",
        f"--certificate-authority={server.folder / 'pki' / 'ca.crt'}",
        f"--token={_TOKEN_ID}.{_TOKEN_SECRET}",
    )
    kubectl(admin, "create", "-f", "-", given=_TOKEN)
    manifest = node.manifest("kubernetes.io/kube-apiserver-client-kubelet")
    kubectl(*kubelet, "create", "--validate=false", "-f", "-", given=manifest)
    assert node.who_am_i(certificate("n9")) == 'system:node:n9 ["system:nodes","system:authenticated"]'

    refused = "certificatesigningrequests.certificates.k8s.io"
    masters = Keyed(server, tmp_path, "mallory", "system:masters")
    assert "system:masters group is not allowed" in kubectl(
        admin, "create", "-f", "-", given=masters.manifest("kubernetes.io/kube-apiserver-client"), fails=True
    )
    kubectl(
        admin,
        "create",
        "clusterrole",
        "half",
        "--verb=get,list,update,patch",
        f"--resource={refused},{refused}/approval",
    )
    kubectl(admin, "create", "clusterrolebinding", "half", "--clusterrole=half", "--user=half")
    half = Keyed(server, tmp_path, "john", "devs")
    kubectl(admin, "create", "-f", "-", given=half.manifest("kubernetes.io/kube-apiserver-client"))
    said = kubectl(admin, "--as=half", "certificate", "approve", "john", fails=True)
    assert 'not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"' in said

    wrong = Keyed(server, tmp_path, "root", "system:nodes")
    kubectl(admin, "create", "-f", "-", given=wrong.manifest("kubernetes.io/kube-apiserver-client-kubelet"))
    kubectl(admin, "certificate", "approve", "root")
    why = "-o=jsonpath={.status.conditions[?(@.type=='Failed')].message}"
    said = _until(lambda: kubectl(admin, "get", "csr", "root", why), "failure")
    assert said == "subject common name does not begin with system:node:"
