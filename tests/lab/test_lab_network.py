"""What a lab's network gives beyond pods and Services: LoadBalancer addresses, the API from pods, egress when asked for."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from linux import netns, sysctl
from linux.nft.socket import NftSocket
from linux.rtnl import Rtnl
from netns_fixtures import teardown_apply, up_run
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.lab_disk import Folder
from tests.patience import until

pytestmark = pytest.mark.lab


def phase(cluster: Cluster, pod: str) -> str:
    return cluster.kubectl("get", "pod", pod, "-o", "jsonpath={.status.phase}").stdout


@contextmanager
def served(cluster: Cluster, name: str) -> Iterator[None]:
    """A pod of the toolbox, Ready."""
    cluster.kubectl("run", name, "--image=podnet/toolbox", "--labels", f"app={name}")
    try:
        cluster.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=120s")
        yield
    finally:
        cluster.kubectl("delete", "pod", name, "--grace-period=0", "--force")


def test_a_load_balancer_address_of_the_pool_answers_on_the_underlay(lab: Cluster) -> None:
    with served(lab, "balanced"):
        lab.kubectl("expose", "pod", "balanced", "--type=LoadBalancer", "--port=80", "--target-port=8080")
        try:
            until(lambda: balanced_address(lab) != "")
            until(
                lambda: fetched(f"http://{balanced_address(lab)}/") == "balanced"
            )  # nodes take it up a moment later
            holders = [
                node.name
                for node in lab.lab.nodes
                if f" {balanced_address(lab)}/" in lab.exec(node.name, ["ip", "-o", "address"]).stdout
            ]
            assert len(holders) == 1
        finally:
            lab.kubectl("delete", "service", "balanced")


def balanced_address(lab: Cluster) -> str:
    return lab.kubectl(
        "get", "service", "balanced", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}"
    ).stdout


def fetched(url: str) -> str:
    """ "" while nobody answers."""
    try:
        with urlopen(url, timeout=10) as reply:
            text: str = reply.read().decode().strip()
            return text
    except OSError:
        return ""


def test_pods_reach_the_api_by_its_service(lab: Cluster) -> None:
    with served(lab, "caller"):
        script = "wget -q -O - --no-check-certificate https://kubernetes.default/healthz || nc kubernetes.default 443 </dev/null && echo reached"
        assert lab.kubectl("exec", "caller", "--", "sh", "-c", script).stdout.strip() in ("ok", "reached")


def test_datagrams_are_balanced_too(lab: Cluster) -> None:
    with served(lab, "datagram"):
        lab.kubectl("expose", "pod", "datagram", "--protocol=UDP", "--port=8080", "--name=datagram-udp")
        try:
            address = lab.kubectl("get", "service", "datagram-udp", "-o", "jsonpath={.spec.clusterIP}").stdout
            until(lambda: "datagram" in asked(lab, address))
        finally:
            lab.kubectl("delete", "service", "datagram-udp")


def asked(cluster: Cluster, address: str) -> str:
    """What a node hears back from the Service."""
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); "
        f"s.sendto(b'hello', ('{address}', 8080)); print(s.recv(1000))"
    )
    return cluster.exec(cluster.lab.nodes[0].name, ["/usr/bin/python3", "-c", script], check=False).stdout


def test_an_image_of_the_host_runs_the_hosts_programs_and_hides_the_labs_keys(lab: Cluster) -> None:
    lab.kubectl(
        "run",
        "host-image",
        "--image=podnet/host",
        "--restart=Never",
        "--command",
        "--",
        "sh",
        "-c",
        f"python3 -c 'print(6 * 7)'; ls {lab.folder.core}; touch /usr/written && echo wrote",
    )
    try:
        until(lambda: phase(lab, "host-image") == "Succeeded")
        log = lab.kubectl("logs", "host-image").stdout
        assert "42" in log
        assert "wrote" in log
        assert "admin" not in log
        assert "pki" not in log
        assert not os.path.exists("/usr/written")
    finally:
        lab.kubectl("delete", "pod", "host-image", "--grace-period=0", "--force")


@contextmanager
def outside_world() -> Iterator[tuple[str, str]]:
    """A network that only the host reaches: (address out there, the host's address towards it)."""
    fd = netns.create()
    link = f"out{os.getpid() % 10**7}"
    try:
        with Rtnl() as rtnl:
            rtnl.add_veth(link, "eth0", up=True, peer_netns_fd=fd)
            found = rtnl.link(link)
            assert found
            rtnl.add_address(found.ifindex, "198.51.100.1", 24)

        def inside() -> None:
            with Rtnl() as rtnl:
                peer = rtnl.link("eth0")
                assert peer
                rtnl.set_link(peer.ifindex, up=True)
                rtnl.add_address(peer.ifindex, "198.51.100.2", 24)

        netns.run_in(fd, inside)
        yield "198.51.100.2", "198.51.100.1"
    finally:
        os.close(fd)
        with Rtnl() as rtnl:
            rtnl.delete_link_named(link)


def test_an_uplink_is_egress_and_down_undoes_it() -> None:
    name = f"uplink-{os.getpid()}"
    before = (sysctl.read("net/ipv4/ip_forward"), tables())
    with outside_world() as (there, _here):
        lab = up_run.bring_up(
            name,
            node_count=1,
            family="ipv4",
            proxy_mode="nftables",
            timeout_s=180,
            say=lambda _text: None,
            uplink=True,
            node_grace_s=8,
        )
        cluster = Cluster(lab, Folder(name))
        try:
            with served(cluster, "leaving"):
                assert (
                    " 0% packet loss"
                    in cluster.kubectl("exec", "leaving", "--", "ping", "-c", "1", "-W", "20", there).stdout
                )
            assert f"klab-{name}" in tables()
        finally:
            teardown_apply.tear_down(Folder(name))
    assert (sysctl.read("net/ipv4/ip_forward"), tables()) == before


def tables() -> list[str]:
    with NftSocket() as nft:
        return sorted(table.name for table in nft.tables())


def test_without_an_uplink_nothing_leaves(lab: Cluster) -> None:
    with outside_world() as (there, _here), served(lab, "staying"):
        done = lab.kubectl("exec", "staying", "--", "ping", "-c", "1", "-W", "1", there, check=False)
        assert done.code != 0


def test_an_imported_archive_runs_whatever_its_pull_policy(lab: Cluster, tmp_path: object) -> None:
    archive = oci_archive(str(tmp_path), "registry.invalid/team/app:v1")
    done = lab_command(lab, "image", "import", archive)
    assert "registry.invalid/team/app:v1" in done
    lab.kubectl(
        "run",
        "imported",
        "--image=registry.invalid/team/app:v1",
        "--image-pull-policy=Always",
        "--restart=Never",
    )
    try:
        until(lambda: phase(lab, "imported") == "Succeeded")
        assert lab.kubectl("logs", "imported").stdout == "from an archive\n"
    finally:
        lab.kubectl("delete", "pod", "imported", "--grace-period=0", "--force")


def lab_command(cluster: Cluster, *arguments: str) -> str:
    from linux import process

    return process.run([f"{up_run.BIN_DIR}/klab", *arguments, "--name", cluster.lab.name]).stdout


def oci_archive(folder: str, reference: str) -> str:
    """An OCI image layout in a tar: static busybox, and a command that says one line."""
    import gzip
    import hashlib
    import io
    import tarfile

    blobs: dict[str, bytes] = {}

    def blob(data: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"digest": digest, "size": len(data)}

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        busybox = "/bin/busybox"
        info = tarfile.TarInfo("bin/busybox")
        info.mode, info.size = 0o755, os.path.getsize(busybox)
        with open(busybox, "rb") as file:
            tar.addfile(info, file)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/busybox", "echo", "from an archive"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"]},
    }
    layer_blob = blob(gzip.compress(layer.getvalue()))
    config_blob = blob(json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config_blob},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layer_blob}],
    }
    described = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        **blob(json.dumps(manifest).encode()),
    }
    index = {
        "schemaVersion": 2,
        "manifests": [{**described, "annotations": {"org.opencontainers.image.ref.name": reference}}],
    }
    files = {f"blobs/sha256/{digest.split(':')[1]}": data for digest, data in blobs.items()}
    files |= {"index.json": json.dumps(index).encode(), "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    path = os.path.join(folder, "app.tar")
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
