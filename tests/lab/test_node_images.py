"""Images: imported, built in, and the ones that cannot be had."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from netns_fixtures.cluster_run import Cluster
from nodeagent.images.builtin.apply import find_busybox
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "images") as workload:
        yield workload


def image_archive(path) -> str:
    """A docker archive of two layers; the upper one hides a file of the lower."""

    def layer(files: dict[str, bytes], links: dict[str, str]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o755
                archive.addfile(member, io.BytesIO(data))
            for name, target in links.items():
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, target
                archive.addfile(member)
        return buffer.getvalue()

    import hashlib

    busybox = Path(find_busybox()).read_bytes()
    applets = {f"bin/{name}": "/bin/busybox" for name in ("sh", "sleep", "ls", "cat", "env", "id", "touch")}
    lower = layer({"bin/busybox": busybox, "hidden": b"x", "dir/old": b"1"}, applets)
    upper = layer(
        {
            ".wh.hidden": b"",
            "dir/.wh..wh..opq": b"",
            "dir/new": b"2",
            "etc/passwd": b"web:x:33:34::/home:/bin/sh\n",
        },
        {},
    )
    config = {
        "config": {
            "Cmd": ["sleep", "1000"],
            "Env": ["PATH=/bin", "FROM=image"],
            "WorkingDir": "/dir",
            "User": "web",
            "StopSignal": "SIGKILL",
        },
        "rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in (lower, upper)]},
    }
    manifest = [{"Config": "c.json", "RepoTags": ["shop/web:1"], "Layers": ["1.tar", "2.tar"]}]
    with tarfile.open(path, "w:gz") as archive:
        for name, data in (
            ("c.json", json.dumps(config).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
            ("1.tar", lower),
            ("2.tar", upper),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return str(path)


def test_an_imported_image_runs_as_its_config_says(work: Workload, tmp_path) -> None:
    archive = image_archive(tmp_path / "web.tar.gz")
    subprocess.run(
        [
            str(Path(sys.executable).with_name("klab")),
            "image",
            "import",
            archive,
            "--name",
            work.cluster.lab.name,
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    work.run("imported", {"image": "shop/web:1", "imagePullPolicy": "Always"})
    assert work.sh(
        "imported", "id -u; id -g; echo $FROM; cat /proc/self/cwd/new; ls /dir; ls /hidden 2>&1; true"
    ).split("\n")[:5] == ["33", "34", "image", "2new", "ls: /hidden: No such file or directory"]
    assert any("is used as it was imported" in message for _, message in work.events("imported"))


def test_host_containers_see_the_nodes_programs_and_none_of_its_keys(work: Workload) -> None:
    work.run(
        "host", {"image": "podnet/host", "command": ["sleep", "1000"], "lifecycle": {"stopSignal": "SIGKILL"}}
    )
    assert "GNU" in work.sh("host", "bash --version | head -1")
    secrets = work.cluster.folder.root
    assert "No such file" in work.sh("host", f"ls {secrets} /var/lib/podnet 2>&1; true")
    assert work.sh("host", "touch /written && ls /written").strip() == "/written"
    assert not Path("/written").exists()


def test_images_that_cannot_be_had_say_what_to_do(work: Workload) -> None:
    work.apply(
        work.pod("unknown", {"image": "podnet/nothing"}),
        work.pod("never", {"image": "a/b:1", "imagePullPolicy": "Never"}),
        work.pod("nonsense", {"image": "UPPER CASE"}),
    )

    def reason(name: str) -> str:
        return work.status(name).get("state", {}).get("waiting", {}).get("reason", "")

    until(lambda: reason("unknown") in {"ErrImagePull", "ImagePullBackOff"}, "unknown")
    until(lambda: reason("never") == "ErrImageNeverPull", "never")
    until(lambda: reason("nonsense") == "InvalidImageName", "nonsense")


def test_the_toolbox_answers_http_tcp_and_udp_without_losing_any(work: Workload) -> None:
    ip = work.run("server")["status"]["podIP"]
    script = (
        "import socket,sys,concurrent.futures as f\n"
        f"ip={ip!r}\n"
        "def http(_):\n"
        "  s=socket.create_connection((ip,8080),30); s.sendall(b'GET /any HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
        "  d=b''\n"
        "  while (p:=s.recv(4096)): d+=p\n"
        "  return d.startswith(b'HTTP/1.1 200') and d.endswith(b'server\\n')\n"
        "assert all(http(i) for i in range(300))\n"
        "with f.ThreadPoolExecutor(20) as e: assert all(e.map(http, range(400)))\n"
        "s=socket.create_connection((ip,8080),30); s.sendall(b'hello\\n'); assert s.recv(99)==b'server\\n'\n"
        "s=socket.create_connection((ip,8080),30); assert s.recv(99)==b'server\\n'\n"
        "u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.settimeout(30)\n"
        "for i in range(50): u.sendto(b'x',(ip,8080)); assert u.recv(99)==b'server\\n'\n"
        "print('fine')\n"
    )
    assert work.on_node("python3", "-c", script).strip() == "fine"


def test_the_toolbox_has_its_tools_and_no_compiler(work: Workload) -> None:
    work.run("tools")
    for tool in ("sh", "tar", "cat", "wget", "nslookup", "nc", "ip", "ps"):
        assert work.sh("tools", f"command -v {tool}").strip()
    for tool in ("python3", "cc", "gcc"):
        assert not work.sh("tools", f"command -v {tool}", check=False).strip()
