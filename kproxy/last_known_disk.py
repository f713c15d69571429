"""The objects that a proxy served last, on disk: what a start without an API server goes on with.

Only for the userspace mode, whose listeners end with the process; the kernel keeps the rules of the others.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from kube.objects import EndpointSlice, Node, Service, ServiceCIDR, decode, encode
from kube.objects.value import Object
from linux.logging_kv import get_logger

_log = get_logger("kproxy.last_known")
_KINDS: dict[str, type[Object]] = {
    kind.__name__: kind for kind in (Service, EndpointSlice, Node, ServiceCIDR)
}


def path_of(node_name: str, folder: Path) -> Path:
    return folder / f"{node_name.replace('/', '_')}.jsonl"


def save(path: Path, objects: Iterable[Object]) -> None:
    """Whole or not at all; for the user alone. Failing is said and passed over."""
    draft = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for item in objects:
                file.write(encode(item) + b"\n")
        draft.replace(path)
    except OSError as error:
        _log.warning("the last known state is not kept", file=str(path), error=error.strerror)


def load(path: Path) -> list[Object]:
    """Nothing where there is no such file, or one that cannot be read."""
    try:
        return list(_read(path.read_bytes()))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        _log.warning("the last known state cannot be read", file=str(path), error=str(error))
        with suppress(OSError):
            path.unlink()
        return []


def _read(data: bytes) -> Iterator[Object]:
    for line in data.splitlines():
        yield decode(_KINDS[json.loads(line)["kind"]], line)
