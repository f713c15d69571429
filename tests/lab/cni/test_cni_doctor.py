"""kcni doctor finds each fault that it knows, made in a host of its own, and names the mend."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]
CONF = {
    "cniVersion": "1.0.0",
    "name": "podnet",
    "plugins": [
        {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local", "subnet": "10.244.0.0/24"}}
    ],
}


@pytest.fixture
def doctor(host, tmp_path):
    """doctor(script, conf=…) makes the fault in a mount namespace of its own: exit status and output."""

    def run(script="true", *, conf=CONF):
        folder = tmp_path / "net.d"
        folder.mkdir(exist_ok=True)
        (folder / "10-podnet.conflist").write_text(json.dumps(conf))
        command = (
            "set -e; mount --make-rprivate /; mkdir -p /run/podnet /run/udev /etc/systemd/network\n"
            "mount -t tmpfs tmpfs /run/podnet; mount -t tmpfs tmpfs /run/udev; mount -t tmpfs tmpfs /etc/systemd/network\n"
            "printf '[Match]\\nOriginalName=*\\n[Link]\\nMACAddressPolicy=none\\n' >/etc/systemd/network/10-cni.link\n"
            "ip link set lo up; ip link add cni0 type bridge; ip link add eth0 type veth peer name eth1\n"
            "ip link set eth0 up; ip link set eth1 up; ip address add 192.0.2.1/24 dev eth0; ip route add default dev eth0\n"
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.cni0.rp_filter=0\n"
            f"FOLDER={folder}\n{script}\n"
            f"exec {sys.executable} -m cni.cli doctor --conf-dir {folder} --bin-dir {host.bin_dir}"
        )
        argv = ["unshare", "-m", "bash", "-c", command]
        done = host.run(lambda: subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False))
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    return run


def without_kernel(output):
    """What this machine's kernel lacks is no fault of the test's host."""
    lines = output.splitlines()
    kept = []
    for what, mend in zip(lines[::2], lines[1::2], strict=False):
        if "the kernel was built without" not in what and "bridge-nf-call" not in what:
            kept += [what, mend]
    return kept


def test_a_host_in_order_has_no_finding(doctor):
    code, output = doctor()
    assert code == 0
    assert without_kernel(output) == []


LINK = "printf '[Match]\\nOriginalName=*\\n[Link]\\nMACAddressPolicy=persistent\\n' >/etc/systemd/network/10-cni.link"


@pytest.mark.parametrize(
    ("fault", "what", "mend"),
    [
        (
            "sysctl -qw net.ipv4.ip_forward=0",
            "error: net.ipv4.ip_forward is 0",
            "sysctl -w net.ipv4.ip_forward=1",
        ),
        (
            "sysctl -qw net.ipv6.conf.all.forwarding=0",
            "error: net.ipv6.conf.all.forwarding is 0",
            "sysctl -w net.ipv6.conf.all.forwarding=1",
        ),
        (
            "sysctl -qw net.ipv4.conf.all.rp_filter=1",
            "net.ipv4.conf.all.rp_filter is 1 (strict)",
            "rp_filter=2",
        ),
        (
            "sysctl -qw net.ipv4.conf.cni0.rp_filter=1",
            "net.ipv4.conf.cni0.rp_filter is 1",
            "conf.cni0.rp_filter=2",
        ),
        ("iptables-nft -P FORWARD DROP", "error: chain ip filter FORWARD drops", "accept the pod ranges"),
        (
            "nft add table inet site; nft add chain inet site f '{ type filter hook forward priority 0; policy drop; }'",
            "error: chain inet site f drops",
            "accept the pod ranges",
        ),
        (LINK, "MACAddressPolicy=persistent", "10-cni.link"),
        (
            "ip route add 10.244.0.0/16 dev eth0",
            "pod range 10.244.0.0/24 overlaps the route 10.244.0.0/16",
            "another",
        ),
        (
            "cp $FOLDER/10-podnet.conflist $FOLDER/20-b.conflist",
            "containerd uses 10-podnet.conflist and ignores",
            "keep one",
        ),
        (
            "echo '{' >$FOLDER/00-a.conflist",
            "error: 00-a.conflist: Expecting",
            "runtimes stop at the first error",
        ),
        ("rm $FOLDER/*", "error: there is no CNI configuration", "kcni install"),
        (
            "sed 's/podnet/other/; s/10.244.0.0/10.244.0.128/; s,/24,/25,' $FOLDER/10-podnet.conflist >$FOLDER/20-o.conflist",
            "error: networks podnet and other both give out addresses of 10.244.0.0/24",
            "20-o.conflist",
        ),
        (
            "python3 -c 'import socket, os; s = socket.socket(socket.AF_UNIX); s.bind(\"/run/podnet/cni.sock\")'",
            "error: the daemon's socket is there and nobody answers",
            "start knode or kcni daemon",
        ),
    ],
)
def test_each_fault_is_found_and_has_its_mend(doctor, fault, what, mend):
    code, output = doctor(fault)
    found = without_kernel(output)
    place = next((number for number, line in enumerate(found) if what in line), None)
    assert place is not None, output
    assert found[place + 1].startswith("    mend: ")
    assert mend in found[place + 1]
    assert code == (1 if any(line.startswith("error") for line in found) else 0)


def test_rules_of_both_kinds_of_iptables_and_a_policy_of_the_old_one(doctor, missing):
    probe = ["unshare", "-n", "iptables-legacy", "-S"]
    try:
        usable = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        usable = False
    if not usable:
        missing("iptables-legacy")
    code, output = doctor(
        "iptables-legacy -P FORWARD DROP; iptables-legacy -A FORWARD -j ACCEPT; iptables-nft -t nat -A POSTROUTING -j RETURN"
    )
    assert code == 1
    assert "error: chain ip filter (legacy) FORWARD drops" in output
    assert (
        "rules of iptables-legacy (ip filter (legacy)) and of iptables-nft (ip nat) work side by side"
        in output
    )
    assert "update-alternatives --set iptables" in output


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"mtu": 1600}, "mtu 1600 is more than the 1500 of eth0"),
        ({"type": "macvlan"}, "there is no executable of plugin macvlan"),
    ],
)
def test_a_configuration_that_cannot_work_here(doctor, change, what):
    conf = {**CONF, "plugins": [{**CONF["plugins"][0], **change}]}
    assert what in doctor(conf=conf)[1]


def test_what_the_dead_have_left_is_counted(host, tmp_path):
    """In the usual places, as an orderly host has them: a bridge attachment whose namespace went without a DEL."""
    script = f"""
set -e
mount --make-rprivate /; mkdir -p /run/podnet /var/lib/cni; mount -t tmpfs tmpfs /run/podnet; mount -t tmpfs tmpfs /var/lib/cni
ip netns add gone-{host.token}
export CNI_COMMAND=ADD CNI_CONTAINERID=gone CNI_NETNS=/run/netns/gone-{host.token} CNI_IFNAME=eth0 CNI_PATH={host.bin_dir}
echo '{json.dumps({"cniVersion": "1.0.0", "name": "podnet", **CONF["plugins"][0]})}' | {host.bin_dir}/bridge >/dev/null
ip netns del gone-{host.token}
{sys.executable} -m cni.cli doctor --conf-dir {tmp_path} || true
{sys.executable} -m cni.cli gc
{sys.executable} -m cni.cli doctor --conf-dir {tmp_path} || true
"""
    argv = ["unshare", "-m", "bash", "-c", script]
    done = host.run(lambda: subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False))
    before, _, after = done.stdout.partition("forgotten")
    assert "1 addresses belong to namespaces that are gone" in before, done.stdout + done.stderr
    assert "1 attachments are of namespaces that are gone" in before
    assert "namespaces that are gone" not in after
