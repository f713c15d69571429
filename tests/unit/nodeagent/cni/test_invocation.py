import base64
import json

import pytest

from nodeagent.cni.conflist import NetworkList
from nodeagent.cni.invocation import (
    PluginError,
    addresses,
    cache_entry,
    environment,
    parse_result,
    plugin_error,
    pod_attachment,
    previous_for_teardown,
    stdin,
)

NETWORK = NetworkList("net", "1.0.0", ({"type": "bridge"},))
PORTS = ({"hostPort": 80, "containerPort": 8080, "protocol": "tcp"},)
ATTACHMENT = pod_attachment("id1", "/run/ns", namespace="default", name="web", uid="u1", port_mappings=PORTS)


def test_plugins_get_kubernetes_arguments():
    values = environment("ADD", ATTACHMENT, "/bin1:/bin2", "/usr/bin")
    assert (values["CNI_COMMAND"], values["CNI_IFNAME"], values["CNI_PATH"]) == ("ADD", "eth0", "/bin1:/bin2")
    assert values["CNI_ARGS"] == (
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=id1;K8S_POD_UID=u1"
    )


def test_configuration_gets_name_version_and_what_its_capabilities_ask_for():
    plain = json.loads(stdin(NETWORK, {"type": "bridge"}, ATTACHMENT, None))
    assert plain == {"type": "bridge", "name": "net", "cniVersion": "1.0.0"}
    plugin = {"type": "portmap", "capabilities": {"portMappings": True, "mac": True}}
    chained = json.loads(stdin(NETWORK, plugin, ATTACHMENT, {"ips": []}))
    assert chained["runtimeConfig"] == {"portMappings": list(PORTS)}
    assert chained["prevResult"] == {"ips": []}


def test_old_configurations_get_no_previous_result_on_teardown():
    assert previous_for_teardown(NETWORK._replace(cni_version="0.3.1"), {"a": 1}) is None
    assert previous_for_teardown(NETWORK, {"a": 1}) == {"a": 1}


def test_results_without_a_version_get_the_networks():
    assert parse_result(NETWORK, "bridge", "null") == {"cniVersion": "1.0.0"}
    assert parse_result(NETWORK, "bridge", '{"ips":[]}')["cniVersion"] == "1.0.0"
    with pytest.raises(PluginError, match="unreadable result"):
        parse_result(NETWORK, "bridge", "oops")


@pytest.mark.parametrize(
    ("output", "stderr", "code", "message"),
    [
        ('{"code": 11, "msg": "busy", "details": "later"}', "", 11, "busy; later"),
        ("", "boom", 999, "netplugin failed: 'boom'"),
        ("", "", 999, "no error message"),
        ("text", "", 999, "error parsing its diagnostic"),
    ],
)
def test_errors_keep_the_plugins_words(output, stderr, code, message):
    error = plugin_error("bridge", output, stderr)
    assert error.code == code
    assert message in str(error)


def test_only_addresses_of_the_sandbox_count():
    result = {
        "interfaces": [
            {"name": "cni0"},
            {"name": "eth0", "sandbox": "/run/ns"},
            {"name": "x", "sandbox": "/other"},
        ],
        "ips": [
            {"address": "10.0.0.2/24", "interface": 1},
            {"address": "fd00::2/64"},
            {"address": "10.9.9.9/24", "interface": 2},
        ],
    }
    assert addresses(result, "/run/ns") == ("10.0.0.2", "fd00::2")
    assert addresses({"ip4": {"ip": "10.0.0.3/24"}, "ip6": {"ip": "fd00::3/64"}}, "") == (
        "10.0.0.3",
        "fd00::3",
    )


def test_the_cache_is_libcnis():
    entry = json.loads(cache_entry(NETWORK, ATTACHMENT, {"ips": []}))
    assert (entry["kind"], entry["containerId"], entry["networkName"]) == ("cniCacheV1", "id1", "net")
    assert json.loads(base64.b64decode(entry["config"]))["plugins"] == [{"type": "bridge"}]
    assert entry["result"] == {"ips": []}
