import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.kinds.selectors import from_object, parse_fields, parse_labels


def kind(group: str, plural: str) -> Kind:
    found = kind_at(group, "v1", plural)
    assert found is not None
    return found


PODS, SERVICES, EVENTS = kind("", "pods"), kind("", "services"), kind("", "events")
LABELS = {"app": "web", "tier": "front", "n": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        (" app = web , tier != back ", True),
        ("app!=web", False),
        ("other!=web", True),
        ("app in (web, api)", True),
        ("app in (api)", False),
        ("app notin (api)", True),
        ("other notin (api)", True),
        ("app", True),
        ("other", False),
        ("!other", True),
        ("!app", False),
        ("empty=", True),
        ("empty", True),
        ("n>4", True),
        ("n<5", False),
        ("app>4", False),
        ("service.kubernetes.io/headless", False),
        ("!service.kubernetes.io/headless,app", True),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert parse_labels(text).matches(LABELS) is matches


def test_without_labels_only_negations_match() -> None:
    assert parse_labels("!a,b!=c").matches(None)
    assert not parse_labels("a").matches(None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("=b", "found '=', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ],
)
def test_label_selectors_that_do_not_parse(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_labels(text)
    assert str(caught.value) == sentence


@given(st.text(alphabet="ab=!,()<> inot", max_size=20))
def test_any_text_is_a_selector_or_a_value_error(text: str) -> None:
    try:
        selector = parse_labels(text)
    except ValueError:
        return
    assert selector.matches({}) in (True, False)


def test_object_selectors() -> None:
    selector = from_object(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["front"]},
                {"key": "x", "operator": "DoesNotExist"},
            ],
        }
    )
    assert selector.matches(LABELS)
    assert not selector.matches({"app": "web"})


def test_an_absent_object_selector_matches_nothing_an_empty_one_everything() -> None:
    assert not from_object(None).matches({})
    assert from_object({}).matches({"a": "b"})


POD = {
    "metadata": {"name": "a", "namespace": "b"},
    "spec": {"nodeName": "n1", "restartPolicy": "Always"},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=a", True),
        ("metadata.name=a,metadata.namespace!=b", False),
        ("spec.nodeName=n1", True),
        ("spec.nodeName==n1", True),
        ("status.phase!=Succeeded,status.phase!=Failed", True),
        ("status.podIP=10.0.0.1", True),
        ("spec.hostNetwork=false", True),
        ("status.nominatedNodeName=", True),
        ("", True),
    ],
)
def test_field_selectors_of_pods(text: str, matches: bool) -> None:
    assert parse_fields(PODS, text).matches(POD) is matches


def test_services_without_cluster_ip_are_not_headless() -> None:
    selector = parse_fields(SERVICES, "spec.clusterIP!=None")
    assert selector.matches({"spec": {"type": "ExternalName"}})
    assert not selector.matches({"spec": {"clusterIP": "None"}})


def test_events_are_selected_by_their_object() -> None:
    event = {"involvedObject": {"kind": "Pod", "name": "a"}, "source": {"component": "knode"}}
    assert parse_fields(EVENTS, "involvedObject.kind=Pod,involvedObject.name=a,source=knode").matches(event)


@pytest.mark.parametrize(
    ("of", "text", "sentence"),
    [
        (PODS, "spec.foo=1", "field label not supported: spec.foo"),
        (
            kind("", "configmaps"),
            "data.a=1",
            '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        (PODS, "abc", "invalid selector: 'abc'; can't understand 'abc'"),
    ],
)
def test_field_selectors_that_are_refused(of: Kind, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_fields(of, text)
    assert str(caught.value) == sentence


def test_escaped_values() -> None:
    selector = parse_fields(PODS, r"metadata.name=a\,b\=c")
    assert selector.exact("metadata.name") == "a,b=c"
