import json

import pytest

from nodeagent.cni.conflist import (
    InvalidConfiguration,
    choose_version,
    parse_conf,
    parse_conflist,
    podnet_conflist,
)

BRIDGE = {"type": "bridge"}


def listed(**changes):
    return json.dumps({"name": "net", "cniVersion": "1.0.0", "plugins": [BRIDGE], **changes}).encode()


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ({"cniVersion": "0.4.0"}, "0.4.0"),
        ({"cniVersion": "1.0.0", "cniVersions": ["0.4.0", "1.1.0"]}, "1.1.0"),
        ({"cniVersion": "0.4.0", "cniVersions": ["9.9.9"]}, "0.4.0"),
        ({}, "0.1.0"),
        ({"cniVersion": "9.9.9"}, "9.9.9"),
    ],
)
def test_the_newest_version_both_know_is_chosen(body, version):
    assert choose_version(body) == version


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "no name"),
        ({"name": "a/b"}, "invalid network name"),
        ({"plugins": []}, "no plugins in list"),
        ({"plugins": {}}, "invalid 'plugins' type"),
        ({"plugins": [{}]}, "missing 'type'"),
        ({"disableCheck": "maybe"}, "invalid disableCheck"),
        ({"plugins": None}, "no plugin configs found"),
        ({"plugins": None, "loadOnlyInlinedPlugins": True}, "no 'plugins' key"),
    ],
)
def test_what_libcni_refuses_is_refused(changes, message):
    with pytest.raises(InvalidConfiguration, match=message):
        parse_conflist(listed(**changes))


def test_plugins_of_the_networks_folder_follow_unless_inlined_only():
    extra = [{"type": "portmap"}]
    assert [p["type"] for p in parse_conflist(listed(), extra).plugins] == ["bridge", "portmap"]
    assert len(parse_conflist(listed(loadOnlyInlinedPlugins="true"), extra).plugins) == 1
    assert parse_conflist(listed(disableCheck="true")).disable_check


def test_a_single_configuration_becomes_a_list_of_one():
    network = parse_conf(json.dumps({"name": "n", "cniVersion": "0.3.1", "type": "ptp"}).encode())
    assert (network.cni_version, network.plugins[0]["type"]) == ("0.3.1", "ptp")


def test_our_own_list_serves_old_and_new_runtimes():
    data = podnet_conflist(
        ("10.244.1.0/24", "fd00:10:244:1::/64"), data_dir="/var/lib/cni/networks", portmap=True
    )
    network = parse_conflist(data)
    assert json.loads(data)["cniVersion"] == "1.0.0"
    assert network.cni_version == "1.1.0"
    ipam = network.plugins[0]["ipam"]
    assert ipam["ranges"] == [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]]
    assert ipam["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    assert network.plugins[1]["capabilities"] == {"portMappings": True}
