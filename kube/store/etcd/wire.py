"""etcd's requests and answers as its JSON gateway has them (api/etcdserverpb/rpc.proto of etcd 3.4 to 3.6).

Bytes are base64 and 64-bit numbers are text there; msgspec does both. What is zero or false is left out.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.store.contract import Delete, Expect, Op, Put
from kube.store.etcd.options import Keyspace

RANGE = "/v3/kv/range"
TXN = "/v3/kv/txn"
COMPACTION = "/v3/kv/compaction"
WATCH = "/v3/watch"
ALL_KEYS = b"\0"  # as key and as range_end

UNAVAILABLE = 14  # gRPC's status codes
DEADLINE_EXCEEDED = 4
RESOURCE_EXHAUSTED = 8


class Header(msgspec.Struct, frozen=True):
    revision: int = 0


class KeyValue(msgspec.Struct, frozen=True):
    key: bytes
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0
    version: int = 0


class RangeAnswer(msgspec.Struct, frozen=True):
    header: Header = Header()
    kvs: tuple[KeyValue, ...] = ()
    more: bool = False


class OpAnswer(msgspec.Struct, frozen=True):
    response_range: RangeAnswer | None = None


class TxnAnswer(msgspec.Struct, frozen=True):
    header: Header
    succeeded: bool = False
    responses: tuple[OpAnswer, ...] = ()


class Event(msgspec.Struct, frozen=True):
    kv: KeyValue
    type: str = "PUT"
    prev_kv: KeyValue | None = None


class WatchAnswer(msgspec.Struct, frozen=True):
    """`fragment`: the rest of these events comes with the next answer."""

    header: Header = Header()
    created: bool = False
    canceled: bool = False
    cancel_reason: str = ""
    compact_revision: int = 0
    fragment: bool = False
    events: tuple[Event, ...] = ()


class Failure(msgspec.Struct, frozen=True):
    """A gRPC status."""

    code: int = 0
    message: str = ""


class WatchLine(msgspec.Struct, frozen=True):
    result: WatchAnswer | None = None
    error: Failure | None = None


class EtcdError(Exception):
    """etcd answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def compacted(self) -> bool:
        return "required revision has been compacted" in self.message

    @property
    def future(self) -> bool:
        return "required revision is a future revision" in self.message

    @property
    def transient(self) -> bool:
        """Another server, or the same a little later, may do it."""
        if "database space exceeded" in self.message:
            return False
        return self.code in (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED)

    @property
    def refused(self) -> bool:
        """It certainly did not happen, so that a write may be tried elsewhere."""
        return self.code == RESOURCE_EXHAUSTED or "no leader" in self.message or "learner" in self.message


_FAILURE = msgspec.json.Decoder(Failure, strict=False)
_encode = msgspec.json.Encoder().encode

decode_range = msgspec.json.Decoder(RangeAnswer, strict=False).decode
decode_txn = msgspec.json.Decoder(TxnAnswer, strict=False).decode
decode_watch = msgspec.json.Decoder(WatchLine, strict=False).decode


def failure(status: int, body: bytes) -> EtcdError:
    """What an answer other than 200 says; one that is not etcd's counts as a server that is not there."""
    try:
        found = _FAILURE.decode(body)
    except msgspec.DecodeError:
        text = body[:200].decode(errors="replace").strip()
        return EtcdError(UNAVAILABLE, f"HTTP status {status}: {text}")
    return EtcdError(found.code, found.message or f"HTTP status {status}")


def range_request(
    key: bytes, end: bytes = b"", *, revision: int = 0, limit: int = 0, keys_only: bool = False
) -> bytes:
    """A linearizable read; in key order."""
    request: dict[str, Any] = {"key": key}
    if end:
        request["range_end"] = end
    if revision:
        request["revision"] = revision
    if limit:
        request["limit"] = limit
    if keys_only:
        request["keys_only"] = True
    return _encode(request)


def txn_request(ops: Sequence[Op], keyspace: Keyspace) -> bytes:
    """All expectations as MOD compares; when one fails, the answer tells where the compared keys stand."""
    compare: list[dict[str, Any]] = []
    success: list[dict[str, Any]] = []
    otherwise: list[dict[str, Any]] = []
    for op in ops:
        key = keyspace.etcd_key(op.key)
        if op.expect is not None:
            compare.append({"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": op.expect})
            otherwise.append({"request_range": {"key": key, "keys_only": True}})
        match op:
            case Put(_, value, _):
                success.append({"request_put": {"key": key, "value": value}})
            case Delete():
                success.append({"request_delete_range": {"key": key}})
            case Expect():
                pass
    return _encode({"compare": compare, "success": success, "failure": otherwise})


def compaction_request(revision: int) -> bytes:
    return _encode({"revision": revision})


def watch_request(start_revision: int, *, prev_kv: bool = False) -> bytes:
    """All keys of this etcd from a revision on, in pieces that fit a message."""
    return _encode(
        {
            "create_request": {
                "key": ALL_KEYS,
                "range_end": ALL_KEYS,
                "start_revision": start_revision,
                "prev_kv": prev_kv,
                "fragment": True,
            }
        }
    )


def claim_request(key: bytes, version: int, value: bytes) -> bytes:
    """Write the key if it was written `version` times so far; else tell how often it was."""
    return _encode(
        {
            "compare": [{"key": key, "target": "VERSION", "result": "EQUAL", "version": version}],
            "success": [{"request_put": {"key": key, "value": value}}],
            "failure": [{"request_range": {"key": key}}],
        }
    )
