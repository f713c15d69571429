"""The command line: errors in one line, explain without anything running."""

import json
from pathlib import Path

import pytest
import yaml

from kproxy.cli import main
from kproxy.configuration import config_disk

_OBJECTS = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a}
  spec:
    type: NodePort
    clusterIP: 10.96.0.5
    clusterIPs: [10.96.0.5]
    ipFamilies: [IPv4]
    ports: [{port: 80, name: http, nodePort: 30080}]
    externalTrafficPolicy: Local
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
  addressType: IPv4
  ports: [{name: http, port: 8080}]
  endpoints:
  - {addresses: ["10.244.1.1"]}
  - {addresses: ["10.244.1.2"], nodeName: n1}
  - {addresses: ["10.244.1.3"], conditions: {ready: false}}
"""
_CONFIG = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: 10.244.0.0/16
"""


@pytest.fixture
def explain(tmp_path: Path) -> list[str]:
    (tmp_path / "objects.yaml").write_text(_OBJECTS)
    (tmp_path / "config.yaml").write_text(_CONFIG)
    return [
        "explain",
        *("-f", str(tmp_path / "objects.yaml"), "--config", str(tmp_path / "config.yaml")),
        *("--node", "n1", "--node-ip", "192.168.0.2"),
    ]


def test_explain_as_json(explain: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*explain, "203.0.113.9", "192.168.0.2:30080", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    because = found.pop("because")
    assert found == {
        "verdict": "forward",
        "service": "default/a:http",
        "targets": ["10.244.1.2:8080"],
        "masquerade": False,
    }
    assert "not 10.244.1.3:8080: it is not ready" in because
    assert not any("DISAGREEMENT" in line for line in because)


def test_explain_as_text(explain: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*explain, "10.244.1.2", "10.96.0.5:80"]) == 0
    text = capsys.readouterr().out
    assert "10.244.1.2:8080 reaches itself: masqueraded" in text
    assert "masquerade  yes" in text


def test_explain_a_packet_of_the_node_itself(explain: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*explain, "192.168.0.2", "10.96.0.5:443", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "reject"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--proxy-mode", "magic"], "mode: 'magic' is unknown"),
        (["--config", "/nowhere/config"], "/nowhere/config"),
        (["explain", "1.2.3.4", "10.0.0.1:1", "-f", "/nowhere"], "/nowhere"),
    ],
)
def test_errors_are_one_line_and_status_1(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("kproxy: ")
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-such-flag"], "--no-such-flag"),
        (["explain", "1.2.3.4", "10.0.0.1", "-f", "/dev/null"], "DST:PORT"),
        (["explain", "1.2.3.4", "10.0.0.1:99999", "-f", "/dev/null"], "DST:PORT"),
        (["explain", "1.2.3", "10.0.0.1:1", "-f", "/dev/null"], "SRC"),
        (["explain", "1.2.3.4", "[fd00::1]:1", "-f", "/dev/null"], "families"),
        (["explain", "1.2.3.4", "10.0.0.1:1", "-f", "/dev/null", "--node-ip", "x"], "--node-ip"),
        (["explain", "1.2.3.4", "10.0.0.1:1", "-f", "/dev/null", "--proto", "icmp"], "--proto"),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "spelled",
    [
        ["10.244.1.9", "10.96.0.5:80", "--proto", "TCP"],
        ["[10.244.1.9]", "10.96.0.5:80", "--node-ip", "192.168.0.2,2001:db8::1"],
        ["10.244.1.9", "10.96.0.05:80", "--proto=tcp", "--output=json"],
    ],
)
def test_a_packet_may_be_spelled_in_more_ways(
    explain: list[str], spelled: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*explain, *spelled, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "forward"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kproxy ")


def test_the_configuration_in_force_is_written_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    flags = ["--proxy-mode", "nftables", "--cluster-cidr", "10.244.0.0/16", "--nodeport-addresses", "primary"]
    assert main([*flags, "--write-config-to", str(path)]) == 0
    config = config_disk.load(str(path))
    assert (config.mode, config.cluster_cidr, config.node_port_addresses) == (
        "nftables",
        "10.244.0.0/16",
        ("primary",),
    )
    again = tmp_path / "again.yaml"
    assert main(["--config", str(path), "--write-config-to", str(again)]) == 0
    assert config_disk.load(str(again)) == config


@pytest.mark.parametrize(
    ("kind", "label", "verdict"),
    [
        ("Service", "service.kubernetes.io/service-proxy-name", "pass"),
        ("EndpointSlice", "service.kubernetes.io/headless", "reject"),
    ],
)
def test_what_a_proxy_does_not_watch_is_not_there(
    kind: str,
    label: str,
    verdict: str,
    explain: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    documents = yaml.safe_load(_OBJECTS)["items"]
    for item in documents:
        if item["kind"] == kind:
            item["metadata"].setdefault("labels", {})[label] = ""
    (tmp_path / "objects.yaml").write_text(yaml.safe_dump_all(documents))
    assert main([*explain, "10.244.1.9", "192.168.0.2:30080", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == verdict
