"""The one place to add a controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kube.controllers.aggregation.apply import AggregatedRoles
from kube.controllers.autoscaler.apply import Autoscalers
from kube.controllers.certificates.apply import (
    CertificateApprover,
    CertificateCleaner,
    CertificateSigner,
)
from kube.controllers.context import Context, Controller
from kube.controllers.cronjob.apply import CronJobs
from kube.controllers.daemonset.apply import DaemonSets
from kube.controllers.deployment.apply import Deployments
from kube.controllers.disruption.apply import DisruptionBudgets
from kube.controllers.endpoints.apply import EndpointsObjects
from kube.controllers.endpointslice.apply import EndpointSlices
from kube.controllers.garbage.apply import GarbageCollector
from kube.controllers.ipaddress.apply import IPAddresses
from kube.controllers.job.apply import Jobs
from kube.controllers.loadbalancer.apply import LoadBalancerAddresses
from kube.controllers.mirroring.apply import EndpointMirrors
from kube.controllers.namespace.apply import Namespaces
from kube.controllers.nodeipam.apply import NodeRanges
from kube.controllers.nodelifecycle.apply import NodeLifecycle, TaintEviction
from kube.controllers.podgc.apply import PodCollector
from kube.controllers.quota.apply import ResourceQuotas
from kube.controllers.replicaset.apply import ReplicaSets, ReplicationControllers
from kube.controllers.serviceaccount.apply import RootCertificates, ServiceAccounts
from kube.controllers.servicecidr.apply import ServiceCIDRs
from kube.controllers.statefulset.apply import StatefulSets
from kube.controllers.volumes.apply import VolumeClaims, Volumes
from kube.controllers.volumes.ephemeral import EphemeralClaims
from kube.controllers.volumes.protection import ClaimProtection, VolumeProtection

CONTROLLERS: Final[tuple[Callable[[Context], Controller], ...]] = (
    NodeRanges,
    NodeLifecycle,
    TaintEviction,
    ReplicaSets,
    ReplicationControllers,
    Deployments,
    DaemonSets,
    StatefulSets,
    Jobs,
    CronJobs,
    Autoscalers,
    DisruptionBudgets,
    EndpointSlices,
    EndpointsObjects,
    EndpointMirrors,
    ServiceAccounts,
    RootCertificates,
    AggregatedRoles,
    ResourceQuotas,
    Namespaces,
    GarbageCollector,
    PodCollector,
    LoadBalancerAddresses,
    ServiceCIDRs,
    IPAddresses,
    EphemeralClaims,
    VolumeClaims,
    Volumes,
    ClaimProtection,
    VolumeProtection,
    CertificateApprover,
    CertificateSigner,
    CertificateCleaner,
)
