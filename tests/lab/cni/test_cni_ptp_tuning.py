"""ptp and tuning on real namespaces."""

import json
import os

import pytest

pytestmark = pytest.mark.lab


def test_ptp_in_both_families(host):
    conf = host.conf("ptp")
    first, second = host.container(), host.container()
    one, two = host.add(conf, first), host.add(conf, second)
    assert len(one["interfaces"]) == 2
    assert [ip["interface"] for ip in one["ips"]] == [1, 1]
    for address in ("10.77.0.1", "fd00:77::1", "10.77.0.3", "fd00:77::3"):
        assert host.ping(first, address), address
    host.check(conf, first, one)
    host.check(conf, second, two)
    with host.rtnl(first) as rtnl:
        found = {(r.dst, r.via) for r in rtnl.routes()}
    assert {("10.77.0.0/24", "10.77.0.1"), ("10.77.0.1/32", None), ("0.0.0.0/0", "10.77.0.1")} <= found
    for path in (first, second):
        host.delete(conf, path)
        host.delete(conf, path)
    assert host.left_over() == ([], [], [])
    assert host.records("ptp") == []


def test_ptp_masquerades(host):
    conf, path = host.conf("ptp", ipMasq=True), host.container()
    host.add(conf, path)
    assert "-s 10.77.0.2/32" in host.sh("iptables-save", "-t", "nat")
    host.delete(conf, "", container=os.path.basename(path))
    assert "CNI-" not in host.sh("iptables-save", "-t", "nat")
    assert host.left_over() == ([], [], [])


def test_ptp_dying_at_any_step(host):
    conf, path = host.conf("ptp"), host.container()
    step = 1
    while host.dying("ADD", conf, path, step) != 0:
        host.delete(conf, "", container=os.path.basename(path))
        assert host.left_over() == ([], [], []), f"step {step}"
        assert host.records("ptp") == []
        step += 1
    assert step > 8


def test_ptp_check_names_the_drift(host):
    conf, path = host.conf("ptp"), host.container()
    result = host.add(conf, path)
    host.sh("ip", "route", "del", "10.77.0.2/32")
    with pytest.raises(Exception, match=r"the host's route to 10.77.0.2 is gone"):
        host.check(conf, path, result)


def test_ptp_needs_addresses(host):
    with pytest.raises(Exception, match="ptp needs an IPAM plugin"):
        host.add(host.conf("ptp", subnets=()), host.container())
    assert host.left_over() == ([], [], [])


def test_static_addresses_through_the_bridge(host):
    ipam = {"type": "static", "addresses": [{"address": "10.77.0.9/24"}], "routes": []}
    conf, path = host.conf(subnets=(), ipam=None), host.container()
    conf["ipam"] = ipam
    result = host.add(conf, path)
    assert result["ips"] == [{"interface": 2, "address": "10.77.0.9/24"}]
    host.check(conf, path, result)
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


# --- tuning


@pytest.fixture
def attached(host, tmp_path):
    bridge, path = host.conf(isGateway=True), host.container()
    result = host.add(bridge, path)

    def tuning(**settings):
        conf = {"dataDir": str(tmp_path / "tuning"), **settings}
        return host.conf("tuning", subnets=(), prevResult=result, **conf)

    return path, result, tuning


def link(host, path):
    with host.rtnl(path) as rtnl:
        return rtnl.link("eth0")


@pytest.mark.parametrize(
    ("settings", "field", "wanted"),
    [
        ({"mac": "c2:11:22:33:44:55"}, "mac", "c2:11:22:33:44:55"),
        ({"mtu": 1350}, "mtu", 1350),
        ({"promisc": True}, "promisc", True),
        ({"allmulti": True}, "allmulti", True),
        ({"txQLen": 77}, "txqlen", 77),
    ],
)
def test_tuning_changes_and_puts_back(host, attached, settings, field, wanted):
    path, _, tuning = attached
    conf = tuning(**settings)
    before = getattr(link(host, path), field)
    result = host.add(conf, path)
    assert getattr(link(host, path), field) == wanted
    host.check(conf, path, result)
    if field == "mac":
        assert result["interfaces"][2]["mac"] == wanted
    host.delete(conf, path)
    assert getattr(link(host, path), field) == before
    host.delete(conf, path)


def test_tuning_sets_sysctls_of_the_containers_namespace(host, attached):
    path, result, tuning = attached
    key = "net.ipv4.conf.IFNAME.arp_filter"
    conf = tuning(sysctl={key: "1"})
    assert host.add(conf, path) == result
    assert host.sh("cat", "/proc/sys/net/ipv4/conf/eth0/arp_filter", inside=path) == "1\n"
    host.check(conf, path, result)
    host.sh("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_filter", inside=path)
    with pytest.raises(Exception, match=r"net.ipv4.conf.eth0.arp_filter is 0 instead of 1"):
        host.check(conf, path, result)


def test_tuning_fails_whole(host, attached, tmp_path):
    path, _, tuning = attached
    before = link(host, path)
    with pytest.raises(Exception, match="No such file"):
        host.add(tuning(mtu=1350, sysctl={"net.ipv4.no_such_key": "1"}), path)
    assert link(host, path).mtu == before.mtu
    assert os.listdir(tmp_path / "tuning") == []


def test_tuning_without_namespace(host, attached):
    path, _, tuning = attached
    host.add(tuning(mtu=1350), path)
    host.delete(tuning(mtu=1350), "", container=os.path.basename(path))


def test_tuning_notes_are_the_references(host, attached, tmp_path):
    path, _, tuning = attached
    host.add(tuning(mtu=1350), path)
    (name,) = os.listdir(tmp_path / "tuning")
    assert name == f"{os.path.basename(path)}_eth0.json"
    assert json.loads((tmp_path / "tuning" / name).read_text()) == {"mtu": 1500}


def test_tuning_is_chained(host):
    with pytest.raises(Exception, match="must be called as chained plugin"):
        host.add(host.conf("tuning", subnets=(), mtu=1300), host.container())
