"""Who leads, decided from the Lease as it was seen; clocks of different machines are never compared.

A lease is over when its content has not changed for its duration on the watcher's own monotonic clock.
"""

from typing import NamedTuple

import msgspec

from kube.objects import Lease, LeaseSpec, ObjectMeta


class Terms(NamedTuple):
    """client-go's defaults: the leader gives up before others may take over."""

    lease_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0


class Observed(NamedTuple):
    """The Lease, None when there is none, and when (monotonic seconds) it was last seen to change."""

    lease: Lease | None
    changed_at_s: float


def observe(before: Observed | None, lease: Lease | None, now_s: float) -> Observed:
    if (
        before is not None
        and before.lease is not None
        and lease is not None
        and before.lease.spec == lease.spec
    ):
        return Observed(lease, before.changed_at_s)
    return Observed(lease, now_s)


def leads(observed: Observed, identity: str) -> bool:
    return observed.lease is not None and observed.lease.spec.holder_identity == identity


def wanted(
    observed: Observed, place: ObjectMeta, identity: str, now_s: float, now: str, terms: Terms
) -> Lease | None:
    """What to write to become or stay the leader; None while somebody else is. `now` is RFC 3339 text."""
    lease = observed.lease
    seconds = max(int(terms.lease_s), 1)
    fresh = LeaseSpec(
        holder_identity=identity, lease_duration_seconds=seconds, acquire_time=now, renew_time=now
    )
    if lease is None:
        return Lease(metadata=place, spec=fresh)
    spec = lease.spec
    if spec.holder_identity == identity:
        return msgspec.structs.replace(lease, spec=msgspec.structs.replace(spec, renew_time=now))
    if spec.holder_identity and now_s - observed.changed_at_s < spec.lease_duration_seconds:
        return None
    taken = msgspec.structs.replace(fresh, lease_transitions=spec.lease_transitions + 1)
    return msgspec.structs.replace(lease, spec=taken)


def released(lease: Lease, now: str) -> Lease:
    """So that others need not wait for it to run out."""
    spec = msgspec.structs.replace(
        lease.spec, holder_identity="", lease_duration_seconds=1, renew_time=now, acquire_time=now
    )
    return msgspec.structs.replace(lease, spec=spec)
