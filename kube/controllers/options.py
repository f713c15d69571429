"""Everything an operator may set, timings first. All durations in seconds."""

from __future__ import annotations

import msgspec


class ControllerOptions(msgspec.Struct, frozen=True, kw_only=True):
    cluster_cidrs: tuple[str, ...] = ()
    node_cidr_mask_size_ipv4: int = 24
    node_cidr_mask_size_ipv6: int = 64
    root_ca_pem: str = ""  # published as ConfigMap kube-root-ca.crt; "" publishes none
    signing_certificate_file: str = ""  # the CA that signs CertificateSigningRequests; "" signs none
    signing_key_file: str = ""
    signing_duration_s: float = 365 * 24 * 3600.0  # at most; requests may ask for less
    load_balancer_pool: tuple[str, ...] = ()  # CIDRs or first-last ranges

    workers: int = 5
    burst_replicas: int = 500
    endpoint_batch_s: float = 1.0
    max_endpoints_per_slice: int = 100

    node_monitor_period_s: float = 5.0
    node_monitor_grace_s: float = 50.0
    node_startup_grace_s: float = 60.0
    node_eviction_rate_per_s: float = 0.1
    node_secondary_eviction_rate_per_s: float = 0.01
    unhealthy_zone_threshold: float = 0.55
    large_cluster_nodes: int = 50
    small_zone_evicts: bool = False  # in a mostly dead zone of a small cluster

    # Longest honoured tolerationSeconds for not-ready and unreachable nodes; admission gives every pod 300 s.
    node_toleration_limit_s: float | None = None

    orphaned_pod_quarantine_s: float = 40.0
    orphaned_pod_period_s: float = 20.0
    terminated_pods_kept: int = 12500

    job_batch_s: float = 1.0
    job_backoff_s: float = 10.0
    job_backoff_max_s: float = 600.0

    discovery_period_s: float = 30.0

    quota_batch_s: float = 0.5
    quota_resync_s: float = 300.0

    autoscaler_period_s: float = 15.0
    autoscaler_tolerance: float = 0.1
    downscale_stabilization_s: float = 300.0
    cpu_initialization_s: float = 300.0
    initial_readiness_s: float = 30.0

    @classmethod
    def named(cls, name: str) -> ControllerOptions:
        """`lab`: what a person or a test would wait for happens at once; nothing else differs."""
        if name != "lab":
            return cls()
        return cls(
            endpoint_batch_s=0.02,
            node_monitor_period_s=0.5,
            node_monitor_grace_s=2.0,
            node_startup_grace_s=10.0,
            node_eviction_rate_per_s=10.0,
            node_secondary_eviction_rate_per_s=10.0,
            small_zone_evicts=True,
            node_toleration_limit_s=3.0,
            orphaned_pod_quarantine_s=1.0,
            orphaned_pod_period_s=1.0,
            job_batch_s=0.02,
            discovery_period_s=5.0,
            quota_batch_s=0.02,
            autoscaler_period_s=1.0,
            downscale_stabilization_s=10.0,
            cpu_initialization_s=10.0,
            initial_readiness_s=2.0,
        )
