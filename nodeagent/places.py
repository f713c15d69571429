"""Where the agent keeps what: `root_dir` outlives a reboot, `run_dir` is a tmpfs and does not."""

from typing import NamedTuple


class Places(NamedTuple):
    """Path arithmetic only. Everything of one pod lies below two folders named by its UID."""

    root_dir: str
    run_dir: str

    @property
    def images(self) -> str:
        """This node's OCI image layout."""
        return f"{self.root_dir}/images"

    @property
    def pods_run(self) -> str:
        return f"{self.run_dir}/pods"

    @property
    def pods_root(self) -> str:
        return f"{self.root_dir}/pods"

    @property
    def overlay_mark(self) -> str:
        """There while routes, a tunnel or rules of the overlay may be."""
        return f"{self.run_dir}/overlay"

    @property
    def runtime_root(self) -> str:
        """The OCI runtime's own state (`runc --root`)."""
        return f"{self.run_dir}/oci"

    @property
    def seccomp(self) -> str:
        """Profiles of type Localhost are named relative to this folder."""
        return f"{self.root_dir}/seccomp"

    def pod_run(self, uid: str) -> str:
        """Namespaces, containers' bundles, generated files: gone with a reboot."""
        return f"{self.pods_run}/{uid}"

    def pod_root(self, uid: str) -> str:
        """Logs, emptyDir volumes and writable layers."""
        return f"{self.pods_root}/{uid}"

    def sandbox_record(self, uid: str) -> str:
        return f"{self.pod_run(uid)}/sandbox.json"

    def namespace(self, uid: str, kind: str) -> str:
        """Where a namespace is pinned; `kind` is net, ipc or uts."""
        return f"{self.pod_run(uid)}/ns/{kind}"

    def containers(self, uid: str) -> str:
        return f"{self.pod_run(uid)}/c"

    def container(self, uid: str, name: str, attempt: int) -> str:
        """The bundle of one run of a container."""
        return f"{self.containers(uid)}/{name}.{attempt}"

    def pause(self, uid: str) -> str:
        """The bundle of the process that holds a shared PID namespace."""
        return f"{self.pod_run(uid)}/pause"

    def etc(self, uid: str, name: str) -> str:
        """A file that every container of the pod finds in /etc: hosts, hostname, resolv.conf."""
        return f"{self.pod_run(uid)}/etc/{name}"

    def shm(self, uid: str) -> str:
        return f"{self.pod_run(uid)}/shm"

    def generated_volume(self, uid: str, name: str) -> str:
        """configMap, secret, projected and downwardAPI volumes: secrets must not touch a disk."""
        return f"{self.pod_run(uid)}/volumes/{name}"

    def empty_dir(self, uid: str, name: str) -> str:
        return f"{self.pod_root(uid)}/volumes/{name}"

    def attached_volume(self, uid: str, name: str) -> str:
        """Where an image's files, or the volume bound to a claim, are mounted."""
        return f"{self.pod_run(uid)}/mounts/{name}"

    def writable_layer(self, uid: str, name: str, attempt: int) -> str:
        return f"{self.pod_root(uid)}/layers/{name}.{attempt}"

    def log_dir(self, uid: str, name: str) -> str:
        return f"{self.pod_root(uid)}/logs/{name}"

    def log(self, uid: str, name: str, attempt: int) -> str:
        return f"{self.log_dir(uid, name)}/{attempt}.log"
