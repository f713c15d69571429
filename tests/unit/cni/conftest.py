"""Calls as plugins get them."""

import pytest

from cni.call import Call, World
from cni.spec import netconf


@pytest.fixture
def world(tmp_path):
    ticks = iter(range(1_000_000))
    return World(
        now=lambda: float(next(ticks)),
        token=lambda count: "00" * count,
        stderr=lambda text: None,
        same_netns=lambda path: False,
        run_dir=str(tmp_path / "run"),
    )


@pytest.fixture
def call(world, tmp_path):
    """call({"ranges": …}, container="c1") is an ADD of host-local with that ipam object."""

    def make(
        ipam=None, *, container="c1", ifname="eth0", cni_args="", command="ADD", version="1.0.0", **conf
    ):
        body = {"cniVersion": version, "name": "n1", "type": "host-local", **conf}
        if ipam is not None:
            body["ipam"] = {"type": "host-local", "dataDir": str(tmp_path / "networks"), **ipam}
        return Call(
            command=command,
            container_id=container,
            netns="/run/netns/absent",
            ifname=ifname,
            args=cni_args,
            path="/opt/cni/bin",
            env={},
            stdin=b"",
            conf=netconf.parse(body),
            world=world,
        )

    return make
