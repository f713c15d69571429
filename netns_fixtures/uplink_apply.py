"""Gives a lab its uplink and takes it back: a table and a sysctl on the host, a table and default routes in the hub."""

import os

import msgspec

from linux import netns, sysctl
from linux.nft.batch import DeleteTable
from linux.nft.socket import NftSocket
from linux.rtnl import Rtnl
from netns_fixtures.lab_disk import Folder, all_labs
from netns_fixtures.topology import Lab
from netns_fixtures.uplink_plan import Leg, plan_uplink, table_name

_RECORD = "uplink.json"


def create(lab: Lab, folder: Folder) -> list[str]:
    """What was changed on the host, a line each. Recorded before it is done, so that `down` can undo it."""
    legs = plan_uplink(lab)
    changed = {
        leg.forwarding_key: value
        for leg in legs
        if (value := sysctl.read(leg.forwarding_key)) not in (None, "1")
    }
    (folder.root / _RECORD).write_bytes(msgspec.json.encode(changed))
    hub_fd = os.open(folder.netns(lab.hub), os.O_RDONLY | os.O_CLOEXEC)
    try:
        netns.run_in(hub_fd, lambda: _open_hub(legs))
    finally:
        os.close(hub_fd)
    for key in changed:
        sysctl.write(key, 1)
    with NftSocket() as nft:
        for leg in legs:
            nft.apply(leg.host_operations)
    return [
        f"nftables table {table_name(lab.name)}: masquerades {' and '.join(lab.subnets)}",
        *(f"sysctl {key}: {value} → 1" for key, value in changed.items()),
    ]


def _open_hub(legs: tuple[Leg, ...]) -> None:
    with Rtnl() as rtnl, NftSocket() as nft:
        for leg in legs:
            rtnl.add_route(leg.default, via=leg.gateway, replace=True)
            nft.apply(leg.hub_operations)


def remove(folder: Folder) -> None:
    """Undo what the record says, except sysctls that another lab's uplink needs. Absent is fine."""
    try:
        changed = msgspec.json.decode((folder.root / _RECORD).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return
    with NftSocket() as nft:
        for table in nft.tables():
            if table.name == table_name(folder.name):
                nft.apply([DeleteTable(table)])
    others = [Folder(name) for name in all_labs() if name != folder.name]
    heirs = [other for other in others if (other.root / _RECORD).exists()]
    if heirs:
        # The last one to go restores what the first one found.
        path = heirs[0].root / _RECORD
        inherited = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        path.write_bytes(msgspec.json.encode({**inherited, **changed}))
        return
    for key, value in changed.items():
        sysctl.write(key, value)
