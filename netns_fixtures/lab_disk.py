"""The lab's folder: what was planned, the pins of its namespaces, keys, logs. It is written before anything is made."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from netns_fixtures.topology import Lab, LabError, Member

HOME = Path(os.environ.get("KLAB_HOME", "/var/lib/klab"))


class Folder:
    """Paths of one lab, and of each member inside."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = HOME / name

    @property
    def plan_file(self) -> Path:
        return self.root / "lab.json"

    @property
    def kubeconfig(self) -> Path:
        return self.kubeconfig_of("admin")

    def kubeconfig_of(self, identity: str) -> Path:
        return self.core / "kubeconfig" / f"{identity}.kubeconfig"

    @property
    def core(self) -> Path:
        """The API server's data and keys."""
        return self.root / "kcore"

    @property
    def cni_bin(self) -> Path:
        return self.root / "cni-bin"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def corefile(self) -> Path:
        return self.root / "Corefile"

    @property
    def pins(self) -> Path:
        return self.root / "ns"

    @property
    def host_netns(self) -> Path:
        """The host's own namespace, for nodes that pull images; not among the pins, whose processes `down` kills."""
        return self.root / "host.netns"

    def netns(self, member: Member) -> Path:
        return self.pins / member.name

    def pid_file(self, member: Member) -> Path:
        return self.root / f"{member.name}.pid"

    def create(self, lab: Lab) -> None:
        """Raises LabError if a lab of this name is there already."""
        try:
            self.root.mkdir(mode=0o711, parents=True)
        except FileExistsError as error:
            again = f"klab down --name {self.name}"
            raise LabError(
                f"lab {self.name!r} exists: end it with '{again}', or choose another --name"
            ) from error
        for folder in (self.logs, self.pins, self.images):
            folder.mkdir(mode=0o755)
        partial = self.plan_file.with_suffix(".new")
        partial.write_bytes(msgspec.json.encode(lab))
        partial.rename(self.plan_file)

    def read(self) -> Lab:
        """The plan of a lab that is up; raises LabError if there is none."""
        lab = self.read_if_there()
        if lab is None:
            raise LabError(f"no lab {self.name!r} is up: start one with 'klab up --name {self.name}'")
        return lab

    def read_if_there(self) -> Lab | None:
        try:
            return msgspec.json.decode(self.plan_file.read_bytes(), type=Lab)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        try:
            HOME.rmdir()
        except OSError:
            pass  # other labs are there


def all_labs() -> list[str]:
    try:
        return sorted(entry.name for entry in HOME.iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []


@contextmanager
def planning() -> Iterator[None]:
    """One at a time: two labs that plan at once would choose the same subnet."""
    HOME.mkdir(mode=0o711, parents=True, exist_ok=True)
    fd = os.open(HOME, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
