"""The node agent's side of the pod network: the CNI daemon inside it, its metrics, and the modes a pod may ask for."""

import re
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from linux import process
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.up_run import BIN_DIR
from nodeagent.pods.network_mode import ANNOTATION
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab
HEALED_WITHIN_S = 8.0  # 0.2 s where nothing else runs; the periodic look comes every ten
KCNI = f"{BIN_DIR}/kcni"


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "node-cni") as made:
        yield made


def on_node(work: Workload, *argv: str, check: bool = True) -> str:
    return work.cluster.exec(work.node, argv, check=check).stdout


def asked(work: Workload, pod: str, ip: str, port: int = 8080) -> str:
    """What a server answers a pod; "" if nobody does."""
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 20 {ip} {port}"
    return work.sh(pod, script, check=False).rpartition("\n\r\n")[2].strip() or work.sh(
        pod, script, check=False
    )


def address(work: Workload, pod: str) -> str:
    return str(work.get(pod)["status"]["podIP"])


def metric(work: Workload, pattern: str) -> float:
    """The value of the series of this node that matches; 0 where there is none."""
    page = work.kubectl("get", "--raw", f"/api/v1/nodes/{work.node}/proxy/metrics").stdout
    found = re.search(rf"^{pattern} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def seconds_until(holds: Callable[[], object], what: str) -> float:
    started_s = time.monotonic()
    until(holds, what)
    return time.monotonic() - started_s


# --- the daemon


def test_the_agent_serves_the_executables_and_another_daemon_is_refused(work: Workload) -> None:
    until(lambda: on_node(work, "ls", "/run/podnet").count("cni.sock"), "the daemon's socket")
    done = work.cluster.exec(work.node, [KCNI, "daemon"], check=False)
    assert done.code == 1
    assert re.search(r"CNI is served by knode, process \d+ already \(/run/podnet/cni.lock\)", done.stderr)
    adds = metric(work, r'kcni_call_duration_seconds_count\{plugin="bridge",verb="ADD"\}')
    work.run("served")
    assert metric(work, r'kcni_call_duration_seconds_count\{plugin="bridge",verb="ADD"\}') == adds + 1
    assert metric(work, r'kcni_call_errors_total\{plugin="bridge",verb="ADD"\}') == 0


TAKING_OVER = """
import asyncio, os, sys
from cni.daemon import lock_disk, places
from nodeagent.cni.daemon_drive import CniDaemon

async def main():
    other = lock_disk.take(places.LOCK, "kcni daemon")
    configured = asyncio.Event()
    daemon = CniDaemon(again_s=0.05)
    task = asyncio.create_task(daemon.run(configured))
    await asyncio.sleep(0)
    assert not os.path.exists(places.SOCKET)
    configured.set()
    await asyncio.sleep(0.3)
    assert not os.path.exists(places.SOCKET), "two daemons"
    assert daemon.metrics() == ""
    os.close(other)
    async with asyncio.timeout(120):
        while not os.path.exists(places.SOCKET):
            await asyncio.sleep(0.02)
    while not daemon.metrics():
        await asyncio.sleep(0.02)
    assert "kcni_addresses_in_use" in daemon.metrics()
    task.cancel()
    await asyncio.wait([task])
    assert not os.path.exists(places.SOCKET), "an orderly end takes the socket away"

asyncio.run(main())
"""


def test_where_another_daemon_serves_the_agent_waits_and_takes_over() -> None:
    own = "mount --make-rprivate /; mkdir -p /run/podnet; mount -t tmpfs t /run/podnet; exec "
    argv = ["unshare", "-m", "-n", "sh", "-c", own + '"$@"', "sh", sys.executable, "-c", TAKING_OVER]
    process.run(argv)


def test_traffic_of_each_pod_and_use_of_each_pool_are_counted(work: Workload) -> None:
    work.run("quiet")
    work.run("busy")
    series = r'kcni_pod_{}_bytes_total\{{network="podnet",namespace="node-cni",pod="busy",interface="eth0"\}}'
    before = {way: metric(work, series.format(way)) for way in ("receive", "transmit")}
    send = f"head -c 100000 /dev/zero | nc -w 1 {address(work, 'quiet')} 8080 >/dev/null"

    def sent() -> bool:
        work.sh("busy", send, check=False)
        return metric(work, series.format("transmit")) > before["transmit"] + 50_000

    until(sent, "bytes sent")
    until(lambda: metric(work, series.format("receive")) > before["receive"], "bytes that came")
    pool = r'kcni_pool_addresses{}\{{network="podnet",ranges="10.244.\d+.1-10.244.\d+.254"\}}'
    assert metric(work, pool.format("")) == 253
    in_use = metric(work, pool.format("_in_use"))
    assert in_use >= 2
    work.kubectl("delete", "pod", "busy", "--grace-period=0", "--force")
    until(lambda: metric(work, pool.format("_in_use")) == in_use - 1, "an address free again")


def test_a_deleted_bridge_is_back_at_once_and_pods_stay_reachable(work: Workload) -> None:
    work.run("bridged")
    ip = address(work, "bridged")
    on_node(work, "ip", "link", "del", "cni0")
    ports = "ip -o link show master cni0 2>/dev/null | grep -c veth"
    took_s = seconds_until(
        lambda: int(on_node(work, "sh", "-c", ports, check=False) or 0) > 0, "ports of cni0"
    )
    assert took_s < HEALED_WITHIN_S
    until(
        lambda: (
            on_node(work, "curl", "-s", "-m", "20", f"http://{ip}:8080/", check=False).strip() == "bridged"
        ),
        "an answer",
    )


def test_an_agent_that_is_killed_harms_no_pod_and_its_next_life_serves_again(work: Workload) -> None:
    work.run("steady")
    ip = address(work, "steady")
    before = on_node(work, "pgrep", "-of", "bin/knode").strip()
    on_node(work, "kill", "-9", before)
    assert on_node(work, "curl", "-s", "-m", "60", f"http://{ip}:8080/").strip() == "steady"
    until(
        lambda: on_node(work, "pgrep", "-of", "bin/knode", check=False).strip() not in ("", before), "knode"
    )
    work.kubectl("delete", "pod", "steady", "--grace-period=1")
    work.run("later")  # attached by the new one
    holder = until(
        lambda: re.search(r"knode, process (\d+)", on_node(work, "cat", "/run/podnet/cni.lock")), "the lock"
    )
    assert holder[1] != before
    assert (
        on_node(work, "curl", "-s", "-m", "60", f"http://{address(work, 'later')}:8080/").strip() == "later"
    )
    until(lambda: ip not in on_node(work, KCNI, "ls"), "its address is free")


# --- modes


def annotated(work: Workload, name: str, word: str, *, port: int = 8080) -> None:
    """A pod in the network that `word` names, listening on `port`: one network has each port once."""
    pod = work.pod(name, {"env": [{"name": "PORT", "value": str(port)}]})
    pod["metadata"]["annotations"] = {ANNOTATION: word}
    work.apply(pod)


def test_bridge_is_the_nodes_network(work: Workload) -> None:
    annotated(work, "plain", "bridge")
    work.ready("plain")
    assert address(work, "plain").startswith("10.244.")


def test_host_is_the_nodes_own_network(work: Workload) -> None:
    work.run("hosted", {"env": [{"name": "PORT", "value": "8099"}]}, hostNetwork=True)
    assert address(work, "hosted") in work.cluster.lab.nodes[0].addresses
    assert "podnet" not in work.sh("hosted", "cat /proc/net/dev").replace("cni0", "")
    assert "cni0" in work.sh("hosted", "cat /proc/net/dev")


def test_none_is_a_loopback_and_nothing_else(work: Workload) -> None:
    annotated(work, "hermit", "none")
    pod = work.ready("hermit")
    assert "podIP" not in pod["status"]
    links = [line.split(":")[0].strip() for line in work.sh("hermit", "cat /proc/net/dev").splitlines()[2:]]
    assert [name for name in links if not name.startswith(("sit", "ip6", "tunl", "gre", "erspan"))] == ["lo"]
    assert "hermit" in asked(work, "hermit", "127.0.0.1")
    work.kubectl("delete", "pod", "hermit", "--grace-period=1")


def test_another_pods_network_is_shared_whole(work: Workload) -> None:
    work.run("host-of")
    annotated(work, "guest", "pod:host-of", port=9090)
    work.ready("guest")
    assert address(work, "guest") == address(work, "host-of")
    namespaces = [work.sh(name, "readlink /proc/self/ns/net") for name in ("guest", "host-of")]
    assert namespaces[0] == namespaces[1]
    assert "host-of" in asked(work, "guest", "127.0.0.1")
    assert "guest" in asked(work, "host-of", "127.0.0.1", 9090)
    work.kubectl("delete", "pod", "guest", "--grace-period=1")
    assert "host-of" in asked(
        work, "host-of", address(work, "host-of")
    )  # its network is not the guest's to end


def test_a_network_that_is_not_there_keeps_the_pod_waiting_and_says_why(work: Workload) -> None:
    annotated(work, "eager", "pod:absent", port=9090)
    until(
        lambda: "whose network is to be shared" in work.kubectl("describe", "pod", "eager").stdout, "an Event"
    )
    work.run("absent")
    work.ready("eager")
    assert "eager" in asked(work, "absent", "127.0.0.1", 9090)
    annotated(work, "odd", "weave")
    until(
        lambda: "it may be bridge, none, or pod:NAME" in work.kubectl("describe", "pod", "odd").stdout,
        "an Event",
    )
