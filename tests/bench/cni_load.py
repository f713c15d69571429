"""The plugin executables beside Debian's: with our daemon, without it, and the reference, in one run.

`python -m tests.bench cni`, as root; works in network and mount namespaces of its own. Milliseconds of
wall time as a runtime sees them, from starting the executable to its end.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cni.install.apply import install_plugins
from linux import netns
from linux.execute import execute
from tests.bench.spread import spread

_PEER_DIR = "/usr/lib/cni"
_ROUNDS = 32
_PORTS = 20
_ALLOCATIONS = (0, 1_000, 5_000)
_ROOT = Path(__file__).parents[2]


class Contender:
    """One folder of executables."""

    def __init__(self, bin_dir: str, data_dir: str) -> None:
        self._bin_dir = bin_dir
        self.data_dir = data_dir

    def call(self, verb: str, conf: dict[str, Any], container: str, *, plugin: str = "") -> tuple[float, str]:
        env = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": f"/run/netns/{container}",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": self._bin_dir,
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        data = json.dumps(conf).encode()
        started_s = time.perf_counter()
        done = execute([f"{self._bin_dir}/{plugin or conf['type']}"], stdin=data, env=env, timeout_s=60)
        took_ms = (time.perf_counter() - started_s) * 1000
        if done.code:
            raise RuntimeError(
                f"{verb} {conf['type']} of {self._bin_dir}: {done.stdout.decode()}{done.stderr.decode()}"
            )
        return took_ms, done.stdout.decode()

    def bridge(self, network: str = "bench") -> dict[str, Any]:
        ipam = {
            "type": "host-local",
            "dataDir": self.data_dir,
            "ranges": [[{"subnet": "10.200.0.0/16"}], [{"subnet": "fd00:200::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
        }
        return {"cniVersion": "1.0.0", "name": network, "type": "bridge", "isGateway": True, "ipam": ipam}


def measure() -> dict[str, Any]:
    script = (
        "mount --make-rprivate / && mkdir -p /run/podnet /run/netns && mount -t tmpfs tmpfs /run/podnet && "
        'mount -t tmpfs tmpfs /run/netns && ip link set lo up && exec "$@"'
    )
    argv = ["unshare", "-m", "-n", "sh", "-c", script, "sh", sys.executable, "-m", "tests.bench.cni_load"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, cwd=_ROOT, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _inside() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        own = f"{folder}/bin"
        install_plugins(own)
        containers = [f"bench{number}" for number in range(_ROUNDS)]
        for name in containers:
            os.close(netns.create(f"/run/netns/{name}"))
        figures: dict[str, Any] = {"unit": "ms", "rounds": _ROUNDS}
        if os.path.exists(f"{_PEER_DIR}/bridge"):
            figures["reference"] = _contender(Contender(_PEER_DIR, f"{folder}/reference"), containers)
        else:
            print("bench: no containernetworking-plugins here, nothing to compare with", file=sys.stderr)
        figures["in_process"] = _contender(Contender(own, f"{folder}/alone"), containers)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "cni.cli", "daemon", "--log-level", "warning"],
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )
        try:
            assert daemon.stdout is not None
            daemon.stdout.readline()
            figures["daemon"] = _contender(Contender(own, f"{folder}/served"), containers)
        finally:
            daemon.terminate()
            daemon.wait()
        return figures


def _contender(contender: Contender, containers: list[str]) -> dict[str, Any]:
    conf = contender.bridge()
    results: dict[str, Any] = {}

    def each(verb: str) -> list[float]:
        times = []
        for name in containers:
            sent = {**conf, "prevResult": results[name]} if verb == "CHECK" else conf
            took_ms, output = contender.call(verb, sent, name)
            times.append(took_ms)
            if verb == "ADD":
                results[name] = json.loads(output)
        return times

    figures: dict[str, Any] = {
        verb.lower(): spread(each(verb)) for verb in ("ADD", "CHECK", "DEL", "VERSION")
    }
    for verb in ("ADD", "DEL"):
        figures[f"{verb.lower()}_{_ROUNDS}_parallel_total"] = _parallel(contender, verb, conf, containers)
    figures[f"portmap_{_PORTS}_ports"] = _portmap(contender, conf, containers[0])
    figures["ipam_add_by_allocations"] = _ipam(contender)
    return figures


def _parallel(contender: Contender, verb: str, conf: dict[str, Any], containers: list[str]) -> float:
    def one(name: str) -> None:
        contender.call(verb, conf, name)

    with ThreadPoolExecutor(len(containers)) as pool:
        started_s = time.perf_counter()
        list(pool.map(one, containers))
        return round((time.perf_counter() - started_s) * 1000, 1)


def _portmap(contender: Contender, bridge: dict[str, Any], container: str) -> dict[str, Any]:
    """With iptables, the default, and where the contender has it with nf_tables."""
    _, output = contender.call("ADD", bridge, container)
    ports = [{"hostPort": 20_000 + n, "containerPort": 80, "protocol": "tcp"} for n in range(_PORTS)]
    conf = {
        "cniVersion": "1.0.0",
        "name": "bench",
        "type": "portmap",
        "runtimeConfig": {"portMappings": ports},
        "prevResult": json.loads(output),
    }
    figures: dict[str, Any] = {}
    backends = (
        ("iptables", "nftables") if contender.data_dir.rpartition("/")[2] != "reference" else ("iptables",)
    )
    for backend in backends:
        sent = conf if backend == "iptables" else {**conf, "backend": backend}
        times: dict[str, list[float]] = {"add": [], "del": []}
        for _ in range(5):
            times["add"].append(contender.call("ADD", sent, container)[0])
            times["del"].append(contender.call("DEL", sent, container)[0])
        figures[backend] = {verb: spread(found) for verb, found in times.items()}
    contender.call("DEL", bridge, container)
    return figures


def _ipam(contender: Contender) -> dict[str, Any]:
    """host-local alone, with so many addresses taken."""
    conf = contender.bridge("ipam")
    folder = Path(contender.data_dir) / "ipam"
    folder.mkdir(parents=True)
    figures: dict[str, Any] = {}
    present = 0

    def call(verb: str, name: str) -> float:
        return contender.call(verb, conf, name, plugin="host-local")[0]

    for count in _ALLOCATIONS:
        for number in range(present, count):
            address = f"10.200.{(number + 512) // 250}.{(number + 512) % 250 + 1}"
            (folder / address).write_text(f"taken{number}\r\neth0")
        present = count
        call("ADD", "first")  # ours reads the files of others once
        times = [call("ADD", f"c{number}") for number in range(10)]
        for name in ("first", *(f"c{number}" for number in range(10))):
            call("DEL", name)
        figures[str(count)] = spread(times)
    return figures


if __name__ == "__main__":
    print(json.dumps(_inside()))
