"""host-local's verbs."""

from __future__ import annotations

from cni import netns_run
from cni.host_local import config, resolv_conf
from cni.host_local.database.disk import Row
from cni.host_local.disk import Network
from cni.spec import arguments
from cni.spec.addresses import IP, Cidr
from cni.spec.errors import UNAVAILABLE, CniError
from cni.spec.netconf import Attachment
from cni.spec.result import DNS, IPConfig, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.call import Call
    from cni.host_local.config import IpamConf

_NO_IP = IP(32, 0)


def _open(call: Call, conf: IpamConf) -> Network:
    return Network(conf.data_dir, conf.network, call.world.fault, call.world.databases)


def add(call: Call) -> Result:
    conf = config.parse(call)
    dns = _read_dns(conf.resolv_conf)
    with _open(call, conf) as network:
        owner = Row(
            ip=_NO_IP,
            container_id=call.container_id,
            ifname=call.ifname,
            pod=arguments.pod_name(arguments.parse(call.args)),
            netns=call.netns,
            netns_inode=netns_run.inode(call.netns),
            boot_id=network.boot_id,
            allocated_at=call.world.now(),
        )
        chosen = network.reserve(conf.sets, conf.requested, owner)
    ips = []
    for ip, pool in zip(chosen, conf.sets, strict=True):
        item = pool.holding(ip)
        assert item is not None
        ips.append(IPConfig(Cidr(ip, item.subnet.prefix).text, item.gateway.text))
    return Result(ips=tuple(ips), routes=conf.routes, dns=dns)


def _read_dns(path: str) -> DNS:
    if not path:
        return DNS()
    with open(path, encoding="utf-8", errors="replace") as file:
        return resolv_conf.parse(file.read())


def delete(call: Call) -> None:
    conf = config.parse(call)
    with _open(call, conf) as network:
        network.release(network.db.owned(call.container_id, call.ifname))


def check(call: Call) -> None:
    conf = config.parse(call)
    with _open(call, conf) as network:
        if not network.db.owned(call.container_id, call.ifname):
            raise CniError(f"host-local: Failed to find address added by container {call.container_id}")


def gc(call: Call) -> None:
    """Release what no valid attachment holds; without a list only what dead namespaces held."""
    conf = config.parse(call)
    valid = call.conf.valid_attachments
    with _open(call, conf) as network:
        network.release([row for row in network.db.rows() if _is_stale(row, valid, network.boot_id)])


def _is_stale(row: Row, valid: frozenset[Attachment] | None, boot_id: str) -> bool:
    if valid is None:
        return bool(row.boot_id) and not is_alive(row, boot_id)
    if not row.ifname:
        return all(item.container_id != row.container_id for item in valid)
    return Attachment(row.container_id, row.ifname) not in valid


def is_alive(row: Row, boot_id: str) -> bool:
    """Does the namespace this address was given to still exist?"""
    return row.boot_id == boot_id and netns_run.inode(row.netns) == row.netns_inode != 0


def status(call: Call) -> None:
    conf = config.parse(call)
    with _open(call, conf) as network:
        for pool in conf.sets:
            if network.db.count(pool) >= pool.capacity:
                raise CniError(
                    f"no IP addresses available in range set: {pool.text}",
                    code=UNAVAILABLE,
                    details=f"{pool.capacity} of {pool.capacity} in use on network {conf.network}",
                )
