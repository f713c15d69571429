"""In a guest modules come when they are asked for; what only appears with its module must be asked for first."""

import os

import pytest

from linux import process

_MODULES = ("br_netfilter", "nf_conntrack", "sctp")


@pytest.fixture(scope="session", autouse=True)
def _modules() -> None:
    if "PODNET_GUEST" in os.environ:
        process.run(["modprobe", "-a", *_MODULES])
