"""What the kubelet's lists show: the pods a node was given, those that really run, and how the agent was told to work."""

from collections.abc import Iterable
from typing import Any

from nodeagent.options import Options
from nodeagent.pods.drive import PodWorker


def pod_list(pods: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": list(pods)}


def running_pods(workers: Iterable[PodWorker]) -> dict[str, Any]:
    """Names and containers of what lives now, found on the node and not in the API."""
    items = []
    for worker in workers:
        records = [record for record in worker.runtime.containers if record.running]
        if records:
            meta = worker.pod.metadata
            containers = [{"name": record.name, "image": record.image, "resources": {}} for record in records]
            items.append(
                {
                    "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
                    "spec": {"containers": containers},
                    "status": {},
                }
            )
    return pod_list(items)


def configuration(options: Options) -> dict[str, Any]:
    """The options under the kubelet's names where it has such a field, and all of them as this agent names them."""
    return {
        "kubeletconfig": {
            "port": options.port,
            "address": options.bind_address or "0.0.0.0",
            "clusterDNS": list(options.cluster_dns),
            "clusterDomain": options.cluster_domain,
            "staticPodPath": options.static_pod_dir,
            "maxPods": options.max_pods,
            "podPidsLimit": -1 if options.pod_max_pids is None else options.pod_max_pids,
            "containerLogMaxSize": str(options.log_max_bytes),
            "containerLogMaxFiles": options.log_max_files,
            "allowedUnsafeSysctls": list(options.unsafe_sysctls),
            "evictionHard": dict(part.split("<", 1) for part in options.eviction_hard.split(",") if part),
            "evictionSoft": dict(part.split("<", 1) for part in options.eviction_soft.split(",") if part),
            "evictionSoftGracePeriod": dict(
                part.split("=", 1) for part in options.eviction_soft_lasting.split(",") if part
            ),
            "evictionMaxPodGracePeriod": options.eviction_longest_grace_s,
            "systemReserved": dict(options.reserved),
            "registerWithTaints": [
                {"key": key, "value": value, "effect": effect} for key, value, effect in options.taints
            ],
            "seccompDefault": options.seccomp_default,
            "nodeLeaseDurationSeconds": options.lease_s,
            "resolvConf": options.resolv_conf,
        },
        "knode": options._asdict(),
    }
