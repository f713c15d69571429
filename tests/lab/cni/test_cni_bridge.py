"""The bridge plugin with host-local on real namespaces."""

import os

import pytest

pytestmark = pytest.mark.lab


def ips(result):
    return [ip["address"] for ip in result["ips"]]


def test_add_check_and_delete_in_both_families(host):
    conf = host.conf(isGateway=True)
    first, second = host.container(), host.container()
    one, two = host.add(conf, first), host.add(conf, second)
    assert [i["name"] for i in one["interfaces"]][::2] == ["cni0", "eth0"]
    assert one["interfaces"][1]["name"].startswith("veth")
    assert one["interfaces"][2]["sandbox"] == first
    assert ips(one) == ["10.77.0.2/24", "fd00:77::2/64"]
    assert [ip["interface"] for ip in one["ips"]] == [2, 2]
    for address in ("10.77.0.1", "fd00:77::1", "10.77.0.3", "fd00:77::3"):
        assert host.ping(first, address), address
    host.check(conf, first, one)
    host.check(conf, second, two)
    for path in (first, second):
        host.delete(conf, path)
        host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_the_bridge_keeps_its_mac_and_gateway(host):
    conf = host.conf(isGateway=True)
    results = [host.add(conf, host.container()) for _ in range(3)]
    macs = {result["interfaces"][0]["mac"] for result in results}
    assert macs == {"0a:58:0a:4d:00:01"}
    bridge = host.links()["cni0"]
    assert bridge.mac == "0a:58:0a:4d:00:01"
    with host.rtnl() as rtnl:
        assert {a.ip for a in rtnl.addresses(bridge.ifindex) if not a.ip.startswith("fe80")} == {
            "10.77.0.1",
            "fd00:77::1",
        }
    assert host.sh("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert host.sh("cat", "/proc/sys/net/ipv6/conf/all/forwarding") == "1\n"


def test_the_containers_mac_belongs_to_its_address(host):
    path = host.container()
    result = host.add(host.conf(isGateway=True), path)
    assert result["interfaces"][2]["mac"] == "0a:58:0a:4d:00:02"


@pytest.mark.parametrize(
    ("args", "more", "wanted"),
    [
        ("MAC=c2:11:22:33:44:55", {}, "c2:11:22:33:44:55"),
        ("MAC=c2:11:22:33:44:55", {"args": {"cni": {"mac": "c2:11:22:33:44:66"}}}, "c2:11:22:33:44:66"),
        (
            "MAC=c2:11:22:33:44:55",
            {"args": {"cni": {"mac": "c2:11:22:33:44:66"}}, "runtimeConfig": {"mac": "C2:11:22:33:44:77"}},
            "c2:11:22:33:44:77",
        ),
    ],
)
def test_a_requested_mac(host, args, more, wanted):
    path = host.container()
    result = host.add(host.conf(**more), path, args=args)
    assert result["interfaces"][2]["mac"] == wanted


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_every_version(host, version):
    conf, path = host.conf(version=version, isGateway=True), host.container()
    result = host.add(conf, path)
    assert result["cniVersion"] == version
    if version >= "0.4.0":
        host.check(conf, path, result)
    host.delete(conf, path)
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_port_settings_and_mtu(host):
    path = host.container()
    result = host.add(host.conf(hairpinMode=True, portIsolation=True, mtu=1380), path)
    port = host.links()[result["interfaces"][1]["name"]]
    assert (port.hairpin, port.isolated, port.mtu) == (True, True, 1380)
    with host.rtnl(path) as rtnl:
        assert rtnl.link("eth0").mtu == 1380


def test_automatic_mtu_is_the_uplinks(host):
    with host.rtnl() as rtnl:
        rtnl.add_link("ifb", "uplink0", mtu=1400)
        rtnl.set_link(rtnl.link("uplink0").ifindex, up=True)
        rtnl.add_address(rtnl.link("uplink0").ifindex, "192.0.2.2", 24)
        rtnl.add_route("0.0.0.0/0", via="192.0.2.1")
    path = host.container()
    result = host.add(host.conf(mtu="auto"), path)
    assert host.links()[result["interfaces"][1]["name"]].mtu == 1400


def test_promiscuous_bridge(host):
    conf, path = host.conf(promiscMode=True), host.container()
    result = host.add(conf, path)
    assert host.links()["cni0"].promisc
    host.check(conf, path, result)


def test_default_gateway_is_not_added_twice(host):
    path = host.container()
    result = host.add(host.conf(isDefaultGateway=True), path)
    assert sorted(route["dst"] for route in result["routes"]) == ["0.0.0.0/0", "::/0"]
    with host.rtnl(path) as rtnl:
        defaults = [route for route in rtnl.routes() if route.dst in ("0.0.0.0/0", "::/0")]
    assert sorted(route.via for route in defaults) == ["10.77.0.1", "fd00:77::1"]


def test_routes_carry_mtu_advmss_priority_and_table(host):
    routes = [
        {"dst": "0.0.0.0/0"},
        {"dst": "10.99.0.0/16", "mtu": 1300, "advmss": 1200, "priority": 50},
        {"dst": "10.98.0.0/16", "table": 1000},
    ]
    conf, path = host.conf(version="1.1.0", isGateway=True, ipam={"routes": routes}), host.container()
    result = host.add(conf, path)
    with host.rtnl(path) as rtnl:
        (route,) = [r for r in rtnl.routes() if r.dst == "10.99.0.0/16"]
        assert (route.mtu, route.advmss, route.priority, route.via) == (1300, 1200, 50, "10.77.0.1")
        assert [r.dst for r in rtnl.routes(table=1000)] == ["10.98.0.0/16"]
    host.check(conf, path, result)


def test_without_dad_the_ipv6_address_is_usable_at_once(host):
    path = host.container()
    host.add(host.conf(isGateway=True), path)
    with host.rtnl(path) as rtnl:
        assert not any(a.tentative for a in rtnl.addresses(rtnl.link("eth0").ifindex))


def test_with_dad_add_waits_for_it(host):
    path = host.container()
    host.add(host.conf(isGateway=True, enabledad=True, subnets=("fd00:77::/64",)), path)
    with host.rtnl(path) as rtnl:
        addresses = rtnl.addresses(rtnl.link("eth0").ifindex)
    assert not any(a.tentative for a in addresses)
    assert host.sh("cat", "/proc/sys/net/ipv6/conf/eth0/accept_dad", inside=path) == "1\n"


def test_a_container_may_send_with_its_own_mac_only(host):
    conf, path = host.conf(isGateway=True, macspoofchk=True), host.container()
    result = host.add(conf, path)
    host.check(conf, path, result)
    assert host.ping(path, "10.77.0.1")
    text = host.sh("nft", "list", "table", "bridge", "nat")
    assert f"cni-br-iface-{os.path.basename(path)}-eth0-mac" in text
    host.sh("ip", "link", "set", "eth0", "address", "c2:11:22:33:44:55", inside=path)
    host.sh("ip", "neigh", "flush", "all", inside=path)
    assert not host.ping(path, "10.77.0.1", wait_s=2)
    host.delete(conf, "", container=os.path.basename(path))
    assert "cni-br-iface" not in host.sh("nft", "list", "ruleset")


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "failed"])
def test_the_mac_check_goes_with_a_dead_add(host, kill):
    conf, path = host.conf(macspoofchk=True), host.container()
    step = 1
    while host.dying("ADD", conf, path, step, kill=kill) != 0:
        if kill:
            host.delete(conf, "", container=os.path.basename(path))
        assert "cni-br-iface" not in host.sh("nft", "list", "ruleset"), f"step {step}"
        assert host.left_over() == ([], [], [])
        step += 1


@pytest.fixture
def vlans(host, missing):
    """Skips where the kernel has no VLAN filtering; the guest of `make guest` has."""
    with host.rtnl() as rtnl:
        try:
            rtnl.add_bridge("probe0", vlan_filtering=True, default_pvid=0)
            rtnl.add_bridge_vlan(rtnl.link("probe0").ifindex, 7, self_=True)
        except OSError:
            missing("VLAN filtering of bridges (CONFIG_BRIDGE_VLAN_FILTERING)")
        rtnl.delete_link_named("probe0")


def test_vlans_keep_containers_apart(host, vlans):
    ten, twenty = (host.conf(vlan=vlan, isGateway=vlan == 10) for vlan in (10, 20))
    first, second, third = (host.container() for _ in range(3))
    result = host.add(ten, first)
    host.add(ten, second)
    host.add(twenty, third)
    assert [i["name"] for i in result["interfaces"]][3] == "cni0.10"
    assert host.ping(first, "10.77.0.1")
    assert host.ping(first, "10.77.0.3")
    assert not host.ping(first, "10.77.0.4", wait_s=2)
    host.check(ten, first, result)


def test_without_vlan_filtering_the_error_says_so(host):
    with host.rtnl() as rtnl:
        try:
            rtnl.add_bridge("probe0", vlan_filtering=True, default_pvid=0)
        except OSError:
            pass
        else:
            pytest.skip("this kernel has VLAN filtering")
    assert "CONFIG_BRIDGE_VLAN_FILTERING" in host.refused(host.conf(vlan=10), host.container()).msg
    assert host.left_over() == ([], [], [])


def test_layer_two_only(host):
    conf, path = host.conf(subnets=()), host.container()
    result = host.add(conf, path)
    assert "ips" not in result
    assert len(result["interfaces"]) == 3
    host.check(conf, path, result)
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_the_interface_can_be_left_down(host):
    path = host.container()
    host.add(host.conf(subnets=(), disableContainerInterface=True), path)
    with host.rtnl(path) as rtnl:
        assert not rtnl.link("eth0").up


def test_two_interfaces_of_one_container(host):
    conf, path = host.conf(ipam={"routes": []}), host.container()
    first, second = host.add(conf, path), host.add(conf, path, ifname="eth1")
    assert ips(first) != ips(second)
    host.delete(conf, path)
    host.check(conf, path, second, ifname="eth1")
    host.delete(conf, path, ifname="eth1")
    assert host.left_over() == ([], [], [])


def test_settings_that_may_not_be_written_are_no_reason_to_fail(host):
    """A container runtime within a container: /proc/sys is read-only, and right already (plugins#102)."""
    conf, path = host.conf(isGateway=True), host.container()
    host.sh("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", script, "sh", f"{host.bin_dir}/bridge"]
    result = host.add(conf, path, argv=argv)
    assert ips(result) == ["10.77.0.2/24", "fd00:77::2/64"]
    assert host.ping(path, "10.77.0.1")
    assert host.ping(path, "fd00:77::1")
