"""podman and containerd, from Debian, with our executables: connectivity, ports, restart, removal, nothing left."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.lab.cni.conftest import ROOT, Server
from tests.lab.cni.cri_client import Cri
from tests.lab.cni.runtime_room import BUSYBOX, NOTHING, Room, oci_archive, root_file_system
from tests.patience import until

pytestmark = pytest.mark.lab

IMAGE = "localhost/pause:1"
CONFLIST = {
    "cniVersion": "1.0.0",
    "cniVersions": ["0.4.0", "1.0.0", "1.1.0"],
    "name": "podnet",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": "10.99.0.0/24"}], [{"subnet": "fd00:99::/64"}]],
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": "firewall"},
        {"type": "tuning"},
    ],
}
PAGE = "echo here >/tmp/index.html; httpd -f -p 80 -h /tmp"


@pytest.fixture
def room(bin_dir, missing):
    if not os.path.exists(BUSYBOX):
        missing("busybox (apt-get install busybox-static)")
    made = Room(bin_dir, CONFLIST)
    yield made
    made.close()


def fetch(room, url):
    return room.sh("busybox", "wget", "-q", "-O", "-", url, check=False)


# --- podman


class Podman:
    def __init__(self, room, folder, bin_dir):
        self.room, self.folder = room, folder
        self.conf = folder / "containers.conf"
        networks = folder / "net.d"
        networks.mkdir()
        self.conf.write_text(
            "[engine]\n"
            'cgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "none"\n'
            "[containers]\n"
            'log_driver = "k8s-file"\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            "[network]\n"
            f'network_backend = "cni"\ncni_plugin_dirs = ["{bin_dir}"]\nnetwork_config_dir = "{networks}"\n'
        )

    def __call__(self, *argv, check=True):
        places = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        places += ["--storage-driver", "vfs", "--tmpdir", str(self.folder / "libpod")]
        return self.room.sh("podman", *places, *argv, check=check, env={"CONTAINERS_CONF": str(self.conf)})


@pytest.fixture
def podman(room, tmp_path, bin_dir, missing):
    if shutil.which("podman") is None:
        missing("podman (apt-get install podman)")
    made = Podman(room, tmp_path, bin_dir)
    if made("info", "--format", "{{.Host.NetworkBackend}}", check=False) != "cni\n":
        missing("a podman with CNI (4.x: later ones have netavark alone)")
    archive = tmp_path / "root.tar"
    archive.write_bytes(root_file_system())
    made("import", str(archive), "box")
    yield made
    made("rm", "--all", "--force", "--time", "0", check=False)
    subprocess.run(["umount", "-R", "-l", str(tmp_path / "root")], check=False, capture_output=True)


def test_podman(room, podman):
    podman(
        "network", "create", "--disable-dns", "--subnet", "10.99.1.0/24", "--subnet", "fd00:99:1::/64", "blue"
    )
    podman("network", "create", "--disable-dns", "--subnet", "10.99.2.0/24", "red")
    podman("run", "-d", "--name", "web", "--network", "blue", "-p", "8080:80", "box", "/bin/sh", "-c", PAGE)
    mac = "c2:11:22:33:44:55"
    podman(
        *("run", "-d", "--name", "client", "--network", "blue", "--ip", "10.99.1.77", "--mac-address", mac),
        *("box", "/bin/sleep", "600"),
    )
    until(lambda: fetch(room, "http://127.0.0.1:8080/") == "here\n", "the page on the host's port")
    assert f"link/ether {mac}" in podman("exec", "client", "/bin/ip", "addr")
    assert "inet 10.99.1.77/24" in podman("exec", "client", "/bin/ip", "addr")
    for address in ("10.99.1.2", "[fd00:99:1::2]"):
        assert podman("exec", "client", "/bin/wget", "-q", "-O", "-", f"http://{address}/") == "here\n"
    assert podman("exec", "client", "/bin/wget", "-q", "-O", "-", "http://10.99.1.1:8080/") == "here\n"

    podman("network", "connect", "red", "client")
    assert "inet 10.99.2.2/24" in podman("exec", "client", "/bin/ip", "addr")
    podman("network", "disconnect", "red", "client")
    assert "10.99.2.2" not in podman("exec", "client", "/bin/ip", "addr")

    podman("restart", "--time", "0", "web")
    until(lambda: fetch(room, "http://127.0.0.1:8080/") == "here\n", "the page after the restart")

    podman("rm", "--force", "--time", "0", "web", "client")
    assert room.left_over() == NOTHING
    assert fetch(room, "http://127.0.0.1:8080/") == ""
    podman("network", "rm", "blue", "red")
    assert room.sh("ip", "-o", "link").count("\n") == 1


# --- containerd


class Containerd:
    def __init__(self, room, folder, bin_dir):
        self.room, self.folder, self.process = room, folder, None
        self.socket = "/run/lock/containerd.sock"
        unwanted = ("aufs", "btrfs", "devmapper", "zfs", "overlayfs")
        disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unwanted]
        cri = '[plugins."io.containerd.grpc.v1.cri"'
        (folder / "config.toml").write_text(
            f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
            f"disabled_plugins = {json.dumps([*disabled, 'io.containerd.internal.v1.opt'])}\n"
            f'[grpc]\naddress = "{self.socket}"\n'
            f'{cri}]\nsandbox_image = "{IMAGE}"\ndisable_cgroup = true\ndisable_apparmor = true\n'
            f'restrict_oom_score_adj = true\n{cri}.containerd]\nsnapshotter = "native"\n'
            f'{cri}.cni]\nbin_dir = "{bin_dir}"\nconf_dir = "/etc/cni/net.d"\n'
        )

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                self.room.argv("containerd", "-c", str(self.folder / "config.toml")), stdout=log, stderr=log
            )
        until(lambda: "Server" in self.ctr("version", check=False), "containerd")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def ctr(self, *argv, check=True):
        return self.room.sh("ctr", "-a", self.socket, "-n", "k8s.io", *argv, check=check)

    @property
    def cri(self):
        return Cri(self.room.seen(self.socket))


@pytest.fixture
def containerd(room, tmp_path, bin_dir, missing):
    if shutil.which("containerd") is None:
        missing("containerd (apt-get install containerd)")
    made = Containerd(room, tmp_path, bin_dir)
    try:
        made.start()
        archive = tmp_path / "image.tar"
        archive.write_bytes(oci_archive(IMAGE))
        made.ctr("image", "import", "--snapshotter", "native", str(archive))
        yield made
    finally:
        made.stop()


def test_ctr_run(room, containerd):
    run = ("run", "--snapshotter", "native", "--rm", "--cni", IMAGE)
    output = containerd.ctr(*run, "one", "/bin/ip", "addr")
    assert "inet 10.99.0.2/24" in output
    assert "inet6 fd00:99::2/64" in output
    assert "0% packet loss" in containerd.ctr(*run, "two", "/bin/ping", "-c", "1", "-W", "30", "10.99.0.1")
    assert room.left_over() == NOTHING


@pytest.fixture
def daemon(room):
    """kcni's, in the room."""
    argv = room.argv(sys.executable, "-m", "cni.cli", "daemon", "--log-level", "warning")
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout.readline() == "kcni daemon: ready\n"
    yield child
    child.terminate()
    child.wait()
    child.stdout.close()


@pytest.mark.parametrize("served", [False, True], ids=["alone", "daemon"])
def test_pod_sandboxes(request, room, containerd, served):
    if served:
        request.getfixturevalue("daemon")
    cri = containerd.cri
    first = cri.run_sandbox("first", (8080, 80))
    second = cri.run_sandbox("second")
    assert cri.address(first) == "10.99.0.2"
    path, other = sorted(
        (f"/run/netns/{name}" for name in os.listdir(room.seen("/run/netns"))),
        key=lambda name: "10.99.0.3" in room.sh("nsenter", f"--net={name}", "ip", "addr"),
    )
    server = Server(room.seen(path), "first", 80)
    try:
        for _ in range(2):
            assert reach(room, "127.0.0.1", 8080).startswith("first ")
            assert reach(room, "10.99.0.2", 80).startswith("first ")
            assert reach(room, "10.99.0.1", 8080, inside=other).startswith("first ")
            containerd.stop()  # its sandboxes live on, and are its own again after the start
            containerd.start()
    finally:
        server.close()
    for sandbox in (first, second):
        cri.stop_sandbox(sandbox)
        cri.stop_sandbox(sandbox)
        cri.remove_sandbox(sandbox)
    assert room.left_over() == NOTHING


def reach(room, address, port, *, inside=None):
    """The server's answer to a connection from the room, or from a namespace in it."""
    enter = ("nsenter", f"--net={inside}") if inside else ()
    return room.sh(*enter, "busybox", "nc", "-w", "60", address, str(port))


def test_a_port_that_another_pod_holds(room, containerd):
    cri = containerd.cri
    first = cri.run_sandbox("first", (8080, 80))
    with pytest.raises(AssertionError, match="refused"):
        cri.run_sandbox("second", (8080, 80))
    log = (containerd.folder / "log").read_text()
    assert "8080" in log
    assert first in log
    cri.stop_sandbox(first)
    cri.remove_sandbox(first)
    assert room.left_over() == NOTHING
