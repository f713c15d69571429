import pytest

from nodeagent.pods.resolv import ResolvConf, only_loopback, parse, pod_resolv

NODE = ResolvConf(("192.0.2.53",), ("corp.example",), ("edns0",))


def of(pod, **spec):
    conf = pod_resolv(
        pod(**spec).spec, "shop", cluster_dns=("10.96.0.10",), cluster_domain="cluster.local", node=NODE
    )
    return str(conf)


def test_cluster_first_asks_the_cluster_and_searches_its_domains_then_the_nodes(pod):
    assert of(pod) == (
        "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\n"
        "nameserver 10.96.0.10\n"
        "options ndots:5\n"
    )


@pytest.mark.parametrize("spec", [{"dnsPolicy": "Default"}, {"hostNetwork": True}])
def test_default_and_host_network_take_the_nodes_own(pod, spec):
    assert of(pod, **spec) == "search corp.example\nnameserver 192.0.2.53\noptions edns0\n"


def test_host_network_may_ask_the_cluster_expressly(pod):
    text = of(pod, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet")
    assert "nameserver 10.96.0.10" in text


def test_dns_config_adds_and_overrides(pod):
    config = {
        "nameservers": ["192.0.2.1"],
        "searches": ["a.example", "cluster.local"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "rotate"}],
    }
    assert of(pod, dnsPolicy="None", dnsConfig=config) == (
        "search a.example cluster.local\nnameserver 192.0.2.1\noptions ndots:2 rotate\n"
    )
    text = of(pod, dnsConfig=config)
    assert text.splitlines()[1:] == [
        "nameserver 10.96.0.10",
        "nameserver 192.0.2.1",
        "options ndots:2 rotate",
    ]
    assert text.splitlines()[0].endswith("corp.example a.example")


def test_a_resolv_conf_is_read_as_the_library_reads_it():
    text = "# c\nnameserver 1.1.1.1 ; x\nsearch old\nsearch a. b .\noptions ndots:2 rotate\nfoo bar\n"
    assert parse(text) == ResolvConf(("1.1.1.1",), ("a", "b"), ("ndots:2", "rotate"))


def test_a_stub_on_the_loopback_is_noticed():
    assert only_loopback(ResolvConf(("127.0.0.53",)))
    assert not only_loopback(ResolvConf(("127.0.0.53", "192.0.2.1")))
    assert not only_loopback(ResolvConf())
