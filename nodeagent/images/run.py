"""Pulling from a registry with skopeo, and how its errors read to a user of kubectl."""

import os
import shutil
import tempfile

from linux import process
from nodeagent.images.disk import ImageStore
from nodeagent.images.reference import Reference

_PULL_TIMEOUT_S = 600.0
_CONNECTION_ERRORS = (
    "no such host", "connection refused", "i/o timeout", "network is unreachable", "no route to host",
    "server misbehaving", "context deadline exceeded", "connection reset", "temporary failure in name resolution",
)  # fmt: skip


class PullFailed(Exception):
    """The image could not be fetched. `unreachable`: nobody answered, so nothing is known about the image."""

    def __init__(self, message: str, *, unreachable: bool) -> None:
        super().__init__(message)
        self.unreachable = unreachable


def pull(store: ImageStore, reference: Reference, netns_path: str = "", auth: bytes = b"") -> None:
    """Copy the image into the store; with `netns_path` the registry is asked from that network namespace.

    `auth` is the content of a docker config.json with the registries' credentials.
    """
    program = process.find("skopeo")
    if program is None:
        raise PullFailed("skopeo is not installed on this node", unreachable=True)
    scratch = tempfile.mkdtemp(prefix="podnet-pull-")
    argv = [program, "--insecure-policy", "copy"]
    try:
        if auth:
            with open(os.open(f"{scratch}/auth.json", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(auth)
            argv += ["--src-authfile", f"{scratch}/auth.json"]
        argv += [f"docker://{reference}", f"oci:{scratch}/image:pulled"]
        if netns_path:
            argv[:0] = ["nsenter", f"--net={netns_path}"]
        process.run(argv, timeout_s=_PULL_TIMEOUT_S)
        store.import_layout(f"{scratch}/image", str(reference))
    except process.ProgramFailed as error:
        text = error.output.strip().splitlines()[-1:] or ["no message"]
        unreachable = any(sign in error.output.lower() for sign in _CONNECTION_ERRORS)
        raise PullFailed(text[0], unreachable=unreachable) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
