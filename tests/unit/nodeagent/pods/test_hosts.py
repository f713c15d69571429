import msgspec

from kube.objects.pods import HostAlias
from nodeagent.pods.hosts import host_network_hosts, pod_hosts

ALIAS = msgspec.convert({"ip": "192.0.2.9", "hostnames": ["db", "db.example"]}, HostAlias)


def test_a_pods_names_stand_at_each_of_its_addresses():
    lines = pod_hosts(("10.0.0.1", "fd00::1"), "web-0", "web-0.web.shop.svc.cluster.local", ()).splitlines()
    assert lines[0] == "# Kubernetes-managed hosts file."
    assert "127.0.0.1\tlocalhost" in lines
    assert lines[-2:] == [
        "10.0.0.1\tweb-0.web.shop.svc.cluster.local\tweb-0",
        "fd00::1\tweb-0.web.shop.svc.cluster.local\tweb-0",
    ]


def test_aliases_follow_the_rest():
    assert pod_hosts((), "web", "", (ALIAS,)).endswith("192.0.2.9\tdb\tdb.example\n")
    text = host_network_hosts("127.0.0.1 localhost\n", (ALIAS,))
    assert text.startswith("# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n")
    assert text.endswith("db.example\n")
