"""The plugin executables beside Debian's, in one run and in turns, so that a machine's other load falls on both.

`python -m tests.bench cni`, as root; works in network and mount namespaces of its own. Milliseconds of
wall time as a runtime sees them, from starting the executable to its end. `alone`: ours without the
daemon; `daemon`: with it. `times_faster` is the reference's figure divided by ours.
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
_PARALLEL_ROUNDS = 3
_ROOT = Path(__file__).parents[2]


class Contender:
    """One folder of executables, with containers, addresses and a bridge of its own."""

    def __init__(self, name: str, bin_dir: str, data_dir: str, place: int) -> None:
        self.name = name
        self._bin_dir = bin_dir
        self.data_dir = data_dir
        self._place = place
        self.containers = [f"{name}{number}" for number in range(_ROUNDS)]

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
        place = self._place
        ipam = {
            "type": "host-local",
            "dataDir": self.data_dir,
            "ranges": [[{"subnet": f"10.{place}.0.0/16"}], [{"subnet": f"fd00:{place}::/64"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
        }
        return {
            "cniVersion": "1.0.0",
            "name": f"{network}{place}",
            "type": "bridge",
            "bridge": f"cni{place}",
            "isGateway": True,
            "ipam": ipam,
        }

    def taken(self, number: int) -> str:
        """The name of the file of an address that somebody holds."""
        return f"10.{self._place}.{(number + 512) // 250}.{(number + 512) % 250 + 1}"


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
        figures: dict[str, Any] = {"unit": "ms", "rounds": _ROUNDS}
        figures["alone"] = _compared(folder, own, 200)
        daemon = subprocess.Popen(
            [sys.executable, "-m", "cni.cli", "daemon", "--log-level", "warning"],
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )
        try:
            assert daemon.stdout is not None
            daemon.stdout.readline()
            figures["daemon"] = _compared(folder, own, 210)
        finally:
            daemon.terminate()
            daemon.wait()
        return figures


def _compared(folder: str, own: str, place: int) -> dict[str, Any]:
    contenders = [Contender("ours", own, f"{folder}/ours{place}", place)]
    if os.path.exists(f"{_PEER_DIR}/bridge"):
        contenders.append(Contender("reference", _PEER_DIR, f"{folder}/reference{place}", place + 1))
    else:
        print("bench: no containernetworking-plugins here, nothing to compare with", file=sys.stderr)
    for contender in contenders:
        for name in contender.containers:
            os.close(netns.create(f"/run/netns/{name}"))
    try:
        figures = _figures(contenders)
    finally:
        for contender in contenders:
            for name in contender.containers:
                netns.delete(f"/run/netns/{name}")
    return figures | ({"times_faster": _ratios(figures)} if len(contenders) > 1 else {})


def _figures(contenders: list[Contender]) -> dict[str, Any]:
    figures: dict[str, Any] = {contender.name: {} for contender in contenders}
    for contender in contenders:  # the bridge and the store are made once
        contender.call("ADD", contender.bridge(), contender.containers[0])
        contender.call("DEL", contender.bridge(), contender.containers[0])
    results: dict[str, Any] = {}
    for verb in ("ADD", "CHECK", "DEL", "VERSION"):
        times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for number in range(_ROUNDS):
            for contender in contenders:
                name, conf = contender.containers[number], contender.bridge()
                sent = {**conf, "prevResult": results[name]} if verb == "CHECK" else conf
                took_ms, output = contender.call(verb, sent, name)
                times[contender.name].append(took_ms)
                if verb == "ADD":
                    results[name] = json.loads(output)
        for name, found in times.items():
            figures[name][verb.lower()] = spread(found)
    _parallel(contenders, figures)
    for contender in contenders:
        figures[contender.name][f"portmap_{_PORTS}_ports"] = _portmap(contender)
    _ipam(contenders, figures)
    return figures


def _ratios(figures: dict[str, Any]) -> dict[str, float]:
    """By medians."""
    ours, theirs = figures["ours"], figures["reference"]
    found = {
        verb: theirs[verb]["median"] / ours[verb]["median"] for verb in ("add", "check", "del", "version")
    }
    for verb in ("add", "del"):
        key = f"{verb}_{_ROUNDS}_parallel_total"
        found[f"{verb}_parallel"] = theirs[key]["median"] / ours[key]["median"]
    key = f"portmap_{_PORTS}_ports"
    for backend in ours[key]:
        for verb in ("add", "del"):
            their = theirs[key]["iptables"][verb]["median"]
            found[f"{key}_{backend}_{verb}"] = their / ours[key][backend][verb]["median"]
    return {name: round(value, 1) for name, value in found.items()}


def _parallel(contenders: list[Contender], figures: dict[str, Any]) -> None:
    """Wall time until the last of all is done, three times in turns."""
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(_PARALLEL_ROUNDS):
        for verb in ("ADD", "DEL"):
            for contender in contenders:
                with ThreadPoolExecutor(_ROUNDS) as pool:
                    started_s = time.perf_counter()
                    conf = contender.bridge()
                    list(
                        pool.map(
                            lambda name, c=contender, v=verb, b=conf: c.call(v, b, name), contender.containers
                        )
                    )
                    took_ms = (time.perf_counter() - started_s) * 1000
                times.setdefault((contender.name, verb), []).append(took_ms)
    for (name, verb), found in times.items():
        figures[name][f"{verb.lower()}_{_ROUNDS}_parallel_total"] = spread(found)


def _portmap(contender: Contender) -> dict[str, Any]:
    """With iptables, the default, and where the contender has it with nf_tables."""
    bridge, container = contender.bridge(), contender.containers[0]
    _, output = contender.call("ADD", bridge, container)
    ports = [{"hostPort": 20_000 + n, "containerPort": 80, "protocol": "tcp"} for n in range(_PORTS)]
    conf = {
        "cniVersion": "1.0.0",
        "name": bridge["name"],
        "type": "portmap",
        "runtimeConfig": {"portMappings": ports},
        "prevResult": json.loads(output),
    }
    figures: dict[str, Any] = {}
    for backend in ("iptables",) if contender.name == "reference" else ("iptables", "nftables"):
        sent = conf if backend == "iptables" else {**conf, "backend": backend}
        times: dict[str, list[float]] = {"add": [], "del": []}
        for _ in range(5):
            times["add"].append(contender.call("ADD", sent, container)[0])
            times["del"].append(contender.call("DEL", sent, container)[0])
        figures[backend] = {verb: spread(found) for verb, found in times.items()}
    contender.call("DEL", bridge, container)
    return figures


def _ipam(contenders: list[Contender], figures: dict[str, Any]) -> None:
    """host-local alone, with so many addresses taken."""
    for contender in contenders:
        conf = contender.bridge("ipam")
        folder = Path(contender.data_dir) / conf["name"]
        folder.mkdir(parents=True)
        found: dict[str, Any] = {}
        present = 0

        def call(verb: str, name: str, made: Contender = contender, body: dict[str, Any] = conf) -> float:
            return made.call(verb, body, name, plugin="host-local")[0]

        for count in _ALLOCATIONS:
            for number in range(present, count):
                (folder / contender.taken(number)).write_text(f"taken{number}\r\neth0")
            present = count
            call("ADD", "first")  # ours reads the files of others once
            times = [call("ADD", f"c{number}") for number in range(10)]
            for name in ("first", *(f"c{number}" for number in range(10))):
                call("DEL", name)
            found[str(count)] = spread(times)
        figures[contender.name]["ipam_add_by_allocations"] = found


if __name__ == "__main__":
    print(json.dumps(_inside()))
