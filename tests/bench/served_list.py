"""A served list of services as large as one likes, with the metadata that a real server would send along."""

from tests.bench.object_server import CIDRS, NODES, SERVICES, SLICES, ObjectServer

NODE, NODE_IP = "n0", "192.168.0.2"
_CREATED = "2026-01-01T00:00:00Z"
SERVED_PORT = 8080


def service_ip(number: int) -> str:
    return f"10.{96 + number // 65536}.{number // 256 % 256}.{number % 256}"


def endpoint_ip(number: int) -> str:
    return f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"


def _metadata(name: str, uid: str, revision: int, **more: object) -> dict[str, object]:
    """As the server writes it, with the fields of one manager."""
    manager = {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": _CREATED}
    manager |= {
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:ports": {}, "f:selector": {}, "f:type": {}}},
    }
    return {
        "name": name,
        "namespace": "default",
        "uid": uid,
        "resourceVersion": str(revision),
        "creationTimestamp": _CREATED,
        "managedFields": [manager],
        **more,
    }


def service(number: int) -> dict[str, object]:
    """ClusterIP service `default/s0`…, one TCP port."""
    ip = service_ip(number)
    return {
        "metadata": _metadata(f"s{number}", f"u{number}", 1, labels={"app": f"s{number}"}),
        "spec": {
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": SERVED_PORT}],
            "selector": {"app": f"s{number}"},
            "clusterIP": ip,
            "clusterIPs": [ip],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def endpoint_slice(number: int, ips: list[str], revision: int = 1) -> dict[str, object]:
    """The slice of a service, its endpoints on ten nodes in turn."""
    owner = {"apiVersion": "v1", "kind": "Service", "name": f"s{number}", "uid": f"u{number}"}
    labels = {
        "kubernetes.io/service-name": f"s{number}",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    return {
        "metadata": _metadata(f"s{number}-x", f"e{number}", revision, labels=labels, ownerReferences=[owner]),
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": SERVED_PORT}],
        "endpoints": [
            {
                "addresses": [ip],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": f"n{place % 10}",
                "targetRef": {
                    "kind": "Pod",
                    "namespace": "default",
                    "name": f"s{number}-{place}",
                    "uid": f"p{ip}",
                },
            }
            for place, ip in enumerate(ips)
        ],
    }


def _node() -> dict[str, object]:
    return {
        "metadata": {"name": NODE, "uid": "n0", "resourceVersion": "1"},
        "spec": {"podCIDR": "10.128.0.0/24", "podCIDRs": ["10.128.0.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": NODE_IP}]},
    }


def _cidr() -> dict[str, object]:
    return {
        "metadata": {"name": "kubernetes", "uid": "c0", "resourceVersion": "1"},
        "spec": {"cidrs": ["10.96.0.0/12"]},
    }


class ServedList(ObjectServer):
    """That many services, with that many endpoints each; `change` gives one of them others."""

    def __init__(self, service_count: int, endpoint_count: int) -> None:
        super().__init__()
        self.ips = [
            [endpoint_ip(n * endpoint_count + place) for place in range(endpoint_count)]
            for n in range(service_count)
        ]
        for number, ips in enumerate(self.ips):
            self.put(SERVICES, f"s{number}", service(number))
            self.put(SLICES, f"s{number}", endpoint_slice(number, ips))
        self.put(NODES, NODE, _node())
        self.put(CIDRS, "kubernetes", _cidr())

    def change(self, number: int, ips: list[str]) -> None:
        """Other endpoints of one service, at once on the wire."""
        self.put(SLICES, f"s{number}", endpoint_slice(number, ips, self.next_revision()))
