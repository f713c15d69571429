"""Any cluster: every name its objects have is answered with what they say, every other is denied with the right SOA."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dns.fakes.cluster import LocalServer
from dns.fakes.objects import endpoint, endpoint_slice, namespace, service
from dns.wire import message, numbers, records

ZONE = "cluster.local."
COREFILE = f". {{\n kubernetes {ZONE} in-addr.arpa ip6.arpa {{\n ttl 30\n pods insecure\n }}\n}}"

LABELS = st.sampled_from(["a", "b", "web", "db-0", "x1", "svc", "pod", "kube-dns"])
Object = dict[str, Any]


class World:
    """Random objects, and what DNS-Based Service Discovery 1.1 makes of them, worked out without `dns.cluster`."""

    def __init__(self, shape: list[tuple[str, str, bool, int, bool]]) -> None:
        self.objects: list[Object] = [namespace(one) for one in sorted({ns for ns, *_ in shape})]
        self.addresses: dict[tuple[str, str], set[str]] = {}  # (name, family) → addresses
        self.pointers: dict[str, set[str]] = {}
        self.names: set[str] = {ZONE, f"svc.{ZONE}", f"pod.{ZONE}"}
        self.names |= {f"{ns}.{branch}.{ZONE}" for ns, *_ in shape for branch in ("svc", "pod")}
        for index, (ns, name, headless, ends, six) in enumerate(
            {(one[0], one[1]): one for one in shape}.values()
        ):
            self._add(index, ns, name, headless=headless, ends=ends, six=six)

    def _add(self, index: int, ns: str, name: str, *, headless: bool, ends: int, six: bool) -> None:
        base = f"{name}.{ns}.svc.{ZONE}"
        cluster_ips = [] if headless else [f"10.96.{index}.1", *([f"fd00:96::{index + 1:x}"] if six else [])]
        self.objects.append(service(name, cluster_ips, ns=ns))
        found = [f"10.244.{index}.{place + 1}" for place in range(ends)]
        if found:
            self.objects.append(endpoint_slice(name, *(endpoint(ip) for ip in found), ns=ns))
        for ip in found if headless else cluster_ips:
            self._name(base, ip)
        for ip in cluster_ips:
            self.pointers[ip] = {base}
        for ip in found:
            host = f"{ip.replace('.', '-')}.{base}"
            self._name(host, ip)
            self.pointers[ip] = {host}

    def _name(self, name: str, ip: str) -> None:
        self.names.add(name)
        self.addresses.setdefault((name, "AAAA" if ":" in ip else "A"), set()).add(ip)


SHAPES = st.lists(st.tuples(LABELS, LABELS, st.booleans(), st.integers(0, 4), st.booleans()), max_size=8)


def texts(reply: message.Message) -> set[str]:
    return {records.text_of(one) for one in reply.answer}


def denied_rightly(reply: message.Message, zone: str = ZONE) -> bool:
    (soa,) = reply.authority
    names = soa.data.names if not isinstance(soa.data, bytes) else ()
    return (
        reply.answer == ()
        and soa.kind == numbers.SOA
        and soa.name == zone
        and soa.ttl == 30
        and names == (f"ns.dns.{zone}", f"hostmaster.{zone}")
        and records.soa_minimum_s(soa) == 30
        and reply.authoritative
    )


@given(SHAPES)
@settings(max_examples=60, deadline=None)
def test_every_name_is_answered_as_the_objects_say(shape: list[tuple[str, str, bool, int, bool]]) -> None:
    world = World(shape)
    server = LocalServer(COREFILE, world.objects)
    for name in world.names:
        for kind in ("A", "AAAA"):
            reply = server.ask(name, kind)
            assert reply.rcode == numbers.NOERROR, name
            assert texts(reply) == world.addresses.get((name, kind), set()), (name, kind)
            if not reply.answer:
                assert denied_rightly(reply), name
    for ip, targets in world.pointers.items():
        assert texts(server.ask(records.reverse_name(ip), "PTR")) == targets


@given(SHAPES, st.lists(LABELS, min_size=1, max_size=4), st.sampled_from(["A", "AAAA", "SRV", "TXT", "MX"]))
@settings(max_examples=200, deadline=None)
def test_every_other_name_is_denied_with_the_zones_soa(
    shape: list[tuple[str, str, bool, int, bool]], left: list[str], kind: str
) -> None:
    world = World(shape)
    server = LocalServer(COREFILE, world.objects)
    name = ".".join([*left, "svc", ZONE])
    # Two labels left of a Service are a port and its protocol: they have names of their own.
    if name in world.names or len(left) == 4:
        return
    reply = server.ask(name, kind)
    assert reply.rcode == numbers.NXDOMAIN, name
    assert denied_rightly(reply)
    spelled = "".join(one.upper() if Random(name).random() < 0.5 else one for one in name)
    assert server.ask(spelled, kind).authority[0].name == spelled[-len(ZONE) :]


@given(SHAPES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_events_does_not_matter(
    shape: list[tuple[str, str, bool, int, bool]], rng: Random
) -> None:
    world = World(shape)
    mixed = list(world.objects)
    rng.shuffle(mixed)
    first, second = LocalServer(COREFILE, world.objects), LocalServer(COREFILE, mixed)
    for name in world.names:
        assert texts(first.ask(name)) == texts(second.ask(name))
