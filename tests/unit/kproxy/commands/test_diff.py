"""`kproxy diff`: what manifests would change, in words and in rules."""

import json
from pathlib import Path

import pytest

from kproxy.cli import main

_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {type: NodePort, clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5], ipFamilies: [IPv4],
       ports: [{port: 80, name: http, nodePort: 30080}]%s}
"""
_SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [%s]
"""
_CONFIG = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: %s\n"


def _slice(*ips: str) -> str:
    return _SLICE % ", ".join(f'{{addresses: ["{ip}"]}}' for ip in ips)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    (tmp_path / "before" / "a.yaml").write_text(_SERVICE % "" + "---" + _slice("10.244.1.1", "10.244.1.2"))
    return tmp_path


def _diff(folder: Path, mode: str = "nftables", *more: str) -> int:
    (folder / "config.yaml").write_text(_CONFIG % mode)
    given = ["--from", str(folder / "before"), "-f", str(folder / "after"), "--config"]
    return main(
        ["diff", *given, str(folder / "config.yaml"), "--node", "n", "--node-ip", "192.168.0.2", *more]
    )


@pytest.mark.parametrize("mode", ["nftables", "iptables", "userspace"])
def test_a_new_endpoint_is_told_with_its_rules(
    folder: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "after" / "a.yaml").write_text(_slice("10.244.1.1", "10.244.1.3"))
    assert _diff(folder, mode, "-o", "json") == 1
    (found,) = json.loads(capsys.readouterr().out)
    (service,) = found["services"]
    assert (service["service"], service["change"]) == ("default/a:http", "changed")
    assert service["behaviour"][0] == (
        "from inside: +10.244.1.3:8080 -10.244.1.2:8080; 2 endpoints instead of 2"
    )
    assert any("10.244.1.3" in line for line in found["rules_added"])
    assert any("10.244.1.2" in line for line in found["rules_removed"])
    assert not any("10.244.1.1:8080" in line and "listen" not in line for line in found["rules_added"])


def test_nothing_differs_when_the_same_is_applied(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "after" / "a.yaml").write_text((folder / "before" / "a.yaml").read_text())
    assert _diff(folder) == 0
    assert capsys.readouterr().out == ""


def test_losing_all_endpoints_reads_as_a_reject(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "after" / "a.yaml").write_text(_slice())
    assert _diff(folder) == 1
    text = capsys.readouterr().out
    assert "from inside: rejected" in text
    assert "from outside: rejected" in text


def test_what_the_whole_state_lacks_is_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _diff(folder, "nftables", "--whole") == 1
    text = capsys.readouterr().out
    assert "removed  default/a:http" in text
    assert "node port 30080: no longer answered" in text


def test_affinity_and_traffic_policy_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ", sessionAffinity: ClientIP, externalTrafficPolicy: Local, healthCheckNodePort: 31000"
    (folder / "after" / "a.yaml").write_text(_SERVICE % more)
    assert _diff(folder) == 1
    text = capsys.readouterr().out
    assert "session affinity: 10800 s" in text
    assert "from outside: dropped" in text
    assert "see the client's address" in text
