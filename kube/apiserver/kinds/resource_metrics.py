"""The two kinds of metrics.k8s.io: read only, and not stored."""

from kube.apiserver.kinds.kind import READ, Kind

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
NODES = Kind(GROUP, VERSION, "nodes", "NodeMetrics", "", namespaced=False, verbs=READ, singular="node")
PODS = Kind(GROUP, VERSION, "pods", "PodMetrics", "", verbs=READ, singular="pod")
KINDS = (NODES, PODS)


def kind_at(group: str, version: str, plural: str) -> Kind | None:
    return next((kind for kind in KINDS if kind.gvr == (group, version, plural)), None)
