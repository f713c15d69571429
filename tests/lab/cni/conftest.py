"""A host in a namespace of its own, containers beside it, and the plugin executables as runtimes run them."""

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import threading
import uuid
from pathlib import Path

import pytest

from cni.call import RUN_DIR
from cni.install.apply import install_plugins
from linux import netns
from linux.rtnl import Rtnl
from tests.lab.cni.daemon_place import Place

PEER_DIR = "/usr/lib/cni"
ROOT = Path(__file__).parents[3]

# Runs a plugin in which the Nth step of ADD or DEL is its last: the process kills itself there.
DYING = """
import os, signal, sys
sys.path.append({root!r})
import cni.run as run
world, left = run.world, [{step}]
def fault(name):
    left[0] -= 1
    if left[0] == 0:
        sys.stderr.write(name)
        sys.stderr.flush()
        if {kill}:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(5, "made to fail at " + name)
run.world = lambda launcher: world(launcher)._replace(fault=fault)
sys.argv[0] = {launcher!r}
run.main()
"""


class PluginFailed(Exception):
    def __init__(self, body):
        super().__init__(body)
        self.code = body["code"]
        self.msg = body["msg"]
        self.details = body.get("details", "")


class Host:
    """A network namespace that plays the host, with a network name and folders no one else has."""

    def __init__(self, folder: Path, bin_dir: str) -> None:
        self.token = uuid.uuid4().hex[:8]
        self.bin_dir = bin_dir
        self.data_dir = str(folder / "networks")
        self.network = f"t{self.token}"
        self.fd = netns.create()
        self._numbers = itertools.count()
        self._paths: list[str] = []

    def close(self) -> None:
        for path in self._paths:
            netns.delete(path)
        shutil.rmtree(f"{RUN_DIR}/hostports/{os.fstat(self.fd).st_ino}", ignore_errors=True)
        for folder in Path(RUN_DIR).glob(f"attachments/*/{self.network}*"):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(self.fd)

    def container(self) -> str:
        """The path of a new container's namespace."""
        path = f"/run/netns/podnet-{self.token}-{next(self._numbers)}"
        os.close(netns.create(path))
        self._paths.append(path)
        return path

    def conf(
        self, plugin="bridge", *, subnets=("10.77.0.0/24", "fd00:77::/64"), ipam=None, version="1.0.0", **more
    ):
        body = {"cniVersion": version, "name": self.network, "type": plugin, **more}
        if subnets:
            routes = [{"dst": "::/0" if ":" in s else "0.0.0.0/0"} for s in subnets]
            body["ipam"] = {
                "type": "host-local",
                "dataDir": self.data_dir,
                "ranges": [[{"subnet": s}] for s in subnets],
                "routes": routes,
                **(ipam or {}),
            }
        return body

    def start(self, verb, conf, path, *, container=None, ifname="eth0", args="", argv=None, env=None):
        """A running plugin. Its container ID is that of its namespace."""
        environment = {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": container or os.path.basename(path or "none"),
            "CNI_NETNS": path,
            "CNI_IFNAME": ifname,
            "CNI_ARGS": args,
            "CNI_PATH": self.bin_dir,
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            **(env or {}),
        }
        command = argv or [f"{self.bin_dir}/{conf['type']}"]
        child = self.run(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd="/",
            )
        )
        with contextlib.suppress(BrokenPipeError):  # VERSION does not read it
            child.stdin.write(json.dumps(conf).encode())
            child.stdin.close()
        return child

    def call(self, verb, conf, path, **options):
        """The parsed result; PluginFailed with the error object."""
        child = self.start(verb, conf, path, **options)
        output, errors = child.stdout.read(), child.stderr.read()
        child.stdout.close()
        child.stderr.close()
        code = child.wait()
        if code < 0:
            return None
        body = json.loads(output) if output else None
        if code:
            raise PluginFailed(body or {"code": -1, "msg": errors.decode()})
        return body

    def add(self, conf, path, **options):
        return self.call("ADD", conf, path, **options)

    def delete(self, conf, path, **options):
        return self.call("DEL", conf, path, **options)

    def check(self, conf, path, result, **options):
        return self.call("CHECK", {**conf, "prevResult": result}, path, **options)

    def refused(self, conf, path, **options):
        """What ADD fails with."""
        with pytest.raises(PluginFailed) as caught:
            self.add(conf, path, **options)
        return caught.value

    def dying(self, verb, conf, path, step, *, kill=True, **options):
        """Dies (or fails) at the step; the exit status, negative for the signal, 0 if there is no such step."""
        text = DYING.format(root=str(ROOT), step=step, kill=kill, launcher=f"{self.bin_dir}/{conf['type']}")
        child = self.start(verb, conf, path, argv=["/usr/bin/python3", "-ISE", "-c", text], **options)
        child.stdout.read()
        child.stderr.read()
        child.stdout.close()
        child.stderr.close()
        return child.wait()

    def run(self, function):
        """What function returns inside the host's namespace."""
        return netns.run_in(self.fd, function)

    def sh(self, *argv, inside=None, check=True):
        """A program's output, in the host's namespace or a container's."""
        with open(inside) if inside else contextlib.nullcontext() as file:
            fd = file.fileno() if file else self.fd
            done = netns.run_in(fd, lambda: subprocess.run(argv, capture_output=True, text=True, check=False))
        if check and done.returncode:
            pytest.fail(f"{' '.join(argv)}: {done.stdout}{done.stderr}")
        return done.stdout if check else done

    def ping(self, path, address, *, wait_s=20):
        """Whether the address answers a container."""
        return self.sh("ping", "-c1", f"-W{wait_s}", address, inside=path, check=False).returncode == 0

    def rtnl(self, path=None):
        """A socket of the host's namespace or of a container's."""
        if path is None:
            return self.run(Rtnl)
        with open(path) as file:
            return netns.run_in(file.fileno(), Rtnl)

    def links(self):
        with self.rtnl() as rtnl:
            return {link.name: link for link in rtnl.links()}

    def addresses_in_use(self):
        folder = Path(self.data_dir) / self.network
        names = (f.name for f in folder.iterdir()) if folder.exists() else ()
        return sorted(name for name in names if name[0].isdigit() or ":" in name)

    def records(self, plugin="bridge"):
        folder = Path(f"/run/podnet/cni/attachments/{plugin}/{self.network}")
        return sorted(f.name for f in folder.iterdir()) if folder.exists() else []

    def left_over(self):
        """Everything that an attachment may leave: host ends, addresses, records."""
        veths = sorted(name for name, link in self.links().items() if link.kind == "veth")
        return veths, self.addresses_in_use(), self.records()


@pytest.fixture(scope="session")
def bin_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("plugins") / "bin")
    install_plugins(folder, shim=os.environ.get("PODNET_TEST_SHIM", "auto"))
    return folder


@pytest.fixture
def host(tmp_path, bin_dir):
    made = Host(tmp_path, bin_dir)
    yield made
    made.close()


@pytest.fixture
def peer(tmp_path, missing):
    """A host whose plugins are Debian's."""
    if not os.path.exists(f"{PEER_DIR}/bridge"):
        missing("Debian's containernetworking-plugins (apt-get install containernetworking-plugins)")
    made = Host(tmp_path, PEER_DIR)
    yield made
    made.close()


class Server:
    """Answers each TCP connection or UDP datagram with `NAME PEER-ADDRESS`, from inside a namespace."""

    def __init__(self, path, name, port, *, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        self.name, self.kind = name, kind
        with open(path) as file:
            self.socket = netns.run_in(file.fileno(), lambda: socket.socket(family, kind))
        self.socket.bind(("", port))
        self.socket.settimeout(0.1)
        self.done = threading.Event()
        if kind == socket.SOCK_STREAM:
            self.socket.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.done.is_set():
            with contextlib.suppress(OSError):
                self._answer()

    def _answer(self):
        if self.kind == socket.SOCK_STREAM:
            connection, peer = self.socket.accept()
            with connection:
                connection.sendall(f"{self.name} {peer[0]}".encode())
        else:
            _, peer = self.socket.recvfrom(100)
            self.socket.sendto(f"{self.name} {peer[0]}".encode(), peer)

    def close(self):
        self.done.set()
        self.thread.join()
        self.socket.close()


@pytest.fixture
def serve():
    servers = []

    def start(*args, **options):
        servers.append(Server(*args, **options))

    yield start
    for server in servers:
        server.close()


def ask(path, address, port, *, kind=socket.SOCK_STREAM, sock=None, patience_s=20):
    """The server's answer, None if there is none in that time: who expects none gives it less."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if sock is None:
        with open(path) as file:
            sock = netns.run_in(file.fileno(), lambda: socket.socket(family, kind))
    with sock if kind == socket.SOCK_STREAM else contextlib.nullcontext():
        sock.settimeout(patience_s)
        try:
            sock.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                sock.send(b"x")
            return sock.recv(100).decode() or None
        except OSError:
            return None


@pytest.fixture(name="ask")
def ask_fixture():
    return ask


@pytest.fixture
def world(host):
    """A network beyond the host: a namespace behind a veth that knows no way to the containers."""
    path = host.container()
    with host.rtnl() as rtnl, open(path) as file:
        rtnl.add_veth("up0", "eth0", peer_netns_fd=file.fileno())
        index = rtnl.link("up0").ifindex
        host.sh("sysctl", "-w", "net.ipv6.conf.up0.accept_dad=0")
        rtnl.set_link(index, up=True)
        rtnl.add_address(index, "192.0.2.1", 24)
        rtnl.add_address(index, "2001:db8::1", 64, nodad=True)
        rtnl.set_link(rtnl.link("lo").ifindex, up=True)
    with host.rtnl(path) as rtnl:
        index = rtnl.link("eth0").ifindex
        rtnl.set_link(index, up=True)
        rtnl.add_address(index, "192.0.2.9", 24)
        rtnl.add_address(index, "2001:db8::9", 64, nodad=True)
    return path


@pytest.fixture
def place(host, tmp_path):
    """A host whose /run/podnet and /var/lib/podnet are its own: a process that holds the mount namespace."""
    script = (
        "mount --make-rprivate / && mkdir -p /run/podnet /run/netns /var/lib/podnet && mount -t tmpfs tmpfs /run/netns && "
        "mount -t tmpfs tmpfs /run/podnet && mount -t tmpfs tmpfs /var/lib/podnet && echo ready && exec sleep infinity"
    )
    holder = host.run(
        lambda: subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    )
    assert holder.stdout.readline() == "ready\n"
    made = Place(host, holder)
    yield made
    made.close()
    holder.kill()
    holder.wait()
    holder.stdout.close()
