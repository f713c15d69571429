"""Leaves nothing behind, whatever state the lab was in: each thing is found by its name, none by memory."""

from collections.abc import Callable

from linux import mounts, netns
from linux.rtnl import Rtnl
from netns_fixtures import cgroups_apply, members_run, uplink_apply
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import host_link_name


def tear_down(folder: Folder) -> bool:
    """True if there was anything. Goes on after an error, then raises all of them."""
    existed = folder.root.exists()
    steps: tuple[Callable[[], object], ...] = (
        lambda: uplink_apply.remove(folder),
        lambda: members_run.end_all(folder),
        lambda: _remove_host_link(folder.name),
        lambda: _remove_pins(folder),
        lambda: mounts.umount_tree(str(folder.root)),
        lambda: cgroups_apply.remove(folder.name),
    )
    errors: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"lab {folder.name!r} is not wholly gone", errors)
    folder.remove()
    return existed


def _remove_host_link(lab: str) -> None:
    """Its other end in the hub goes with it."""
    with Rtnl() as rtnl:
        rtnl.delete_link_named(host_link_name(lab))


def _remove_pins(folder: Folder) -> None:
    if folder.pins.exists():
        for pin in folder.pins.iterdir():
            netns.delete(str(pin))
