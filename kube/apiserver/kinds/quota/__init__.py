"""ResourceQuota: what objects use of it, which of them it counts, and whether more fits in. Pure."""

from kube.apiserver.kinds.quota.check import Refusal, charge
from kube.apiserver.kinds.quota.scopes import counts
from kube.apiserver.kinds.quota.usage import counted_kinds, is_counted, usage

__all__ = ["Refusal", "charge", "counted_kinds", "counts", "is_counted", "usage"]
