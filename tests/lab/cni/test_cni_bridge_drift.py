"""CHECK, GC and STATUS of the bridge plugin: what has become different from what was made."""

import os

import pytest

from cni.bridge import config, drift
from cni.spec import netconf
from cni.spec.errors import UNAVAILABLE, CniError

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    ("command", "inside", "message"),
    [
        (("ip", "route", "del", "default"), True, "route 0.0.0.0/0 via 10.77.0.1 of eth0 is gone"),
        (
            ("ip", "addr", "del", "10.77.0.2/24", "dev", "eth0"),
            True,
            "eth0 has lost its address 10.77.0.2/24",
        ),
        (
            ("ip", "link", "set", "eth0", "address", "c2:11:22:33:44:55"),
            True,
            "eth0 has MAC c2:11:22:33:44:55 instead of",
        ),
        (("ip", "link", "set", "eth0", "down"), True, "container interface eth0 is down"),
        (("ip", "link", "del", "eth0"), True, "container interface eth0 is gone"),
        (("ip", "link", "del", "cni0"), False, "bridge cni0 is gone"),
        (
            ("ip", "link", "set", "cni0", "address", "c2:11:22:33:44:55"),
            False,
            "bridge cni0 has MAC c2:11:22:33:44:55",
        ),
        (
            ("ip", "addr", "del", "10.77.0.1/24", "dev", "cni0"),
            False,
            "bridge cni0 has lost its gateway address 10.77.0.1/24",
        ),
        (("ip", "link", "set", "VETH", "nomaster"), False, "is not a port of bridge cni0"),
        (("ip", "link", "set", "VETH", "address", "c2:11:22:33:44:55"), False, "has MAC c2:11:22:33:44:55"),
        (("bridge", "link", "set", "dev", "VETH", "hairpin", "off"), False, "is not in hairpin mode"),
    ],
)
def test_check_names_the_drift(host, command, inside, message):
    conf, path = host.conf(isGateway=True, hairpinMode=True), host.container()
    result = host.add(conf, path)
    veth = result["interfaces"][1]["name"]
    host.sh(*(veth if word == "VETH" else word for word in command), inside=path if inside else None)
    with pytest.raises(Exception) as caught:
        host.check(conf, path, result)
    assert message in f"{caught.value.msg}; {caught.value.details}"


def test_check_notices_a_lost_reservation(host):
    conf, path = host.conf(), host.container()
    result = host.add(conf, path)
    os.system(f"rm {host.data_dir}/{host.network}/10.77.0.2 {host.data_dir}/{host.network}/fd00:77::2")
    with pytest.raises(Exception, match="Failed to find address"):
        host.check(conf, path, result)


def valid(*paths):
    listed = [{"containerID": os.path.basename(path), "ifname": "eth0"} for path in paths]
    return {"cni.dev/valid-attachments": listed}


def test_gc_removes_what_is_not_listed(host):
    conf = host.conf(version="1.1.0", isGateway=True)
    paths = [host.container() for _ in range(3)]
    results = [host.add(conf, path) for path in paths]
    host.call("GC", {**conf, **valid(paths[1])}, "")
    host.check(conf, paths[1], results[1])
    veths, addresses, records = host.left_over()
    assert (len(veths), addresses, len(records)) == (1, ["10.77.0.3", "fd00:77::3"], 1)
    host.call("GC", {**conf, **valid()}, "")
    assert host.left_over() == ([], [], [])


def test_gc_without_a_list_removes_only_the_dead(host):
    conf = host.conf(version="1.1.0", isGateway=True)
    dead, living = host.container(), host.container()
    host.add(conf, dead)
    result = host.add(conf, living)
    os.system(f"umount {dead} && rm {dead}")
    host.call("GC", conf, "")
    host.check(conf, living, result)
    assert host.addresses_in_use() == ["10.77.0.3", "fd00:77::3"]


def test_status(host):
    conf = host.conf(version="1.1.0", isGateway=True, subnets=("10.77.0.0/30",))
    host.call("STATUS", conf, "")
    host.add(conf, host.container())
    with pytest.raises(Exception, match="no IP addresses available") as caught:
        host.call("STATUS", conf, "")
    assert caught.value.code == 50
    host.sh("ip", "link", "set", "cni0", "down")
    with pytest.raises(Exception, match="bridge cni0 is down") as caught:
        host.call("STATUS", conf, "")
    assert caught.value.code == 51


def test_status_of_a_full_bridge(host, monkeypatch):
    host.add(host.conf(), host.container())
    conf = netconf.parse(host.conf(version="1.1.0"))
    with host.rtnl() as rtnl:
        drift.check_ready(config.parse(conf, ""), rtnl)
        monkeypatch.setattr(drift, "MAX_PORTS", 1)
        with pytest.raises(CniError, match="bridge cni0 is full") as caught:
            drift.check_ready(config.parse(conf, ""), rtnl)
    assert caught.value.code == UNAVAILABLE
