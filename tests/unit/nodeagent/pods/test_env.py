import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.objects import Service
from nodeagent.pods.env import environment, expand, service_variables
from nodeagent.pods.fields import PodFacts
from nodeagent.pods.sources import MissingSource, Ref, Source

CONFIG = Source({"COLOR": b"blue", "raw": b"\xff"}, frozenset({"COLOR"}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "1"),
        ("a$(A)b$(B)", "a1b2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NOPE)", "$(NOPE)"),
        ("$A", "$A"),
        ("$", "$"),
        ("$(A", "$(A"),
        ("$()", "$()"),
    ],
)
def test_references_are_expanded_once(text, expected):
    assert expand(text, {"A": "1", "B": "2"}) == expected


@given(st.text(alphabet="ab ()/", max_size=30))
def test_text_without_dollars_is_left_alone(text):
    assert expand(text, {"a": "x"}) == text


def values_of(pod, container, sources=None, services=None):
    spec = pod(containers=[{"name": "main", **container}])
    return environment(
        spec,
        spec.spec.containers[0],
        image_env=("PATH=/bin", "A=image"),
        services=services or {},
        sources=sources or {},
        facts=PodFacts(("10.0.0.1", "fd00::1"), ("192.0.2.1",), 2000, 1 << 30),
        hostname="web",
    )


def test_later_sources_win_over_earlier_ones(pod):
    env = [{"name": "A", "value": "own"}, {"name": "B", "value": "$(A)-$(COLOR)-$(WEB_PORT)"}]
    given = {"env": env, "envFrom": [{"configMapRef": {"name": "cfg"}, "prefix": ""}]}
    values = values_of(pod, given, {Ref("ConfigMap", "cfg"): CONFIG}, {"WEB_PORT": "p", "A": "service"})
    assert (values["A"], values["B"], values["HOSTNAME"]) == ("own", "own-blue-p", "web")
    assert "raw" not in values


def test_fields_and_resources_of_the_pod(pod):
    env = [
        {"name": "IPS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]
    values = values_of(pod, {"env": env, "resources": {"limits": {"cpu": "250m"}}})
    assert values["IPS"] == "10.0.0.1,fd00::1"
    assert (values["LABEL"], values["CPU"], values["MEM"]) == ("", "1", "1024")


def test_a_missing_key_is_an_error_unless_optional(pod):
    ref = {"name": "cfg", "key": "NOPE"}
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": ref}}]
    with pytest.raises(MissingSource, match="couldn't find key NOPE in ConfigMap default/cfg"):
        values_of(pod, {"env": env}, {Ref("ConfigMap", "cfg"): CONFIG})
    with pytest.raises(MissingSource, match='configmap "cfg" not found'):
        values_of(pod, {"env": env}, {Ref("ConfigMap", "cfg"): None})
    optional = [{"name": "X", "valueFrom": {"configMapKeyRef": {**ref, "optional": True}}}]
    assert "X" not in values_of(pod, {"env": optional}, {Ref("ConfigMap", "cfg"): CONFIG})


def service(name, namespace, ip="10.96.0.9", ports=({"port": 80, "name": "http"},)):
    body = {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": list(ports)},
    }
    return msgspec.convert(body, Service)


def test_services_of_the_namespace_and_the_api_are_told():
    listed = [
        service("my-web", "here"),
        service("other", "there"),
        service("kubernetes", "default", "10.96.0.1", ({"port": 443, "name": "https"},)),
        service("headless", "here", "None"),
    ]
    values = service_variables(listed, "here", links=True)
    assert values["MY_WEB_SERVICE_HOST"] == "10.96.0.9"
    assert values["MY_WEB_SERVICE_PORT_HTTP"] == "80"
    assert values["MY_WEB_PORT_80_TCP"] == "tcp://10.96.0.9:80"
    assert values["KUBERNETES_SERVICE_PORT"] == "443"
    assert not any(name.startswith(("OTHER", "HEADLESS")) for name in values)
    assert not any(n.startswith("MY_WEB") for n in service_variables(listed, "here", links=False))
