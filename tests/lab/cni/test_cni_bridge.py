"""The bridge plugin with host-local on real namespaces."""

import json
import os

import pytest

from cni.bridge import config, drift
from cni.spec import netconf
from cni.spec.errors import UNAVAILABLE, CniError

pytestmark = pytest.mark.lab


def ips(result):
    return [ip["address"] for ip in result["ips"]]


def ping(host, path, address, *, wait_s=20):
    return host.sh("ping", "-c1", f"-W{wait_s}", address, inside=path, check=False).returncode == 0


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
        assert ping(host, first, address), address
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
    assert ping(host, path, "10.77.0.1")
    text = host.sh("nft", "list", "table", "bridge", "nat")
    assert f"cni-br-iface-{os.path.basename(path)}-eth0-mac" in text
    host.sh("ip", "link", "set", "eth0", "address", "c2:11:22:33:44:55", inside=path)
    host.sh("ip", "neigh", "flush", "all", inside=path)
    assert not ping(host, path, "10.77.0.1", wait_s=2)
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
    assert ping(host, first, "10.77.0.1")
    assert ping(host, first, "10.77.0.3")
    assert not ping(host, first, "10.77.0.4", wait_s=2)
    host.check(ten, first, result)


def test_without_vlan_filtering_the_error_says_so(host):
    with host.rtnl() as rtnl:
        try:
            rtnl.add_bridge("probe0", vlan_filtering=True, default_pvid=0)
        except OSError:
            pass
        else:
            pytest.skip("this kernel has VLAN filtering")
    assert "CONFIG_BRIDGE_VLAN_FILTERING" in refused(host, host.conf(vlan=10), host.container()).msg
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


# --- errors leave nothing


def refused(host, conf, path, **options):
    with pytest.raises(Exception) as caught:
        host.add(conf, path, **options)
    return caught.value


def test_an_existing_interface_is_never_reused(host):
    conf, path = host.conf(isGateway=True), host.container()
    result = host.add(conf, path)
    before = host.left_over()
    assert "already exists" in refused(host, conf, path).msg
    assert host.left_over() == before
    host.check(conf, path, result)


def test_a_namespace_that_is_none(host, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    for path in (str(plain), str(tmp_path / "absent")):
        assert "failed to open netns" in refused(host, host.conf(), path).msg
    assert host.left_over() == ([], [], [])


def test_an_exhausted_pool(host):
    conf = host.conf(subnets=("10.77.0.0/30",), isGateway=True)
    host.add(conf, host.container())
    before = host.left_over()
    assert "no IP addresses available" in refused(host, conf, host.container()).msg
    assert host.left_over() == before


def test_a_bridge_with_another_address(host):
    with host.rtnl() as rtnl:
        rtnl.add_bridge("cni0")
        rtnl.add_address(rtnl.link("cni0").ifindex, "10.1.2.3", 8)
    path = host.container()
    error = refused(host, host.conf(isGateway=True), path)
    assert error.msg == '"cni0" already has an IP address different from 10.77.0.1/24'
    assert host.left_over() == ([], [], [])
    host.add(host.conf(isGateway=True, forceAddress=True), path)
    with host.rtnl() as rtnl:
        found = [a.ip for a in rtnl.addresses(rtnl.link("cni0").ifindex, 2)]
        bridge = rtnl.link("cni0")
    assert found == ["10.77.0.1"]
    assert bridge.mac not in {link.mac for link in host.links().values() if link.kind == "veth"}


def test_a_device_in_the_bridges_place(host):
    with host.rtnl() as rtnl:
        rtnl.add_link("ifb", "cni0")
    assert '"cni0" already exists but is not a bridge' in refused(host, host.conf(), host.container()).msg
    assert host.left_over() == ([], [], [])


# --- DEL knows what the caller no longer does


def test_delete_after_the_namespace_is_gone(host):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    os.system(f"umount {path} && rm {path}")
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_delete_with_the_plain_file_an_unmounted_namespace_leaves(host):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    os.system(f"umount {path}")
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_delete_with_empty_namespace_while_it_lives(host):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    container = os.path.basename(path)
    host.delete(conf, "", container=container)
    assert host.left_over() == ([], [], [])
    with host.rtnl(path) as rtnl:
        assert rtnl.link("eth0") is None
    host.delete(conf, "", container=container)


def test_delete_of_what_never_was(host):
    host.delete(host.conf(), host.container())
    assert host.left_over() == ([], [], [])
    assert "cni0" not in host.links()


def test_delete_without_a_record_finds_the_host_end(host):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    os.system(f"rm -r /run/podnet/cni/attachments/bridge/{host.network}")
    host.delete(conf, "", container=os.path.basename(path))
    assert host.left_over() == ([], [], [])


# --- CHECK names the drift


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


# --- at once, and with deaths on the way


def test_32_at_once(host):
    conf = host.conf(isGateway=True)
    paths = [host.container() for _ in range(32)]
    children = [host.start("ADD", conf, path) for path in paths]
    results = []
    for child in children:
        results.append(json.loads(child.stdout.read()))
        assert child.wait() == 0, results[-1]
        child.stdout.close()
        child.stderr.close()
    assert len({address for result in results for address in ips(result)}) == 64
    assert ping(host, paths[0], ips(results[-1])[0].partition("/")[0])
    children = [host.start("DEL", conf, path) for path in paths]
    for child in children:
        output = child.stdout.read()
        assert child.wait() == 0, output
        child.stdout.close()
        child.stderr.close()
    assert host.left_over() == ([], [], [])


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "failed"])
def test_dying_at_any_step_of_add_leaves_nothing_after_del(host, kill):
    conf, path = host.conf(isGateway=True, hairpinMode=True), host.container()
    step = 1
    while host.dying("ADD", conf, path, step, kill=kill) != 0:
        if kill:
            host.delete(conf, "", container=os.path.basename(path))
        assert host.left_over() == ([], [], []), f"step {step}"
        with host.rtnl(path) as rtnl:
            assert rtnl.link("eth0") is None, f"step {step}"
        step += 1
    assert step > 10
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_add_again_after_dying_at_any_step(host):
    """A runtime that retries without DEL gets its interface; nothing of the first try stays."""
    conf, path = host.conf(isGateway=True), host.container()
    step = 1
    while host.dying("ADD", conf, path, step) != 0:
        result = host.add(conf, path)
        host.check(conf, path, result)
        veths, addresses, records = host.left_over()
        assert (len(veths), len(addresses), len(records)) == (1, 2, 1), f"step {step}"
        host.delete(conf, path)
        step += 1
    assert step > 10


def test_dying_at_any_step_of_del_leaves_nothing_after_the_next(host):
    conf, path = host.conf(isGateway=True), host.container()
    step = 1
    while True:
        host.add(conf, path)
        status = host.dying("DEL", conf, path, step)
        host.delete(conf, "", container=os.path.basename(path))
        assert host.left_over() == ([], [], []), f"step {step}"
        if status == 0:
            break
        step += 1
    assert step > 4


# --- GC and STATUS


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


# --- beside the reference plugin


def test_status_of_a_full_bridge(host, monkeypatch):
    host.add(host.conf(), host.container())
    conf = netconf.parse(host.conf(version="1.1.0"))
    with host.rtnl() as rtnl:
        drift.check_ready(config.parse(conf, ""), rtnl)
        monkeypatch.setattr(drift, "MAX_PORTS", 1)
        with pytest.raises(CniError, match="bridge cni0 is full") as caught:
            drift.check_ready(config.parse(conf, ""), rtnl)
    assert caught.value.code == UNAVAILABLE


def test_settings_that_may_not_be_written_are_no_reason_to_fail(host):
    """A container runtime within a container: /proc/sys is read-only, and right already (plugins#102)."""
    conf, path = host.conf(isGateway=True), host.container()
    host.sh("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", script, "sh", f"{host.bin_dir}/bridge"]
    result = host.add(conf, path, argv=argv)
    assert ips(result) == ["10.77.0.2/24", "fd00:77::2/64"]
    assert ping(host, path, "10.77.0.1")
    assert ping(host, path, "fd00:77::1")


def test_the_reference_plugins_attachments_can_be_deleted(host, peer):
    conf, path = peer.conf(isGateway=True), peer.container()
    peer.add(conf, path)
    host.fd, host.network, host.data_dir = os.dup(peer.fd), peer.network, peer.data_dir
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_the_reference_plugin_can_delete_ours(host, peer):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    peer.fd, peer.network, peer.data_dir = os.dup(host.fd), host.network, host.data_dir
    peer.delete(conf, path)
    assert host.addresses_in_use() == []
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_a_foreign_ipam_plugin_is_executed(host, peer, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, source in (("bridge", host.bin_dir), ("host-local", peer.bin_dir)):
        (folder / name).symlink_to(f"{source}/{name}")
    host.bin_dir = str(folder)
    conf, path = host.conf(isGateway=True), host.container()
    result = host.add(conf, path)
    host.check(conf, path, result)
    host.delete(conf, path)
    assert host.left_over() == ([], [], [])


def test_our_ipam_serves_a_foreign_main_plugin(host, peer, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, source in (("bridge", peer.bin_dir), ("host-local", host.bin_dir)):
        (folder / name).symlink_to(f"{source}/{name}")
    host.bin_dir = str(folder)
    conf, path = host.conf(isGateway=True), host.container()
    result = host.add(conf, path)
    host.check(conf, path, result)
    host.delete(conf, path)
    assert host.addresses_in_use() == []
