"""Which UDP connections are stale."""

from kproxy.conntrack import choose, filters, relayed, stale_of, untranslated
from kproxy.forwarding import (
    Endpoint,
    Forward,
    Frontend,
    FrontendKind,
    ServiceForwarding,
    ServicePortName,
)
from kproxy.intake import Change, Known
from kproxy.services import EndpointState, ServicePort
from linux.conntrack.wire import (
    STATUS_DESTINATION_NAT,
    STATUS_SEEN_REPLY,
    TCP,
    UDP,
    Entry,
    Filter,
    Tuple,
)

_NAME = ServicePortName("ns", "dns", "dns", "UDP")
_PORT = ServicePort(name=_NAME, cluster_ip="10.96.0.10", port=53, node_port=30053, external_ips=("9.9.9.9",))
_LOCAL = frozenset({"192.168.0.2"})


def _known(*ips: str, port: ServicePort = _PORT, **more: object) -> Known:
    return Known(port, tuple(EndpointState(ip=ip, port=5353, **more) for ip in ips))  # type: ignore[arg-type]


def _entry(destination: str, port: int, answers: str, answer_port: int = 5353, protocol: int = UDP) -> Entry:
    return Entry(
        Tuple("10.244.0.9", destination, protocol, 4000, port),
        Tuple(answers, "10.244.0.9", protocol, answer_port, 4000),
    )


def _stale(change: Change, *entries: Entry, name: ServicePortName = _NAME) -> list[Entry]:
    return choose(entries, stale_of({name: change}), _LOCAL)


GONE, STAYS = _entry("10.96.0.10", 53, "10.244.0.1"), _entry("10.96.0.10", 53, "10.244.0.2")


def test_an_endpoint_that_went_takes_its_connections_along() -> None:
    assert _stale(Change(_known("10.244.0.1", "10.244.0.2"), _known("10.244.0.2")), GONE, STAYS) == [GONE]


def test_the_last_endpoint_too() -> None:
    assert _stale(Change(_known("10.244.0.1"), _known()), GONE) == [GONE]


def test_and_a_deleted_service() -> None:
    assert _stale(Change(_known("10.244.0.1"), None), GONE, STAYS) == [GONE, STAYS]


def test_a_connection_from_before_the_service_was_there() -> None:
    untranslated = _entry("10.96.0.10", 53, "10.96.0.10", 53)
    assert _stale(Change(None, _known("10.244.0.1")), untranslated, GONE) == [untranslated]


def test_external_addresses_and_node_ports_count() -> None:
    external, node = _entry("9.9.9.9", 53, "10.244.0.1"), _entry("192.168.0.2", 30053, "10.244.0.1")
    elsewhere = _entry("8.8.8.8", 30053, "8.8.8.8", 30053)
    assert _stale(Change(None, _known("10.244.0.2")), external, node, elsewhere) == [external, node]


def test_a_node_port_that_was_given_up() -> None:
    moved = ServicePort(name=_NAME, cluster_ip="10.96.0.10", port=53, node_port=30054)
    old = _entry("192.168.0.2", 30053, "10.244.0.1")
    change = Change(_known("10.244.0.1"), _known("10.244.0.2", port=moved))
    assert _stale(change, old) == [old]


def test_who_still_serves_keeps_its_clients() -> None:
    terminating = _known("10.244.0.1", ready=False, serving=True, terminating=True)
    assert _stale(Change(_known("10.244.0.1"), terminating), GONE) == []


def test_tcp_is_left_alone() -> None:
    tcp = _entry("10.96.0.10", 53, "10.244.0.1", protocol=TCP)
    assert _stale(Change(_known("10.244.0.1"), _known()), tcp) == []
    assert stale_of({_NAME._replace(protocol="TCP"): Change(_known("10.244.0.1"), None)}) == ()


def test_the_kernel_is_asked_for_the_ports_or_for_all_of_udp() -> None:
    few = stale_of({_NAME: Change(None, _known())})
    assert filters(few) == (Filter(UDP, destination_port=53), Filter(UDP, destination_port=30053))
    many = {
        _NAME._replace(port=str(i)): Change(
            None, Known(ServicePort(name=_NAME, cluster_ip="10.96.0.10", port=1000 + i), ())
        )
        for i in range(40)
    }
    assert filters(stale_of(many)) == (Filter(UDP),)


def _service(name: ServicePortName, *frontends: Frontend) -> dict[ServicePortName, ServiceForwarding]:
    to = Forward((Endpoint(ip="10.244.0.1", port=5353),))
    return {name: ServiceForwarding(name=name, frontends=frontends, internal=to, external=to)}


_TABLE = _service(
    _NAME,
    Frontend(kind=FrontendKind.CLUSTER_IP, ip="10.96.0.10", port=53),
    Frontend(kind=FrontendKind.NODE_PORT, port=30053),
)


def test_what_was_sent_to_a_service_while_there_were_no_rules_is_let_go() -> None:
    lost = _entry("10.96.0.10", 53, "10.96.0.10", 53)
    at_node = _entry("192.168.0.2", 30053, "192.168.0.2", 30053)
    assert untranslated([lost, at_node], _TABLE, _LOCAL) == [lost, at_node]


def test_what_was_translated_or_answered_or_meant_for_others_stays() -> None:
    lost = _entry("10.96.0.10", 53, "10.96.0.10", 53)
    translated = lost._replace(status=STATUS_DESTINATION_NAT)
    answered = lost._replace(status=STATUS_SEEN_REPLY)
    other_port = _entry("10.96.0.10", 54, "10.96.0.10", 54)
    other_protocol = _entry("10.96.0.10", 53, "10.96.0.10", 53, TCP)
    other_node = _entry("192.168.0.3", 30053, "192.168.0.3", 30053)
    entries = [translated, answered, other_port, other_protocol, other_node]
    assert untranslated(entries, _TABLE, _LOCAL) == []


def test_datagrams_that_were_relayed_are_let_go_whoever_sent_first() -> None:
    at_service, at_node = (
        _entry("10.96.0.10", 53, "10.96.0.10", 53),
        _entry("192.168.0.2", 30053, "192.168.0.2"),
    )
    answered = at_service._replace(status=STATUS_SEEN_REPLY)
    answer_first = Entry(at_service.reply, at_service.original)
    translated = GONE._replace(status=STATUS_DESTINATION_NAT)
    stream, elsewhere = _entry("10.96.0.10", 53, "10.96.0.10", 53, TCP), _entry("8.8.8.8", 53, "8.8.8.8", 53)
    entries = [at_service, at_node, answered, answer_first]
    assert relayed([*entries, translated, stream, elsewhere], _TABLE, _LOCAL) == entries
