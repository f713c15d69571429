"""The service proxy from process start to rules in the kernel, and what one changed endpoint takes; prints JSON.

`python -m tests.bench.kproxy_load [--services 1000,10000,50000] [--endpoints 5]`, as root; every run in a
network namespace of its own. KUBE_PROXY=path puts kube-proxy beside it, with the same list and configuration
(its nftables mode; at most 10,000 services, since 50,000 take it a quarter of an hour).
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from linux import netns, process
from linux.netlink.socket import NETLINK_NETFILTER, NetlinkSocket
from linux.nft import constants as k
from linux.nft.socket import set_option
from linux.rtnl import Rtnl
from tests.bench.served_list import NODE, NODE_IP, SERVED_PORT, ServedList, endpoint_ip, service_ip

SIZES = (10, 1000, 10_000, 50_000)
_PEER_MAX = 10_000
_START_TIMEOUT_S = 180.0
_CHANGE_TIMEOUT_S = 60.0
_CONNECTIONS_S = 3.0
_METRICS_PORT = 10249
_SYNCED = re.compile(
    r'^kubeproxy_sync_proxy_rules_last_timestamp_seconds\{ip_family="IPv4"\} (\S+)$', re.MULTILINE
)
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1


class Program(NamedTuple):
    """A proxy to measure; `change_count`: how many changes it is given the time for."""

    name: str
    argv: tuple[str, ...]
    change_count: int


def programs() -> Iterator[Program]:
    yield Program("kproxy", (str(Path(sys.prefix) / "bin" / "kproxy"),), 200)
    if "KUBE_PROXY" in os.environ:
        yield Program("kube_proxy", (os.environ["KUBE_PROXY"],), 5)


def measure() -> dict[str, object]:
    """What `make bench` shows."""
    return run(SIZES, 5)


def run(sizes: Sequence[int], endpoint_count: int) -> dict[str, object]:
    figures: dict[str, object] = {"load_average": os.getloadavg()[0]}
    for program in programs():
        figures[program.name] = {
            str(size): _one(program, size, endpoint_count)
            for size in sizes
            if program.name == "kproxy" or size <= _PEER_MAX
        }
    figures["new_connections_per_s"] = _in_namespace(_straight)
    return figures


def _one(program: Program, size: int, endpoint_count: int) -> dict[str, object]:
    print(f"bench: {program.name} with {size} services …", file=sys.stderr)
    found: dict[str, object] = _in_namespace(lambda: asyncio.run(_measure(program, size, endpoint_count)))
    return found


def _in_namespace(act: Callable[[], Any]) -> Any:
    fd = netns.create()
    try:
        netns.run_in(fd, _furnish)
        return netns.run_in(fd, act)
    finally:
        os.close(fd)


def _furnish() -> None:
    """The node's address, and the first service's endpoints where a server can listen."""
    with Rtnl() as rtnl:
        lo = rtnl.link("lo")
        assert lo is not None
        rtnl.set_link(lo.ifindex, up=True)
        for ip in (NODE_IP, *(endpoint_ip(n) for n in range(5))):
            rtnl.add_address(lo.ifindex, ip, 32)
        rtnl.add_route("0.0.0.0/0", oif=lo.ifindex)


async def _measure(program: Program, service_count: int, endpoint_count: int) -> dict[str, object]:
    served = ServedList(service_count, endpoint_count)
    url = await served.start()
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as name:
        config = _configuration(Path(name), url)
        try:
            with _running(program, config) as (running, spawned_at):
                start_s = await _synced_at(running) - spawned_at
                start_cpu_s = _cpu_s(running.pid)
                figures = await _changes(program, served, running.pid)
                figures["new_connections_per_s"] = await asyncio.to_thread(_connections, service_ip(0), 80)
            with _running(program, config) as (running, spawned_at):
                again_s = await _synced_at(running) - spawned_at
        finally:
            await served.close()
    return {
        "endpoints": service_count * endpoint_count,
        "start_s": round(start_s, 2),
        "start_cpu_s": round(start_cpu_s, 2),
        "start_over_own_rules_s": round(again_s, 2),
        **figures,
    }


def _configuration(folder: Path, url: str) -> Path:
    """One file for both proxies; JSON is YAML."""
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
        "current-context": "c",
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": NODE,
        "clusterCIDR": "10.128.0.0/9",
        "clientConnection": {"kubeconfig": str(folder / "kubeconfig")},
        "metricsBindAddress": f"127.0.0.1:{_METRICS_PORT}",
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    (folder / "config").write_text(json.dumps(config))
    return folder / "config"


@contextmanager
def _running(program: Program, config: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """And when it was started. It is killed in the end: its rules stay."""
    log = config.with_name(f"{program.name}.log")
    with log.open("ab") as output:
        spawned_at = time.time()
        running = process.spawn([*program.argv, f"--config={config}"], stdout=output, stderr=output)
    try:
        yield running, spawned_at
    except BaseException:
        print(log.read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        running.kill()
        running.wait()


async def _synced_at(running: subprocess.Popen[bytes]) -> float:
    """When its first sync was done, as its metrics say: nothing else tells it of every proxy."""
    async with asyncio.timeout(_START_TIMEOUT_S):
        while True:
            if running.poll() is not None:
                raise RuntimeError(f"the proxy ended with {running.returncode}")
            found = _SYNCED.search(await _metrics())
            if found is not None and float(found[1]) > 0:
                return float(found[1])
            await asyncio.sleep(0.05)


async def _metrics() -> str:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", _METRICS_PORT)
        writer.write(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
    except OSError:
        return ""
    return text


class Commits:
    """Tells when the kernel's tables begin to name an address."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER, rcvbuf_bytes=64 << 20)
        set_option(self._socket, _SOL_NETLINK, _ADD_MEMBERSHIP, k.GROUP)
        self._socket.set_timeout(0)
        self._wanted = b""
        self._seen = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def _read(self) -> None:
        try:
            while True:
                if self._wanted and self._wanted in self._socket.recv_raw():
                    self._seen.set()
        except OSError:  # all is read, or some was lost, which only delays
            return

    async def wait_for(self, ip: str, act: Callable[[], None]) -> float:
        """Milliseconds from the act to a commit that names the address."""
        self._wanted = bytes(map(int, ip.split(".")))
        self._seen.clear()
        started_s = time.perf_counter()
        act()
        async with asyncio.timeout(_CHANGE_TIMEOUT_S):
            await self._seen.wait()
        return (time.perf_counter() - started_s) * 1000

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()


async def _changes(program: Program, served: ServedList, pid: int) -> dict[str, Any]:
    """One endpoint of one service replaced, again and again."""
    await asyncio.sleep(1.5)  # what a start leaves to be done in peace
    commits = Commits()
    taken = []
    cpu_s = _cpu_s(pid)
    for turn in range(program.change_count):
        number = 1 + turn * 37 % (len(served.ips) - 1)
        ip = f"10.255.{turn // 256}.{turn % 256}"
        ips = [*served.ips[number][:-1], ip]
        taken.append(await commits.wait_for(ip, partial(served.change, number, ips)))
        await asyncio.sleep(0.01)
    cpu_s = _cpu_s(pid) - cpu_s
    commits.close()
    ordered = sorted(taken)
    return {
        "event_to_kernel_ms": {
            "p50": round(statistics.median(ordered), 2),
            "p99": round(ordered[max(0, int(len(ordered) * 0.99) - 1)], 2),
            "max": round(ordered[-1], 2),
        },
        "cpu_per_update_ms": round(cpu_s / len(taken) * 1000, 2),
        "resident_mb": _resident_mb(pid),
    }


def _cpu_s(pid: int) -> float:
    """Its own and that of the programs it ran."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> dict[str, float]:
    found = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        name: round(int(found[field].split()[0]) / 1024, 1)
        for name, field in (("now", "VmRSS"), ("peak", "VmHWM"))
    }


def _straight() -> dict[str, float]:
    """Without any proxy: what the two programs can do at most."""
    return {"without_proxy": _connections(endpoint_ip(0), SERVED_PORT)}


def _connections(ip: str, port: int) -> float:
    program = [sys.executable, str(Path(__file__).with_name("connections.py"))]
    server = process.spawn([*program, "serve", str(SERVED_PORT)], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        return float(process.run([*program, "ask", ip, str(port), str(_CONNECTIONS_S)]).stdout)
    finally:
        server.kill()
        server.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", default=",".join(map(str, SIZES)), help="sizes, with commas between")
    parser.add_argument("--endpoints", type=int, default=5, help="endpoints of each service")
    parsed = parser.parse_args()
    print(json.dumps(run([int(s) for s in parsed.services.split(",")], parsed.endpoints), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
