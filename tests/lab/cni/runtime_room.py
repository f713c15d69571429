"""A host for container runtimes: namespaces of its own for mounts, network and processes, which all end together.

The image they run is made here of busybox: no registry is asked.
"""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

BUSYBOX = "/bin/busybox"
_APPLETS = ("sh", "sleep", "httpd", "wget", "ping", "ip", "cat", "nc", "echo")
_OWN_FOLDERS = (
    "/run/podnet",
    "/run/netns",
    "/run/lock",
    "/var/lib/cni",
    "/var/lib/podnet",
    "/etc/cni",
    "/opt/cni",
)


class Room:
    """`argv` runs there; what is mounted at the folders above is the room's alone."""

    def __init__(self, bin_dir: str, conflist: dict[str, object]) -> None:
        mounts = " && ".join(f"mkdir -p {folder} && mount -t tmpfs tmpfs {folder}" for folder in _OWN_FOLDERS)
        script = (
            f"{mounts} && mkdir -p /etc/cni/net.d && ln -s {bin_dir} /opt/cni/bin && ip link set lo up && "
            "cat >/etc/cni/net.d/10-podnet.conflist && echo ready && exec sleep infinity"
        )
        self._holder = subprocess.Popen(
            ["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._holder.stdin.write(json.dumps(conflist).encode())
        self._holder.stdin.close()
        assert self._holder.stdout.readline() == b"ready\n"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._pid = children[0]

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()

    def argv(self, *argv: str) -> list[str]:
        return ["nsenter", "-t", self._pid, "-m", "-n", "-p", *argv]

    def sh(self, *argv: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            self.argv(*argv),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, **(env or {})},
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def seen(self, path: str) -> str:
        """A path of the room's as we reach it."""
        return f"/proc/{self._pid}/root{path}"

    def left_over(self) -> dict[str, list[str]]:
        """What attachments may leave behind, empty where nothing is."""
        networks = Path(self.seen("/var/lib/cni/networks"))
        results = Path(self.seen("/var/lib/cni/results"))
        records = Path(self.seen("/run/podnet/cni"))
        return {
            "links": [
                line.split(":")[1].strip()
                for line in self.sh("ip", "-o", "link").splitlines()
                if "veth" in line
            ],
            "addresses": sorted(f.name for f in networks.glob("*/*") if f.name[0].isdigit() or ":" in f.name),
            "results": sorted(f.name for f in results.glob("*")) if results.exists() else [],
            "records": sorted(f.name for f in records.rglob("*") if f.is_file()),
            "rules": [
                line.strip() for line in self.sh("nft", "list", "ruleset").splitlines() if "10.99." in line
            ],
        }


NOTHING: dict[str, list[str]] = {"links": [], "addresses": [], "results": [], "records": [], "rules": []}


def _archive(files: dict[str, bytes | str | None]) -> bytes:
    """Bytes are a file's content, text a link's target, None is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def root_file_system() -> bytes:
    """A tar archive with busybox under its applets' names."""
    links: dict[str, bytes | str | None] = {f"bin/{name}": "busybox" for name in _APPLETS}
    return _archive({"bin": None, "tmp": None, "bin/busybox": Path(BUSYBOX).read_bytes(), **links})


def oci_archive(name: str) -> bytes:
    """An image of one layer that sleeps; name is what containerd calls it."""
    blobs: dict[str, bytes | str | None] = {}

    def add(data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def described(kind: str, body: object) -> dict[str, object]:
        return {"mediaType": f"application/vnd.oci.image.{kind}.v1+json", **add(json.dumps(body).encode())}

    layer = add(root_file_system())
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    config = described(
        "config",
        {
            "architecture": machine,
            "os": "linux",
            "config": {"Entrypoint": ["/bin/sleep", "1000"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        },
    )
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}]
    manifest = described("manifest", {"schemaVersion": 2, "config": config, "layers": layers})
    manifest["annotations"] = {"io.containerd.image.name": name}
    index = {"schemaVersion": 2, "manifests": [manifest]}
    layout = b'{"imageLayoutVersion":"1.0.0"}'
    return _archive({**blobs, "index.json": json.dumps(index).encode(), "oci-layout": layout})
