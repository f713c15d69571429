"""Watches and waits, as kubectl makes them."""

from tests.lab.kubectl_chapters.step import Chapter, Step

STEPS = (
    Step("create cm first --from-literal=a=1", "configmap/first created"),
    Step(
        "get cm first -w --request-timeout=1s --output-watch-events",
        like=r"^EVENT +NAME +DATA +AGE\nADDED +first +1 ",
        eventually=True,
    ),
    Step("get cm -w --request-timeout=1s -o name", like="configmap/first", eventually=True),
    Step(
        "get cm first --watch-only --request-timeout=1s -o name",
        out="",
        err="^$|context deadline",
        eventually=True,
    ),
    Step("wait cm/first --for=jsonpath={.data.a}=1 --timeout=50s", "configmap/first condition met"),
    Step(
        "wait cm/first --for=jsonpath={.data.a}=2 --timeout=300ms",
        code=1,
        err="timed out waiting for the condition on configmaps/first",
        eventually=True,
    ),
    Step(
        "wait cm/absent --for=jsonpath={.data.a}=2 --timeout=1s",
        code=1,
        err='configmaps "absent" not found',
        eventually=True,
    ),
    Step("wait cm/absent --for=create --timeout=300ms", code=1, err="timed out", eventually=True),
    Step("wait cm/absent --for=delete --timeout=300ms", out="", err="|not found", eventually=True),
    Step(
        "get --raw '/api/v1/namespaces/watching/configmaps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dfirst'",
        like=r'^\{"type":"ADDED","object":\{.*"name":"first"',
        eventually=True,
    ),
    Step(
        "get --raw '/api/v1/namespaces/watching/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true"
        "&resourceVersionMatch=NotOlderThan'",
        like=r'"type":"BOOKMARK".*"k8s.io/initial-events-end":"true"',
        eventually=True,
    ),
    Step(
        "get --raw '/api/v1/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true'",
        code=1,
        err="sendInitialEvents|resourceVersionMatch|is invalid",
    ),
    Step(
        "get --raw '/api/v1/watch/namespaces/watching/configmaps/first?timeoutSeconds=1'",
        like='"type":"ADDED"',
        eventually=True,
    ),
    Step("get --raw '/api/v1/configmaps?resourceVersion=x'", code=1, err="Invalid value|invalid"),
    Step("get --raw '/api/v1/configmaps?resourceVersionMatch=Exact'", code=1, err="resourceVersionMatch"),
)
CHAPTER = Chapter("watching", STEPS)
