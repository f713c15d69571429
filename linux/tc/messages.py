"""Requests and answers of traffic control, pure (include/uapi/linux/pkt_sched.h, pkt_cls.h)."""

from __future__ import annotations

import struct

from linux.netlink.codec import attr, attr_str, attr_u32, attr_u64, nested, parse_attrs, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from linux.netlink.codec import Message
else:
    from linux.records import NamedTuple

TCMSG = struct.Struct("=BxxxiIII")  # family, ifindex, handle, parent, info
_TBF_PARMS = struct.Struct("=BBHhHI BBHhHI III")  # rate, peak rate; limit, buffer, mtu
_U32_SELECTOR = struct.Struct("=BBBxHHhhI")
_U32_KEY = struct.Struct("=IIii")
_MIRRED = struct.Struct("=IIiiiiI")  # index, capab, action, refcnt, bindcnt, eaction, ifindex

ROOT = 0xFFFFFFFF
INGRESS = 0xFFFFFFF1
INGRESS_HANDLE = 0xFFFF0000
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TBF_PARMS_ATTR, _TBF_RATE64 = 1, 4
_U32_CLASSID, _U32_SEL, _U32_ACT = 1, 5, 7
_U32_TERMINAL = 1
_ETH_P_ALL = 0x0300  # 3, in network order
_TC_ACT_STOLEN = 4
_EGRESS_REDIRECT = 1
_TICKS_A_MICROSECOND = 15.625  # of 64 ns, since kernel 2.6.28 (/proc/net/psched)
_MAX_U32 = 0xFFFFFFFF


class TokenBucket(NamedTuple):
    """tc-tbf(8): rate and burst, and how much may wait."""

    rate_bytes: int
    """A second."""
    limit_bytes: int
    buffer_ticks: int
    """How long the rate takes for the burst."""

    @classmethod
    def of(cls, rate_bits: int, burst_bits: int, latency_us: int) -> TokenBucket:
        rate, burst = rate_bits // 8, burst_bits // 8
        limit = int(rate * latency_us / 1_000_000) + burst
        buffer_us = min(int(burst * 1_000_000 / rate), _MAX_U32)
        return cls(rate, min(limit, _MAX_U32), min(int(buffer_us * _TICKS_A_MICROSECOND), _MAX_U32))


class Qdisc(NamedTuple):
    ifindex: int
    kind: str
    handle: int
    parent: int
    bucket: TokenBucket | None = None


def header(index: int, handle: int = 0, parent: int = 0, info: int = 0) -> bytes:
    return TCMSG.pack(0, index, handle, parent, info)


def token_bucket(index: int, bucket: TokenBucket) -> bytes:
    rate = min(bucket.rate_bytes, _MAX_U32)
    parms = _TBF_PARMS.pack(
        *(0, 0, 0, 0, 0, rate), *(0, 0, 0, 0, 0, 0), bucket.limit_bytes, bucket.buffer_ticks, 0
    )
    options = attr(_TBF_PARMS_ATTR, parms)
    if bucket.rate_bytes > _MAX_U32:
        options += attr_u64(_TBF_RATE64, bucket.rate_bytes)
    return header(index, 0x10000, ROOT) + attr_str(_TCA_KIND, "tbf") + nested(_TCA_OPTIONS, options)


def ingress(index: int) -> bytes:
    return header(index, INGRESS_HANDLE, INGRESS) + attr_str(_TCA_KIND, "ingress")


def redirect(index: int, target: int) -> bytes:
    """A filter on the ingress qdisc that sends everything out of target instead."""
    selector = _U32_SELECTOR.pack(_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + _U32_KEY.pack(0, 0, 0, 0)
    mirred = _MIRRED.pack(0, 0, _TC_ACT_STOLEN, 0, 0, _EGRESS_REDIRECT, target)
    action = nested(1, attr_str(1, "mirred"), nested(2, attr(2, mirred)))
    options = attr_u32(_U32_CLASSID, 0x10001) + attr(_U32_SEL, selector) + nested(_U32_ACT, action)
    info = 1 << 16 | _ETH_P_ALL
    return header(index, 0, INGRESS_HANDLE, info) + attr_str(_TCA_KIND, "u32") + nested(_TCA_OPTIONS, options)


def parse_qdisc(message: Message) -> Qdisc:
    _family, index, handle, parent, _info = TCMSG.unpack_from(message.payload)
    parts = parse_attrs(message.payload, TCMSG.size)
    kind = text(parts.get(_TCA_KIND, b""))
    bucket = None
    if kind == "tbf":
        options = parse_attrs(parts.get(_TCA_OPTIONS, b""))
        values = _TBF_PARMS.unpack_from(options[_TBF_PARMS_ATTR])
        rate = int.from_bytes(options[_TBF_RATE64], "little") if _TBF_RATE64 in options else values[5]
        bucket = TokenBucket(rate, values[12], values[13])
    return Qdisc(index, kind, handle, parent, bucket)
