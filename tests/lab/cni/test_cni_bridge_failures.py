"""The bridge plugin that fails, dies on the way or hears too little: nothing is left behind."""

import json
import os

import pytest

pytestmark = pytest.mark.lab


def ips(result):
    return [ip["address"] for ip in result["ips"]]


def test_an_existing_interface_is_never_reused(host):
    conf, path = host.conf(isGateway=True), host.container()
    result = host.add(conf, path)
    before = host.left_over()
    assert "already exists" in host.refused(conf, path).msg
    assert host.left_over() == before
    host.check(conf, path, result)


def test_a_namespace_that_is_none(host, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    for path in (str(plain), str(tmp_path / "absent")):
        assert "failed to open netns" in host.refused(host.conf(), path).msg
    assert host.left_over() == ([], [], [])


def test_an_exhausted_pool(host):
    conf = host.conf(subnets=("10.77.0.0/30",), isGateway=True)
    host.add(conf, host.container())
    before = host.left_over()
    assert "no IP addresses available" in host.refused(conf, host.container()).msg
    assert host.left_over() == before


def test_a_bridge_with_another_address(host):
    with host.rtnl() as rtnl:
        rtnl.add_bridge("cni0")
        rtnl.add_address(rtnl.link("cni0").ifindex, "10.1.2.3", 8)
    path = host.container()
    error = host.refused(host.conf(isGateway=True), path)
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
    assert '"cni0" already exists but is not a bridge' in host.refused(host.conf(), host.container()).msg
    assert host.left_over() == ([], [], [])


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
    assert host.ping(paths[0], ips(results[-1])[0].partition("/")[0])
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
