"""Forgetting attachments and addresses whose namespaces are gone and whose DEL never came."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator

from cni.attachments import disk
from cni.attachments.record import Record, file_key
from cni.call import World
from cni.daemon.requests import delete_request
from cni.daemon.wire import Answer, Request
from cni.host_local.apply import is_alive as address_is_alive
from cni.host_local.config import DATA_DIR
from cni.host_local.disk import Network
from cni.spec import gojson, netconf
from cni.spec.errors import CniError
from cni.veth.lifecycle_apply import is_alive
from linux.logging_kv import get_logger
from linux.rtnl import Rtnl

logger = get_logger("cni.daemon.reconcile")
_UNRECORDED_GRACE_S = 600.0  # a main plugin that is not ours leaves no record with us
_LINK_PLUGINS = ("bridge", "ptp")


def reconcile(world: World, perform: Callable[[Request], Answer]) -> int:
    """Number of attachments and addresses that were forgotten."""
    forgotten = 0
    with Rtnl() as host:
        names = {link.name for link in host.links(kind="veth")}
    data_dirs = {DATA_DIR}
    for plugin, found in _all_records(world):
        data_dirs.add(_data_dir(found))
        if _is_lost(world, plugin, found, names):
            request = delete_request(found, f"{os.path.dirname(found.request['launcher'])}/{plugin}")
            answer = perform(request)
            if answer.code:
                logger.warning(
                    "could not forget", plugin=plugin, container=found.container_id, error=answer.stdout
                )
            else:
                forgotten += 1
                logger.info("forgotten", plugin=plugin, container=found.container_id, pod=found.pod)
    return forgotten + sum(_release_addresses(world, folder) for folder in data_dirs)


def _all_records(world: World) -> Iterator[tuple[str, Record]]:
    root = f"{world.run_dir}/attachments"
    for plugin in disk.names_in(root):
        for network in disk.names_in(f"{root}/{plugin}"):
            for found in disk.records(world.run_dir, plugin, network):
                yield plugin, found


def _data_dir(found: Record) -> str:
    try:
        conf = netconf.parse(gojson.decode(found.request["stdin"].encode()))
        return conf.ipam.text("dataDir") or DATA_DIR
    except CniError:
        return DATA_DIR


def _is_lost(world: World, plugin: str, found: Record, veths: set[str]) -> bool:
    """A namespace lives on while a veth leads into it, whatever became of its path."""
    if _in_progress(world, plugin, found):
        return False
    if not found.complete:
        return True
    if is_alive(found):
        return False
    return plugin not in _LINK_PLUGINS or found.facts.get("host_ifname") not in veths


def _in_progress(world: World, plugin: str, found: Record) -> bool:
    """Is some process working on this attachment right now?"""
    folder = disk.folder_of(world.run_dir, plugin, found.network)
    try:
        fd = os.open(f"{folder}/{file_key(found.container_id, found.ifname)}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # just gone
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _release_addresses(world: World, data_dir: str) -> int:
    released = 0
    held = {(f.network, f.container_id) for plugin, f in _all_records(world) if plugin in _LINK_PLUGINS}
    for name in disk.names_in(data_dir):
        if name.startswith(".") or not os.path.isdir(f"{data_dir}/{name}"):
            continue
        try:
            with Network(data_dir, name) as network:
                stale = [
                    row
                    for row in network.db.rows()
                    if row.boot_id
                    and not address_is_alive(row, network.boot_id)
                    and (name, row.container_id) not in held
                    and world.now() - row.allocated_at > _UNRECORDED_GRACE_S
                ]
                network.release(stale)
        except (CniError, OSError) as error:
            logger.warning("addresses could not be looked over", network=name, error=error)
            continue
        released += len(stale)
        for row in stale:
            logger.info("address released", network=name, address=row.ip.text, container=row.container_id)
    return released
