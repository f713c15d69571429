"""Traffic control: token bucket qdiscs, and redirecting what arrives to another device."""

from linux.tc.messages import Qdisc, TokenBucket
from linux.tc.socket import TrafficControl

__all__ = ["Qdisc", "TokenBucket", "TrafficControl"]
