"""A real kube-scheduler, kube-controller-manager and CoreDNS, each against `kcore`; variables say where they are."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kube.certs import Pki
from linux import process

_COREFILE = """
.:{port} {{
    bind 127.0.0.1
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 0
    }}
}}
"""


def program(variable: str) -> str:
    """Skips the test where there is none."""
    found = os.environ.get(variable, "")
    if not found:
        name = variable.lower().replace("_", "-")
        pytest.skip(f"NOT TRIED WITH A REAL {name}: set {variable}=path of one")
    return found


@contextmanager
def kube_scheduler(pki: Pki) -> Iterator[Path]:
    """Gives its log."""
    argv = [program("KUBE_SCHEDULER"), *_kubeconfigs(pki, "kube-scheduler")]
    with _running(argv, pki.data_dir / "kube-scheduler.log") as log:
        yield log


@contextmanager
def kube_controller_manager(pki: Pki) -> Iterator[Path]:
    """With a ServiceAccount for each controller, so that the default roles are tried too. Gives its log."""
    argv = [program("KUBE_CONTROLLER_MANAGER"), *_kubeconfigs(pki, "kube-controller-manager")]
    argv += ["--use-service-account-credentials", "--root-ca-file", str(pki.ca)]
    argv += ["--service-account-private-key-file", str(pki.service_account_key)]
    argv += ["--cluster-signing-cert-file", str(pki.ca), "--cluster-signing-key-file", str(pki.key("ca"))]
    argv += ["--allocate-node-cidrs", "--cluster-cidr", "10.244.0.0/16"]
    with _running(argv, pki.data_dir / "kube-controller-manager.log") as log:
        yield log


@contextmanager
def coredns(pki: Pki, port: int) -> Iterator[Path]:
    """As the account of kube-dns, with the rights that CoreDNS's own manifest gives it. Gives its log."""
    corefile = pki.data_dir / "Corefile"
    corefile.write_text(_COREFILE.format(port=port, kubeconfig=pki.kubeconfig("kdns")))
    with _running([program("COREDNS"), "-conf", str(corefile)], pki.data_dir / "coredns.log") as log:
        yield log


def _kubeconfigs(pki: Pki, name: str) -> list[str]:
    own = str(pki.kubeconfig(name))
    kinds = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return [*(f"--{kind}={own}" for kind in kinds), "--bind-address=127.0.0.1", "--secure-port=0"]


@contextmanager
def _running(argv: list[str], log: Path) -> Iterator[Path]:
    with log.open("wb") as output:
        started: subprocess.Popen[bytes] = process.spawn(argv, stdout=output, stderr=output)
    try:
        yield log
        assert started.poll() is None, log.read_text()[-3000:]
    finally:
        started.terminate()
        started.wait(30)
