"""kcni: install, exec, ls, gc, doctor."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]


@pytest.fixture
def kcni(host):
    """kcni("ls") runs it in the host's namespace: exit status, output, errors."""

    def run(*arguments):
        argv = [sys.executable, "-m", "cni.cli", *arguments]
        done = host.run(lambda: subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False))
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("shim", ["python", "auto"])
def test_install_leaves_nothing_but_the_plugins(kcni, tmp_path, shim):
    folder = tmp_path / "bin"
    for _ in range(2):
        code, output, errors = kcni("install", "--bin-dir", str(folder), "--shim", shim)
        assert code == 0, errors
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(
        ["bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp", "static", "tuning"]
    )
    assert output.split() == [str(folder / name) for name in names]
    assert len({path.stat().st_ino for path in folder.iterdir()}) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".podnet")) == []
    done = subprocess.run(
        [folder / "bridge"], env={"CNI_COMMAND": "VERSION"}, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["supportedVersions"][-1] == "1.1.0"


def test_install_does_not_touch_a_configuration_that_is_there(kcni, tmp_path):
    folder, conf = str(tmp_path / "bin"), tmp_path / "net.d"
    arguments = ("install", "--bin-dir", folder, "--conf-dir", str(conf), "--subnet", "10.1.0.0/24")
    assert kcni(*arguments)[0] == 0
    body = json.loads((conf / "10-podnet.conflist").read_text())
    assert (body["cniVersion"], body["cniVersions"]) == ("1.0.0", ["0.4.0", "1.0.0", "1.1.0"])
    (conf / "10-podnet.conflist").write_text("mine")
    assert kcni(*arguments)[0] == 0
    assert (conf / "10-podnet.conflist").read_text() == "mine"


def test_install_says_why_it_cannot(kcni, tmp_path):
    (tmp_path / "file").touch()
    code, _, errors = kcni("install", "--bin-dir", str(tmp_path / "file" / "bin"))
    assert code == 1
    assert errors.startswith("kcni: cannot write to ")
    assert kcni("install", "--bin-dir", str(tmp_path / "b"), "--plugin", "nope")[2].startswith(
        "kcni: no plugin is called nope"
    )
    assert kcni("install")[0] == 2


def test_exec_ls_and_gc(host, kcni, tmp_path):
    conf_dir = tmp_path / "net.d"
    conf_dir.mkdir()
    bridge = host.conf(isGateway=True, version="1.1.0")
    body = {
        "cniVersion": "1.1.0",
        "name": host.network,
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
    (conf_dir / "10-test.conflist").write_text(json.dumps(body))
    path = host.container()
    common = ("--conf-dir", str(conf_dir), "--bin-dir", host.bin_dir)
    ports = json.dumps({"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]})
    args = "K8S_POD_NAMESPACE=d;K8S_POD_NAME=web-0"
    code, output, errors = kcni(
        "exec", "add", host.network, path, *common, "--capability-args", ports, "--args", args
    )
    assert code == 0, errors
    assert json.loads(output)["ips"][0]["address"] == "10.77.0.2/24"
    assert "8080" in host.sh("iptables-save", "-t", "nat")
    assert kcni("exec", "check", host.network, path, *common, "--capability-args", ports)[0] == 0
    listed = kcni("ls", "--network", host.network, "--data-dir", host.data_dir)[1]
    assert "d/web-0" in listed
    assert "10.77.0.2" in listed
    assert kcni("exec", "status", host.network, *common)[0] == 0
    assert kcni("exec", "del", host.network, path, *common)[0] == 0
    assert host.left_over() == ([], [], [])
    code, _, errors = kcni("exec", "add", "absent", path, *common)
    assert (code, errors) == (1, f"kcni: no network is called absent in {conf_dir}\n")
    code, _, errors = kcni("exec", "add", host.network, "/absent", *common)
    assert code == 1
    assert errors.startswith("kcni: ADD of bridge: failed to open netns")


def test_gc_by_hand_forgets_the_dead(host, kcni):
    conf, path = host.conf(isGateway=True), host.container()
    host.add(conf, path)
    os.system(f"umount {path} && rm {path}")
    deadline_s = time.monotonic() + 90
    while any(name.startswith("veth") for name in host.links()):  # the kernel ends namespaces in its own time
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    code, output, errors = kcni("gc")
    assert code == 0, errors
    assert host.left_over() == ([], [], [])
    assert "forgotten" in output


def test_doctor_names_what_is_wrong_and_the_mend(host, kcni, tmp_path):
    conf_dir = tmp_path / "net.d"
    conf_dir.mkdir()
    (conf_dir / "10-a.conflist").write_text("{")
    host.add(host.conf(isGateway=True), host.container())
    host.sh("sysctl", "-w", "net.ipv4.ip_forward=0")
    host.sh("iptables", "-P", "FORWARD", "DROP")
    code, output, _ = kcni("doctor", "--conf-dir", str(conf_dir))
    assert code == 1
    assert "net.ipv4.ip_forward is 0" in output
    assert "mend: sysctl -w net.ipv4.ip_forward=1" in output
    assert "10-a.conflist" in output
    assert "chain ip filter FORWARD drops" in output
