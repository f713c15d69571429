"""JSON names, selectors, and objects to JSON and back."""

import msgspec
import pytest

from kube.objects import (
    Deployment,
    EndpointSlice,
    Event,
    LabelSelector,
    LabelSelectorRequirement,
    ObjectMeta,
    Pod,
    Service,
    decode,
    decode_event,
    decode_list,
    encode,
)
from kube.objects.value import json_name


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("cluster_ip", "clusterIP"),
        ("cluster_ips", "clusterIPs"),
        ("pod_cidrs", "podCIDRs"),
        ("external_ips", "externalIPs"),
        ("load_balancer_ip", "loadBalancerIP"),
        ("downward_api", "downwardAPI"),
        ("container_id", "containerID"),
        ("host_pid", "hostPID"),
        ("set_hostname_as_fqdn", "setHostnameAsFQDN"),
        ("http_get", "httpGet"),
        ("uid", "uid"),
        ("ip", "ip"),
        ("continue_", "continue"),
    ],
)
def test_attributes_have_kubernetes_names(attribute: str, name: str) -> None:
    assert json_name(attribute) == name


def test_reading_ignores_unknown_fields_and_writing_adds_the_kind() -> None:
    pod = decode(
        Pod, b'{"kind":"Pod","metadata":{"name":"a","future":1},"spec":{"containers":[{"name":"c"}]}}'
    )
    assert msgspec.json.decode(encode(pod)) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c"}]},
    }


def test_a_pod_template_keeps_fields_nobody_here_knows() -> None:
    text = b'{"metadata":{"name":"d"},"spec":{"template":{"spec":{"future":{"deep":[1]}}}}}'
    assert decode(Deployment, text).spec.template == {"spec": {"future": {"deep": [1]}}}


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Pod().metadata = ObjectMeta(name="other")  # type: ignore[misc]


def test_values_without_defaults_on_the_server_are_always_written() -> None:
    event = msgspec.json.decode(encode(Event(metadata=ObjectMeta(name="e"), type="Normal")))
    assert event["type"] == "Normal"


def test_a_list_with_null_items_is_empty() -> None:
    listed = decode_list(Service, b'{"items":null,"metadata":{"resourceVersion":"7"}}')
    assert (listed.items, listed.resource_version) == ((), "7")


_EMPTY_SLICE = b'{"metadata":{"name":"s","labels":null},"addressType":"IPv4","endpoints":null,"ports":[{"name":null,"port":80}]}'


def test_a_null_is_an_absent_field() -> None:
    item = decode(EndpointSlice, _EMPTY_SLICE)
    assert (item.metadata.name, item.endpoints, item.ports[0].port) == ("s", (), 80)


def test_an_item_with_nulls_does_not_spoil_the_list() -> None:
    full = b'{"metadata":{"name":"t"},"endpoints":[{"addresses":["10.0.0.1"],"conditions":{"ready":null}}]}'
    listed = decode_list(
        EndpointSlice, b'{"metadata":{"resourceVersion":"7"},"items":[' + _EMPTY_SLICE + b"," + full + b"]}"
    )
    assert [item.metadata.name for item in listed.items] == ["s", "t"]
    assert listed.items[1].endpoints[0].conditions.ready is None


def test_a_wrong_field_is_named_beside_nulls() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.endpoints"):
        decode(EndpointSlice, b'{"metadata":{"name":"s"},"endpoints":"none","ports":null}')


def test_a_list_with_a_wrong_item_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_list(Service, b'{"items":[{"spec":{"ports":"none"}}],"metadata":{}}')


def test_endpoint_conditions_tell_absent_from_false() -> None:
    text = b'{"endpoints":[{"addresses":["10.0.0.1"]},{"addresses":[],"conditions":{"ready":false}}]}'
    first, second = decode(EndpointSlice, text).endpoints
    assert (first.conditions.ready, second.conditions.ready) == (None, False)


def test_a_watch_line_is_split_without_decoding_its_object() -> None:
    kind, raw = decode_event(b'{"type":"ADDED","object":{"metadata":{"name":"x"}}}')
    assert (kind, bytes(raw)) == ("ADDED", b'{"metadata":{"name":"x"}}')


@pytest.mark.parametrize(
    ("requirement", "labels", "matches"),
    [
        (("a", "In", ("1", "2")), {"a": "2"}, True),
        (("a", "In", ("1",)), {}, False),
        (("a", "NotIn", ("1",)), {}, True),
        (("a", "NotIn", ("1",)), {"a": "1"}, False),
        (("a", "Exists", ()), {"a": ""}, True),
        (("a", "DoesNotExist", ()), {"a": ""}, False),
    ],
)
def test_label_selector_requirements(
    requirement: tuple[str, str, tuple[str, ...]], labels: dict[str, str], matches: bool
) -> None:
    key, operator, values = requirement
    selector = LabelSelector(
        match_expressions=(LabelSelectorRequirement(key=key, operator=operator, values=values),)
    )
    assert selector.matches(labels) is matches


def test_an_unknown_operator_is_an_error() -> None:
    selector = LabelSelector(match_expressions=(LabelSelectorRequirement(key="a", operator="Like"),))
    with pytest.raises(ValueError, match="'Like' is none of In"):
        selector.matches({})
