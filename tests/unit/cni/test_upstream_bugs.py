"""Bugs of other CNI plugins and what surrounds them, each with the test that shows ours right.

Numbers: plugins and cni are github.com/containernetworking's, k8s kubernetes/kubernetes; others are repositories.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]

# What goes wrong: the reports, then file and test.
BUGS = {
    "addresses leak over a reboot": (
        "plugins#252 cni#204 cri#948 k3s#4682 k3s#5885 k8s#57280 k8s#39557",
        "unit/cni/host_local/test_database.py::test_addresses_of_an_earlier_boot_are_free",
        "unit/cni/host_local/test_database.py::test_a_new_boot_frees_what_the_reference_plugin_gave_out_in_an_earlier_one",
        "unit/cni/host_local/test_power_loss.py::test_after_a_power_loss_everything_is_free",
    ),
    "a DEL that never comes": (
        "containerd#5438 containerd#5768",
        "lab/cni/test_cni_daemon.py::test_an_attachment_whose_namespace_is_gone_is_forgotten",
    ),
    "empty address files after a full disk": (
        "plugins#498",
        "unit/cni/host_local/test_database.py::test_an_empty_file_is_no_reservation",
        "unit/cni/host_local/test_database.py::test_a_full_disk_takes_nothing",
    ),
    "a lock that is held for ever": (
        "plugins#561 containerd#4666",
        "unit/cni/host_local/test_database.py::test_a_lock_that_somebody_holds_is_a_reason_to_try_again",
    ),
    "masquerade rules stay when the namespace is gone": (
        "plugins#810 plugins#1078 nerdctl#1872 nerdctl#3253",
        "lab/cni/test_cni_masquerade.py::test_del_removes_the_rules_even_without_namespace",
    ),
    "the veth pair stays when IPAM fails": (
        "plugins#29",
        "lab/cni/test_cni_bridge_failures.py::test_an_exhausted_pool",
    ),
    "portmap runs iptables six times a port": (
        "plugins#510 plugins#464 cni#605 aws#2948",
        "lab/cni/test_cni_portmap.py::test_twenty_ports",
    ),
    "portmap's rules are linear": (
        "plugins#1139 moby#53466",
        "lab/cni/test_cni_portmap.py::test_a_packets_way_does_not_grow_with_the_ports",
    ),
    "UDP goes to the container that had the port": (
        "plugins#1190 plugins#1277 moby#53384",
        "lab/cni/test_cni_portmap.py::test_udp_follows_the_port_to_its_next_owner",
    ),
    "two containers share a host port unnoticed": (
        "nerdctl#4800",
        "lab/cni/test_cni_portmap.py::test_a_port_that_another_container_holds",
    ),
    "a firewall's reload takes the rules": (
        "podman#3842 podman#5431 firewalld#779 plugins#512 netavark#230 netavark#1258",
        "lab/cni/test_cni_daemon.py::test_rules_come_back_after_a_flush",
    ),
    "the bridge has another address": (
        "podman#12306 cni#306",
        "lab/cni/test_cni_bridge_failures.py::test_a_bridge_with_another_address",
    ),
    "MACs change after the fact": (
        "cni#285 systemd#21185 flatcar#33 plugins#808 cni#1057 ocicni#74",
        "lab/cni/test_cni_bridge.py::test_the_bridge_keeps_its_mac_and_gateway",
        "lab/cni/test_cni_bridge.py::test_the_containers_mac_belongs_to_its_address",
    ),
    "a bridge takes 1023 ports": (
        "weave#3258 flannel#2095 moby#44973",
        "lab/cni/test_cni_bridge_drift.py::test_status_of_a_full_bridge",
    ),
    "IPv6 costs two seconds a pod": (
        "plugins#680 plugins#695 bottlerocket#3878",
        "lab/cni/test_cni_bridge.py::test_without_dad_the_ipv6_address_is_usable_at_once",
    ),
    "settings that cannot be written": (
        "plugins#102 plugins#113 cni#532 moby#47769 plugins#1155",
        "lab/cni/test_cni_bridge.py::test_settings_that_may_not_be_written_are_no_reason_to_fail",
    ),
    "an MTU larger than the uplink's": (
        "podman#20009 moby#22028 kube-router#989",
        "lab/cni/test_cni_bridge.py::test_automatic_mtu_is_the_uplinks",
    ),
    "a pod does not reach itself by its service": (
        "k3s#582 nomad#13352 k8s#45790",
        "lab/cni/test_cni_portmap.py::test_the_container_reaches_itself_and_its_neighbour_by_the_host",
        "lab/cni/test_cni_bridge.py::test_port_settings_and_mtu",
    ),
    "ADDs in parallel race for shared chains and the bridge": (
        "containerd#3507 plugins#366 nomad#6567 cri#1352",
        "lab/cni/test_cni_kills.py::test_a_thousand_calls_over_64_namespaces",
    ),
    "nobody sees what a plugin did": (
        "cni#817 cni#561 containerd#4816 cni#1173",
        "lab/cni/test_cni_daemon.py::test_every_call_is_in_the_journal",
    ),
    "a plugin whose agent is down": (
        "cilium#22067",
        "lab/cni/test_cni_daemon.py::test_a_silent_socket",
    ),
    "addresses come back too soon, and pods do not get theirs again": (
        "k8s#28969 spiderpool#3505",
        "unit/cni/host_local/test_database.py::test_unused_addresses_first_then_the_one_released_longest_ago",
        "unit/cni/host_local/test_database.py::test_a_pod_of_the_same_name_gets_its_address_again",
    ),
    "GC and STATUS that do nothing": (
        "plugins#1013 plugins#1047 cni#1101",
        "unit/cni/host_local/test_database.py::test_gc_keeps_only_what_is_listed",
        "unit/cni/host_local/test_database.py::test_status_is_50_when_the_pool_is_empty",
        "unit/cni/test_skel.py::test_valid_attachments_under_both_keys",
    ),
}


def functions_of(path):
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("bug", BUGS)
def test_each_has_its_test(bug):
    reports, *proofs = BUGS[bug]
    assert all("#" in report for report in reports.split())
    for proof in proofs:
        file, _, name = proof.partition("::")
        assert name in functions_of(TESTS / file), proof
