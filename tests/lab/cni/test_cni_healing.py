"""What others break is whole again at once: both masquerading backends, both portmap backends, the bridge.

The daemon is halted while the damage is done, so that all of it is seen to be there; the time is from its going
on. On a loaded machine one of three tries has to keep it.
"""

import json
import re
import signal
import time

import pytest

from cni.wait import poll
from linux import netns
from linux.rtnl import Rtnl

pytestmark = pytest.mark.lab
WITHIN_S = 4.0  # 0.2 to 0.7 s where nothing else runs; the periodic look comes every ten
AT_ALL_S = 90.0
TRIES = 3

_RELOAD = """
printf '*filter\\n:INPUT ACCEPT\\n:FORWARD ACCEPT\\n:OUTPUT ACCEPT\\nCOMMIT\\n*nat\\n:PREROUTING ACCEPT\\n:POSTROUTING ACCEPT\\nCOMMIT\\n' >$0
iptables-restore <$0; ip6tables-restore <$0
nft 'add table inet firewalld; delete table inet firewalld; add table inet firewalld'
nft list tables | grep -q cni_ && nft list tables | grep cni_ | sed 's/^/delete /' | nft -f -
nft list tables | grep -q podnet && nft list tables | grep podnet | sed 's/^/delete /' | nft -f -
true
"""


def damage(host, tmp_path, kind):
    match kind:
        case "nft flush ruleset":
            host.sh("nft", "flush", "ruleset")
        case "firewall reload":
            host.sh("sh", "-c", _RELOAD, str(tmp_path / "rules"))
        case "ip link del cni0":
            host.sh("ip", "link", "del", "cni0")


def rules(host):
    """Everything that speaks of the container, without counters."""
    lines = (line.strip() for line in host.sh("nft", "list", "ruleset").splitlines())
    wanted = (line for line in lines if "10.77.0.2" in line or "8080" in line or "jump" in line)
    return {re.sub(r"counter packets \d+ bytes \d+ ", "", line) for line in wanted}


def ports(host):
    return {name for name, link in host.links().items() if link.kind == "veth" and link.master}


@pytest.mark.parametrize("kind", ["nft flush ruleset", "firewall reload", "ip link del cni0"])
@pytest.mark.parametrize("portmap_backend", ["iptables", "nftables"])
@pytest.mark.parametrize("masquerade_backend", ["iptables", "nftables"])
def test_everything_is_back_at_once(
    host,
    place,
    tmp_path,
    masquerade_backend,
    portmap_backend,
    kind,
):
    daemon = place.daemon()
    path = place.container()
    conf = host.conf(isGateway=True, ipMasq=True, ipMasqBackend=masquerade_backend)
    result = place.add(conf, path)
    mappings = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
    place.add(
        host.conf("portmap", subnets=(), backend=portmap_backend, runtimeConfig=mappings, prevResult=result),
        path,
    )
    before = rules(host), ports(host)
    assert all(before)
    took_s = []
    while not took_s or (took_s[-1] >= WITHIN_S and len(took_s) < TRIES):
        daemon.send_signal(signal.SIGSTOP)
        damage(host, tmp_path, kind)
        assert (rules(host), ports(host)) != before
        daemon.send_signal(signal.SIGCONT)
        began_s = time.monotonic()
        while (rules(host), ports(host)) != before:
            assert time.monotonic() - began_s < AT_ALL_S, (rules(host), before)
            time.sleep(0.02)
        took_s.append(time.monotonic() - began_s)
    assert min(took_s) < WITHIN_S, took_s
    assert place.call("CHECK", {**conf, "prevResult": result}, path)[0] == 0


def mtus(host, place, path):
    """Of the bridge, of the port, of the interface inside."""
    with netns.enter(host.fd), Rtnl() as rtnl:
        bridge = rtnl.link("cni0")
        (port,) = rtnl.links(master=bridge.ifindex)
    (inside,) = json.loads(place.sh("nsenter", f"--net={path}", "ip", "-j", "link", "show", "eth0"))
    return bridge.mtu, port.mtu, inside["mtu"]


def test_pods_follow_the_uplinks_mtu(host, place):
    """A smaller one, then a larger one."""
    host.sh("ip", "link", "add", "up0", "mtu", "1480", "type", "veth", "peer", "name", "far0")
    host.sh("sh", "-c", "ip address add 192.0.2.2/24 dev up0; ip link set far0 up; ip link set up0 up")
    host.sh("ip", "route", "add", "default", "via", "192.0.2.1")
    place.daemon()
    path = place.container()
    conf = host.conf(isGateway=True, mtu="auto")
    result = place.add(conf, path)
    assert mtus(host, place, path) == (1480, 1480, 1480)
    for mtu in (1400, 1460):
        host.sh("ip", "link", "set", "up0", "mtu", str(mtu))
        assert poll(lambda wanted=mtu: mtus(host, place, path) == (wanted,) * 3, AT_ALL_S)
    assert place.call("CHECK", {**conf, "prevResult": result}, path)[0] == 0
