from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.rbac.rules import (
    EVERYTHING,
    Rule,
    RuleTable,
    compact,
    describe,
    keys_of,
    missing,
    parse_rules,
)
from kube.apiserver.requests.request import User

JANE = User("jane")


def allows(rule: Rule, asked: Attributes) -> bool:
    return RuleTable([rule]).allows(asked, () if asked.path else keys_of(asked))


def asked(verb: str, what: str, *, group: str = "", name: str = "") -> Attributes:
    """`what` is resource or resource/subresource, or a path."""
    if what.startswith("/"):
        return Attributes(JANE, verb, path=what)
    resource, _, subresource = what.partition("/")
    return Attributes(JANE, verb, group, "v1", resource, subresource, "web", name)


PODS = Rule(("get", "list"), ("",), ("pods",))
LOGS = Rule(("get",), ("",), ("pods/log",))
SCALES = Rule(("get",), ("*",), ("*/scale",))
NAMED = Rule(("get", "update"), ("",), ("configmaps",), ("one", "two"))
ALL_OF_APPS = Rule(("*",), ("apps",), ("*",))
HEALTH = Rule(("get",), paths=("/healthz", "/healthz/*"))


@pytest.mark.parametrize(
    ("rule", "question", "answer"),
    [
        (PODS, asked("get", "pods"), True),
        (PODS, asked("delete", "pods"), False),
        (PODS, asked("get", "pods", group="metrics.k8s.io"), False),
        (PODS, asked("get", "pods/log"), False),
        (PODS, asked("get", "/healthz"), False),
        (LOGS, asked("get", "pods/log"), True),
        (LOGS, asked("get", "pods"), False),
        (SCALES, asked("get", "deployments/scale", group="apps"), True),
        (SCALES, asked("get", "deployments", group="apps"), False),
        (SCALES, asked("get", "deployments/status", group="apps"), False),
        (NAMED, asked("get", "configmaps", name="one"), True),
        (NAMED, asked("get", "configmaps", name="three"), False),
        (NAMED, asked("list", "configmaps"), False),
        (NAMED, asked("update", "configmaps"), False),
        (ALL_OF_APPS, asked("escalate", "deployments", group="apps"), True),
        (ALL_OF_APPS, asked("get", "deployments/status", group="apps"), True),
        (ALL_OF_APPS, asked("get", "pods"), False),
        (HEALTH, asked("get", "/healthz"), True),
        (HEALTH, asked("get", "/healthz/etcd"), True),
        (HEALTH, asked("get", "/healthzz"), False),
        (HEALTH, asked("post", "/healthz"), False),
        (Rule(("*",), paths=("*",)), asked("post", "/anything"), True),
        (EVERYTHING[0], asked("impersonate", "users", name="root"), True),
        (EVERYTHING[0], asked("get", "/metrics"), False),
    ],
)
def test_a_rule_allows(rule: Rule, question: Attributes, *, answer: bool) -> None:
    assert allows(rule, question) is answer


@pytest.mark.parametrize(
    ("wanted", "held", "lacking"),
    [
        ([PODS], [PODS], []),
        ([PODS], [Rule(("get",), ("",), ("pods",)), Rule(("list",), ("",), ("pods",))], []),
        ([PODS], [Rule(("get",), ("",), ("pods",))], [Rule(("list",), ("",), ("pods",))]),
        ([PODS], [EVERYTHING[0]], []),
        ([EVERYTHING[0]], [PODS], [EVERYTHING[0]]),
        ([NAMED], [Rule(("get", "update"), ("",), ("configmaps",))], []),
        (
            [Rule(("get",), ("",), ("configmaps",))],
            [NAMED],
            [Rule(("get",), ("",), ("configmaps",))],
        ),
        (
            [NAMED],
            [Rule(("*",), ("",), ("configmaps",), ("one",))],
            [
                Rule(("get",), ("",), ("configmaps",), ("two",)),
                Rule(("update",), ("",), ("configmaps",), ("two",)),
            ],
        ),
        ([Rule(("get",), ("apps",), ("deployments/scale",))], [SCALES], []),
        (
            [Rule(("get",), ("apps",), ("deployments/status",))],
            [SCALES],
            [Rule(("get",), ("apps",), ("deployments/status",))],
        ),
        ([HEALTH], [Rule(("get",), paths=("/*",))], []),
        ([HEALTH], [Rule(("get",), paths=("/healthz",))], [Rule(("get",), paths=("/healthz/*",))]),
        ([Rule(("get",), paths=("*",))], [HEALTH], [Rule(("get",), paths=("*",))]),
    ],
)
def test_what_is_missing_comes_in_pieces(wanted: list[Rule], held: list[Rule], lacking: list[Rule]) -> None:
    assert missing(wanted, held) == lacking


def test_pieces_are_put_together_again_for_the_message() -> None:
    pieces = missing([Rule(("get", "list"), ("", "apps"), ("pods",))], [])
    assert [describe(rule) for rule in compact(pieces)] == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
        '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}',
    ]
    assert describe(HEALTH) == '{NonResourceURLs:["/healthz" "/healthz/*"], Verbs:["get"]}'
    assert 'ResourceNames:["one" "two"]' in describe(NAMED)


def test_lists_that_are_null_are_empty() -> None:
    rules = parse_rules([{"verbs": ["get"], "apiGroups": None, "resources": None, "nonResourceURLs": ["/a"]}])
    assert rules == (Rule(("get",), paths=("/a",)),)
    assert parse_rules(None) == ()


def some(values: tuple[str, ...], least: int = 1) -> st.SearchStrategy[tuple[str, ...]]:
    subsets = chain.from_iterable(combinations(values, size) for size in range(least, len(values) + 1))
    return st.sampled_from(list(subsets))


RULES = st.builds(
    Rule,
    verbs=some(("get", "list", "*")),
    groups=some(("", "apps", "*")),
    resources=some(("pods", "pods/log", "*/log", "*")),
    names=some(("a", "b"), least=0),
)
QUESTIONS = st.builds(
    asked,
    st.sampled_from(["get", "list", "escalate"]),
    st.sampled_from(["pods", "pods/log", "jobs", "jobs/log"]),
    group=st.sampled_from(["", "apps", "batch"]),
    name=st.sampled_from(["", "a", "c"]),
)


@settings(max_examples=300)
@given(st.lists(RULES, max_size=2), st.lists(RULES, max_size=3), QUESTIONS)
def test_rules_that_are_covered_allow_nothing_more(
    wanted: list[Rule], held: list[Rule], question: Attributes
) -> None:
    """A role that may be given away lets nobody do what its giver may not."""
    if not missing(wanted, held):
        keys = keys_of(question)
        assert RuleTable(held).allows(question, keys) or not RuleTable(wanted).allows(question, keys)
