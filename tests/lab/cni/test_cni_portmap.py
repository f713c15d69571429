"""portmap on real namespaces, in both backends."""

import os
import socket

import pytest

from linux import netns

pytestmark = pytest.mark.lab

BACKENDS = ("iptables", "nftables")
HOST = "192.0.2.1"


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


@pytest.fixture
def attach(host):
    """attach() is a container behind the bridge: its path and the result."""

    def make():
        # Hairpin: where br_netfilter acts, the mapping is undone inside the bridge.
        conf, path = host.conf(isGateway=True, hairpinMode=True), host.container()
        return path, host.add(conf, path)

    return make


def conf(host, result, ports, backend="iptables", *, version="1.0.0", **more):
    """ports: (host port, container port, protocol="tcp", host address="")."""
    mappings = []
    for host_port, container_port, *rest in ports:
        protocol, ip = {0: ("tcp", ""), 1: (*rest, ""), 2: rest}[len(rest)]
        entry = {"hostPort": host_port, "containerPort": container_port, "protocol": protocol}
        mappings.append(entry | ({"hostIP": ip} if ip else {}))
    body = {"backend": backend, "runtimeConfig": {"portMappings": mappings}, "prevResult": result, **more}
    return host.conf("portmap", subnets=(), version=version, **body)


def rules(host):
    nat = host.sh("iptables-save", "-t", "nat") + host.sh("ip6tables-save", "-t", "nat")
    return nat + host.sh("nft", "list", "ruleset")


def test_from_outside_from_the_host_and_from_localhost(host, world, attach, serve, ask, backend):
    path, result = attach()
    serve(path, "one", 80)
    made = conf(host, result, [(8080, 80)], backend)
    assert host.add(made, path) == result
    host.check(made, path, result)
    assert ask(world, HOST, 8080) == "one 192.0.2.9"
    assert ask_in_host(host, ask, HOST, 8080).startswith("one ")
    assert ask_in_host(host, ask, "127.0.0.1", 8080) == "one 10.77.0.1"
    host.delete(made, path)
    assert ask(world, HOST, 8080, patience_s=1) is None
    assert "8080" not in rules(host)
    host.delete(made, path)


def ask_in_host(host, ask, address, port):
    sock = host.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    return ask(None, address, port, sock=sock)


def test_the_container_reaches_itself_and_its_neighbour_by_the_host(host, world, attach, serve, ask, backend):
    path, result = attach()
    other, _ = attach()
    serve(path, "one", 80)
    host.add(conf(host, result, [(8080, 80)], backend), path)
    assert ask(path, HOST, 8080) == "one 10.77.0.1"
    assert ask(other, HOST, 8080) == "one 10.77.0.1"


def test_ipv6(host, world, attach, serve, ask, backend):
    path, result = attach()
    serve(path, "six", 80, family=socket.AF_INET6)
    made = conf(host, result, [(8080, 80)], backend)
    host.add(made, path)
    assert ask(world, "2001:db8::1", 8080) == "six 2001:db8::9"
    host.delete(made, path)
    assert ask(world, "2001:db8::1", 8080, patience_s=1) is None


def test_a_host_address_of_its_own(host, world, attach, serve, ask, backend):
    with host.rtnl() as rtnl:
        rtnl.add_address(rtnl.link("up0").ifindex, "192.0.2.7", 24)
    (first, one), (second, two) = attach(), attach()
    serve(first, "one", 80)
    serve(second, "two", 80)
    host.add(conf(host, one, [(8080, 80, "tcp", HOST)], backend), first)
    host.add(conf(host, two, [(8080, 80, "tcp", "192.0.2.7")], backend), second)
    assert ask(world, HOST, 8080) == "one 192.0.2.9"
    assert ask(world, "192.0.2.7", 8080) == "two 192.0.2.9"


def test_the_unspecified_address_of_one_family_maps_that_family_only(
    host, world, attach, serve, ask, backend
):
    path, result = attach()
    serve(path, "any", 80, family=socket.AF_INET6)
    host.add(conf(host, result, [(8080, 80, "tcp", "0.0.0.0")], backend), path)
    assert ask(world, HOST, 8080) is not None
    assert ask(world, "2001:db8::1", 8080, patience_s=1) is None


def test_masquerading_everything_or_nothing(host, world, attach, serve, ask, backend):
    path, result = attach()
    serve(path, "one", 80)
    host.add(conf(host, result, [(8080, 80)], backend, masqAll=True), path)
    assert ask(world, HOST, 8080) == "one 10.77.0.1"
    host.delete(conf(host, result, [(8080, 80)], backend, masqAll=True), path)
    host.add(conf(host, result, [(8081, 80)], backend, snat=False), path)
    assert ask(world, HOST, 8081) == "one 192.0.2.9"


def test_udp_follows_the_port_to_its_next_owner(host, world, attach, serve, ask, backend):
    (first, one), (second, two) = attach(), attach()
    serve(first, "one", 53, kind=socket.SOCK_DGRAM)
    serve(second, "two", 53, kind=socket.SOCK_DGRAM)
    old, new = (conf(host, r, [(5353, 53, "udp")], backend) for r in (one, two))
    with open(world) as file:
        client = netns.run_in(file.fileno(), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with client:
        host.add(old, first)
        assert ask(None, HOST, 5353, kind=socket.SOCK_DGRAM, sock=client) == "one 192.0.2.9"
        host.delete(old, first)
        assert ask(None, HOST, 5353, kind=socket.SOCK_DGRAM, sock=client, patience_s=1) is None
        host.add(new, second)
        assert ask(None, HOST, 5353, kind=socket.SOCK_DGRAM, sock=client) == "two 192.0.2.9"


def test_twenty_ports(host, world, attach, serve, ask, backend):
    path, result = attach()
    serve(path, "one", 80)
    made = conf(host, result, [(8000 + n, 80) for n in range(20)], backend)
    host.add(made, path)
    assert ask(world, HOST, 8000) == ask(world, HOST, 8019) == "one 192.0.2.9"
    host.delete(made, path)
    assert "8019" not in rules(host)


def test_a_packets_way_does_not_grow_with_the_ports(host, attach):
    """In nf_tables all ports are found by one look-up (plugins#1139, moby#53466)."""
    lengths = []
    for number, count_of_ports in enumerate((1, 20)):
        path, result = attach()
        ports = [(8000 + 100 * number + n, 80) for n in range(count_of_ports)]
        host.add(conf(host, result, ports, "nftables"), path)
        lengths.append(len(host.sh("nft", "list", "chain", "ip", "cni_hostport", "hostports").splitlines()))
    assert lengths[0] == lengths[1]


def test_a_port_that_another_container_holds(host, attach, backend):
    (first, one), (second, two) = attach(), attach()
    host.add(conf(host, one, [(8080, 80)], backend), first)
    before = rules(host)
    for ports in ([(8081, 80), (8080, 80)], [(8080, 80, "tcp", HOST)]):
        with pytest.raises(
            Exception, match=f"in use by container {os.path.basename(first)}: it has .*8080/tcp"
        ):
            host.add(conf(host, two, ports, backend), second)
    assert "8081" not in rules(host)
    assert count(rules(host)) == count(before)
    host.add(conf(host, two, [(8080, 80, "udp")], backend), second)
    host.delete(conf(host, one, [(8080, 80)], backend), first)
    host.add(conf(host, one, [(8080, 80)], backend), first)


def count(text):
    return sum("dnat" in line.lower() for line in text.splitlines())


def test_delete_knows_the_ports_by_itself(host, attach, backend):
    path, result = attach()
    host.add(conf(host, result, [(8080, 80)], backend), path)
    bare = host.conf("portmap", subnets=())
    host.delete(bare, "", container=os.path.basename(path))
    assert "8080" not in rules(host)
    assert host.records("portmap") == []


def test_other_networks_of_the_container_stay(host, attach, backend):
    path, result = attach()
    host.add(conf(host, result, [(8080, 80)], backend), path)
    other = {**conf(host, result, [(8081, 80)], backend), "name": f"{host.network}b"}
    host.add(other, path)
    host.delete(other, path)
    assert "8081" not in rules(host)
    assert "8080" in rules(host)
    host.delete(conf(host, result, [(8080, 80)], backend), path)


def test_dying_at_any_step(host, attach, backend):
    path, result = attach()
    made = conf(host, result, [(8080, 80), (5353, 53, "udp")], backend)
    step = 1
    while host.dying("ADD", made, path, step) != 0:
        host.delete(host.conf("portmap", subnets=()), "", container=os.path.basename(path))
        assert "8080" not in rules(host), f"step {step}"
        assert host.records("portmap") == []
        folder = f"/run/podnet/cni/hostports/{os.fstat(host.fd).st_ino}"
        assert not os.path.exists(folder) or not os.listdir(folder), f"step {step}"
        step += 1
    assert step > 5
    host.delete(made, path)


def test_failing_at_any_step(host, attach, backend):
    path, result = attach()
    made = conf(host, result, [(8080, 80)], backend)
    step = 1
    while host.dying("ADD", made, path, step, kill=False) != 0:
        assert "8080" not in rules(host), f"step {step}"
        assert host.records("portmap") == []
        step += 1
    host.delete(made, path)


def test_rules_come_back_when_added_again_after_a_flush(host, world, attach, serve, ask, backend):
    (first, one), (second, two) = attach(), attach()
    serve(second, "two", 80)
    host.add(conf(host, one, [(8080, 80)], backend), first)
    host.sh("nft", "flush", "ruleset")
    with pytest.raises(Exception, match=r"gone|lacks|no longer"):
        host.check(conf(host, one, [(8080, 80)], backend), first, one)
    host.add(conf(host, two, [(8081, 80)], backend), second)
    assert ask(world, HOST, 8081) == "two 192.0.2.9"


def test_the_ports_of_a_dead_container_are_free(host, world, attach, serve, ask, backend):
    (first, one), (second, two) = attach(), attach()
    serve(second, "two", 80)
    host.add(conf(host, one, [(8080, 80)], backend), first)
    os.system(f"umount {first} && rm {first}")
    host.add(conf(host, two, [(8080, 80)], backend), second)
    assert ask(world, HOST, 8080) == "two 192.0.2.9"
    assert host.records("portmap") == [f"{os.path.basename(second)}:eth0"]


def test_gc(host, attach, backend):
    path, result = attach()
    made = conf(host, result, [(8080, 80)], backend, version="1.1.0")
    host.add(made, path)
    keep = [{"containerID": os.path.basename(path), "ifname": "eth0"}]
    host.call("GC", {**made, "cni.dev/valid-attachments": keep}, "")
    assert "8080" in rules(host)
    host.call("GC", {**made, "cni.dev/valid-attachments": []}, "")
    assert "8080" not in rules(host)


def test_without_mappings_nothing_is_touched(host, attach):
    path, result = attach()
    made = host.conf("portmap", subnets=(), prevResult=result)
    assert host.add(made, path) == result
    assert "CNI-HOSTPORT" not in rules(host)
    host.check(made, path, result)
    host.delete(made, path)


def test_the_references_chains(host, attach):
    path, result = attach()
    made = conf(host, result, [(8080, 80)])
    host.add(made, path)
    text = host.sh("iptables-save", "-t", "nat")
    assert "-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment" in text
    assert "--dports 8080 -j CNI-DN-" in text
    assert "-j MARK --set-xmark 0x2000/0x2000" in text
    host.delete(made, path)
    assert "CNI-DN-" not in host.sh("iptables-save", "-t", "nat")


def test_the_reference_plugins_rules_can_be_deleted(host, peer, attach):
    path, result = attach()
    peer.fd, peer.network = os.dup(host.fd), host.network
    made = conf(host, result, [(8080, 80)])
    del made["backend"]
    peer.add(made, path)
    assert "8080" in rules(host)
    host.delete(made, path)
    assert "8080" not in rules(host)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"markMasqBit": 40}, "MasqMarkBit must be between 0 and 31"),
        (
            {"markMasqBit": 4, "externalSetMarkChain": "X"},
            "Cannot specify externalSetMarkChain and markMasqBit",
        ),
        ({"backend": "pf"}, "unrecognized backend"),
        (
            {"backend": "nftables", "conditionsV4": ["-d", "1.2.3.4"]},
            "cannot be used with the nftables backend",
        ),
        (
            {"runtimeConfig": {"portMappings": [{"hostPort": 0, "containerPort": 80}]}},
            "Invalid host port number: 0",
        ),
        (
            {"runtimeConfig": {"portMappings": [{"hostPort": 8, "containerPort": 0}]}},
            "Invalid container port number: 0",
        ),
        ({"prevResult": None}, "must be called as chained plugin"),
    ],
)
def test_what_is_refused(host, attach, more, message):
    path, result = attach()
    with pytest.raises(Exception, match=message):
        host.add({**conf(host, result, [(8080, 80)]), **more}, path)
