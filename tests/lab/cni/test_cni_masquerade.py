"""ipMasq in both backends."""

import os

import pytest

pytestmark = pytest.mark.lab

BACKENDS = ("iptables", "nftables")


def nat_rules(host, family="ip"):
    return host.sh("iptables-save" if family == "ip" else "ip6tables-save", "-t", "nat")


def ruleset(host):
    return host.sh("nft", "list", "ruleset")


def reaches(host, path, address, *, wait_s=20):
    return host.sh("ping", "-c1", f"-W{wait_s}", address, inside=path, check=False).returncode == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_traffic_leaves_with_the_hosts_address(host, world, backend):
    plain, masked = host.container(), host.container()
    host.add(host.conf(isGateway=True), plain)
    conf = host.conf(isGateway=True, ipMasq=True, ipMasqBackend=backend)
    host.add(conf, masked)
    for address in ("192.0.2.9", "2001:db8::9"):
        assert reaches(host, masked, address), address
        assert not reaches(host, plain, address, wait_s=2), address
    host.delete(conf, masked)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("empty", [False, True], ids=["with namespace", "without"])
def test_del_removes_the_rules_even_without_namespace(host, backend, empty):
    conf = host.conf(isGateway=True, ipMasq=True, ipMasqBackend=backend)
    first, second = host.container(), host.container()
    host.add(conf, first)
    one = nat_rules(host), nat_rules(host, "ip6"), ruleset(host)
    host.add(conf, second)
    host.delete(conf, "" if empty else second, container=os.path.basename(second))
    after = nat_rules(host), nat_rules(host, "ip6"), ruleset(host)
    assert [strip(text) for text in after] == [strip(text) for text in one]
    host.delete(conf, first)
    assert "10.77.0.2" not in nat_rules(host) + ruleset(host)
    assert "CNI-" not in nat_rules(host) + nat_rules(host, "ip6")


def strip(text):
    return [line for line in text.splitlines() if not line.startswith(("#", ":"))]


def test_the_nftables_form_is_the_references_and_nft_can_print_it(host):
    conf, path = host.conf(ipMasq=True, ipMasqBackend="nftables", subnets=("10.77.0.0/24",)), host.container()
    host.add(conf, path)
    text = host.sh("nft", "list", "table", "inet", "cni_plugins_masquerade")
    (rule,) = [line for line in text.splitlines() if "comment" in line]
    assert "ip saddr 10.77.0.2 ip daddr != 10.77.0.0/24 masquerade comment" in rule
    assert f"net: {host.network}, if: eth0, id: " in rule
    assert "ip daddr 224.0.0.0/4 return" in text
    assert "goto masq_checks" in text
    host.delete(conf, path)
    assert "comment" not in host.sh("nft", "list", "table", "inet", "cni_plugins_masquerade")


def test_iptables_is_the_default(host):
    conf, path = host.conf(ipMasq=True), host.container()
    host.add(conf, path)
    rules = nat_rules(host)
    assert "-A POSTROUTING -s 10.77.0.2/32 -m comment --comment" in rules
    assert "cni_plugins_masquerade" not in ruleset(host)


def test_two_interfaces_on_one_network_do_not_take_each_others_rules(host):
    conf, path = host.conf(ipMasq=True, subnets=("10.77.0.0/24",)), host.container()
    conf["ipam"]["routes"] = []
    host.add(conf, path)
    host.add(conf, path, ifname="eth1")
    host.delete(conf, path)
    rules = nat_rules(host)
    assert "-s 10.77.0.3/32" in rules
    assert "-s 10.77.0.2/32" not in rules
    assert "MASQUERADE" in rules
    host.delete(conf, path, ifname="eth1")
    assert "CNI-" not in nat_rules(host)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dying_at_any_step_leaves_no_rule_after_del(host, backend):
    conf, path = host.conf(isGateway=True, ipMasq=True, ipMasqBackend=backend), host.container()
    step = 1
    while host.dying("ADD", conf, path, step) != 0:
        host.delete(conf, "", container=os.path.basename(path))
        assert host.left_over() == ([], [], []), f"step {step}"
        assert "10.77.0.2" not in nat_rules(host) + ruleset(host), f"step {step}"
        step += 1


def test_gc_removes_rules(host):
    conf = host.conf(version="1.1.0", ipMasq=True, ipMasqBackend="nftables")
    host.add(conf, host.container())
    host.call("GC", {**conf, "cni.dev/valid-attachments": []}, "")
    assert "10.77.0.2" not in ruleset(host)


def test_an_unknown_backend(host):
    with pytest.raises(Exception, match="unknown ipmasq backend"):
        host.add(host.conf(ipMasq=True, ipMasqBackend="pf"), host.container())
