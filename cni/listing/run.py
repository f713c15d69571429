"""Attachments by their records, addresses by the store, as aligned columns."""

from __future__ import annotations

import os
import time

from cni.attachments import disk
from cni.call import RUN_DIR
from cni.host_local.apply import is_alive
from cni.host_local.config import DATA_DIR
from cni.host_local.disk import Network


def main(data_dir: str, network: str) -> int:
    attachments = _attachments(network)
    addresses = _addresses(data_dir or DATA_DIR, network)
    if attachments:
        _print(
            ("PLUGIN", "NETWORK", "CONTAINER", "INTERFACE", "POD", "HOST END", "STATE", "AGE"), attachments
        )
    if addresses:
        print() if attachments else None
        _print(("NETWORK", "ADDRESS", "CONTAINER", "INTERFACE", "POD", "STATE", "AGE"), addresses)
    if not attachments and not addresses:
        print("no attachments, no addresses in use")
    return 0


def _attachments(only: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    root = f"{RUN_DIR}/attachments"
    for plugin in disk.names_in(root):
        for network in disk.names_in(f"{root}/{plugin}"):
            if only in ("", network):
                found += [
                    (
                        plugin,
                        network,
                        item.container_id[:13],
                        item.ifname,
                        item.pod or "-",
                        str(item.facts.get("host_ifname", "-")),
                        "complete" if item.complete else "unfinished",
                        _age(item.created_at),
                    )
                    for item in disk.records(RUN_DIR, plugin, network)
                ]
    return found


def _addresses(data_dir: str, only: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for network in disk.names_in(data_dir):
        if network.startswith(".") or only not in ("", network) or not os.path.isdir(f"{data_dir}/{network}"):
            continue
        with Network(data_dir, network) as opened:
            for row in opened.db.rows():
                state = (
                    "in use" if is_alive(row, opened.boot_id) else "imported" if not row.boot_id else "stale"
                )
                found.append(
                    (
                        network,
                        row.ip.text,
                        row.container_id[:13],
                        row.ifname or "-",
                        row.pod or "-",
                        state,
                        _age(row.allocated_at),
                    )
                )
    return found


def _age(since: float) -> str:
    seconds = max(0, int(time.time() - since))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _print(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[place]) for row in (header, *rows)) for place in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
