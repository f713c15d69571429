"""What a plugin has done, or was about to do, for one attachment. Pure."""

from __future__ import annotations

from cni.spec import arguments
from cni.spec.digest import sha512_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple

    from cni.call import Call
else:
    from linux.records import NamedTuple

_LONGEST_KEY = 200  # a file name may have 255 bytes


class Record(NamedTuple):
    """One attachment as one plugin knows it; `facts` are the plugin's own."""

    network: str
    container_id: str
    ifname: str
    netns: str
    netns_inode: int
    boot_id: str
    pod: str
    """namespace/name where the runtime says it, else ""."""
    created_at: float
    complete: bool
    """False while ADD is under way: what it left behind when it died is rolled back by whoever comes next."""
    facts: dict[str, Any]
    request: dict[str, str]
    """CNI_ARGS, CNI_PATH and the configuration of ADD: enough to repeat its parts, or to do its DEL."""


def file_key(container_id: str, ifname: str) -> str:
    """A file name: no two attachments share one, since neither part may hold a colon."""
    key = f"{container_id}:{ifname}"
    return key if len(key.encode("utf-8", "surrogateescape")) <= _LONGEST_KEY else sha512_hex(key)[:64]


def start(call: Call, *, netns_inode: int, boot_id: str, facts: dict[str, Any]) -> Record:
    return Record(
        network=call.conf.name,
        container_id=call.container_id,
        ifname=call.ifname,
        netns=call.netns,
        netns_inode=netns_inode,
        boot_id=boot_id,
        pod=arguments.pod_name(arguments.parse(call.args)),
        created_at=call.world.now(),
        complete=False,
        facts=facts,
        request={
            "CNI_ARGS": call.args,
            "CNI_PATH": call.path,
            "launcher": call.world.launcher,
            "stdin": call.stdin.decode("utf-8", "replace"),
        },
    )


def from_json(value: Any) -> Record | None:
    """None for what is not a whole record, such as the half line a killed writer leaves."""
    if not isinstance(value, dict) or not set(Record._fields) <= set(value):
        return None
    return Record(**{field: value[field] for field in Record._fields})
