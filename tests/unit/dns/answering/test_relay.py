from __future__ import annotations

import pytest

from dns.answering.relay import Lanes
from dns.fakes.cluster import LocalServer
from dns.wire import encode, numbers
from dns.wire.passage import Asked, read

KUBERNETES = "kubernetes cluster.local in-addr.arpa {\n ttl 30\n fallthrough in-addr.arpa\n }"
FORWARD = "forward . 192.0.2.1 192.0.2.2 {\n policy round_robin\n max_concurrent 3\n }"


def lanes(corefile: str) -> Lanes | None:
    return next(iter(LocalServer(corefile).configuration.routers.values())).lanes


def asked(name: str, kind: int = numbers.A) -> Asked:
    found = read(encode.question(1, name, kind)[2:])
    assert found is not None
    return found


def taken(found: Lanes, name: str) -> int | None:
    question = asked(name)
    lane = found.lane(question)
    return None if lane is None else lane.take(question)


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        (FORWARD, True),
        (f"errors\n prometheus\n loadbalance\n cache 30\n loop\n {KUBERNETES}\n {FORWARD}", True),
        (f"log\n {FORWARD}", False),
        (f"rewrite name a.b c.d\n {FORWARD}", False),
        (f"acl {{\n block net 10.0.0.0/8\n }}\n {FORWARD}", False),
        ("forward . 192.0.2.1 {\n prefer_udp\n }", False),
        ("forward . tls://192.0.2.1", False),
        ("forward example.org 192.0.2.1", False),
        ("forward . 192.0.2.1 {\n except internal\n }", False),
        (f"cache 30 example.org\n {FORWARD}", False),
        (KUBERNETES.replace("ttl 30", "strict") + f"\n {FORWARD}", False),
        ("whoami", False),
    ],
)
def test_only_blocks_that_do_nothing_else_have_a_lane(plugins: str, expected: bool) -> None:
    assert (lanes(f". {{\n {plugins}\n}}") is not None) is expected


def test_the_clusters_names_and_other_blocks_go_to_the_handlers() -> None:
    found = lanes(f". {{\n {KUBERNETES}\n {FORWARD}\n}}\nown.test {{\n whoami\n}}")
    assert found is not None
    assert taken(found, "svc1.testns.svc.cluster.local.") is None
    assert taken(found, "SVC.CLUSTER.LOCAL.") is None
    assert taken(found, "a.own.test.") is None
    assert taken(found, "a.notown.test.") is not None
    assert taken(found, "www.example.com.") is not None


def test_the_policy_chooses_and_the_limit_holds() -> None:
    found = lanes(f". {{\n {FORWARD}\n}}")
    assert found is not None
    assert {taken(found, "www.example.com.") for _ in range(4)} == {0, 1}
    lane = found.lane(asked("www.example.com."))
    assert lane is not None

    class Busy:
        server, asked_count, opened_count, waiting = "x", 0, 0, (1, 2, 3)

    lane.forward.relayed.append(Busy())
    assert taken(found, "www.example.com.") is None


def test_what_is_kept_goes_to_the_handlers_until_it_is_old() -> None:
    server = LocalServer(f". {{\n cache 30\n {FORWARD}\n}}")
    found = next(iter(server.configuration.routers.values())).lanes
    assert found is not None
    question = asked("www.example.com.")
    lane = found.lane(question)
    assert lane is not None
    record = bytes.fromhex("c00c00010001 0000012c 0004 c0000201")
    head = b"\0\1\x81\x80\0\1\0\1\0\0\0\0"
    body = lane.bring(head + question.question[10 : question.end] + record, question)
    assert body is not None
    assert body.endswith(bytes.fromhex("0000001e0004c0000201"))  # no longer than `cache 30` says
    assert taken(found, "www.example.com.") is None
    kept = server.ask("WWW.example.com.")
    assert [one.ttl for one in kept.answer] == [30]
    assert kept.authoritative
    server.now_s += 31
    assert taken(found, "www.example.com.") is not None
