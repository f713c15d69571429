"""A lab as an object, for tests and scripts: `with Cluster.up("name") as cluster: cluster.kubectl("get", "nodes")`."""

import asyncio
import os
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from kube.client import Client
from linux import netns, process
from linux.process import Completed
from netns_fixtures import members_run, teardown_apply, up_run
from netns_fixtures.lab_disk import Folder
from netns_fixtures.last_words_disk import last_words
from netns_fixtures.topology import Family, Lab, Ways

T = TypeVar("T")


class Cluster:
    def __init__(self, lab: Lab, folder: Folder) -> None:
        self.lab = lab
        self.folder = folder

    @classmethod
    @contextmanager
    def up(
        cls,
        name: str,
        *,
        node_count: int = 3,
        family: Family = "dual",
        proxy_mode: str = "nftables",
        ways: Ways = "routes",
        timeout_s: float = 180,
        node_grace_s: float = 8,
    ) -> Iterator["Cluster"]:
        """All Nodes Ready inside the context, nothing left after it. A node may be silent longer than in klab's labs: a
        machine short of CPU keeps some renewals of its Lease back.
        """
        lab = up_run.bring_up(
            name,
            node_count=node_count,
            family=family,
            proxy_mode=proxy_mode,
            ways=ways,
            timeout_s=timeout_s,
            node_grace_s=node_grace_s,
            say=lambda _text: None,
        )
        folder = Folder(name)
        try:
            yield cls(lab, folder)
        except Exception:
            print(last_words(folder, 20))  # for who reads why a test failed, when the lab is no more
            raise
        finally:
            teardown_apply.tear_down(folder)

    def client(self) -> Client:
        """As administrator; for use inside a running loop."""
        return Client.from_kubeconfig(str(self.folder.kubeconfig), user_agent="netns-fixtures")

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run one coroutine that makes its own client."""
        return asyncio.run(coroutine)

    def kubectl(
        self,
        *arguments: str,
        input: bytes = b"",  # noqa: A002 - as linux.process.run has it
        check: bool = True,
        timeout_s: float = 180,
    ) -> Completed:
        """The real kubectl, as administrator."""
        environment = {**os.environ, "KUBECONFIG": str(self.folder.kubeconfig), "HOME": str(self.folder.root)}
        return process.run(
            ["kubectl", *arguments], input=input, env=environment, check=check, timeout_s=timeout_s
        )

    def exec(
        self, node: str, argv: Sequence[str], *, check: bool = True, timeout_s: float = 180
    ) -> Completed:
        """A command inside a node, or inside "hub"."""
        member = self.lab.member(node)
        pid = members_run.find(self.folder, member)
        assert pid is not None, f"{node} has ended"
        return process.run(members_run.exec_argv(pid, member, list(argv)), check=check, timeout_s=timeout_s)

    def netns_fd(self, node: str) -> int:
        """The member's network namespace; the caller closes it. See `linux.netns.run_in`."""
        return os.open(self.folder.netns(self.lab.member(node)), os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """The calling thread's sockets are the node's within the context."""
        fd = self.netns_fd(node)
        try:
            with netns.enter(fd):
                yield
        finally:
            os.close(fd)
