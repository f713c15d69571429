"""Every kind of cluster name, by record type and outcome, through the whole way from packet to packet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dns.fakes.cluster import LocalServer
from dns.fakes.objects import endpoint, endpoint_slice, namespace, service
from dns.wire import numbers, records
from dns.wire.message import Message

Texts = Callable[[Message], list[str]]
Make = Callable[..., LocalServer]
Z = "cluster.local."
T = f"testns.svc.{Z}"


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        (f"svc1.{T}", "A", ["10.0.0.100"]),
        (f"dual.{T}", "A", ["10.0.0.101"]),
        (f"dual.{T}", "AAAA", ["fd00:10::101"]),
        (f"six.{T}", "AAAA", ["fd00:10::102"]),
        (f"portless.{T}", "A", ["10.0.0.105"]),
        (f"quiet.{T}", "A", ["10.0.0.106"]),
        (f"_http._tcp.svc1.{T}", "A", ["10.0.0.100"]),
        (f"http.tcp.svc1.{T}", "A", ["10.0.0.100"]),
        (f"hdls1.{T}", "A", ["172.0.0.2", "172.0.0.20", "172.0.0.3", "172.0.0.4", "172.0.0.5"]),
        (f"hdls-portless.{T}", "A", ["172.0.0.40"]),
        (f"hdls6.{T}", "AAAA", ["2001:db8::", "2001:db8::1"]),
        (f"dup-name.hdls1.{T}", "A", ["172.0.0.3", "172.0.0.4"]),
        (f"172-0-0-2.hdls1.{T}", "A", ["172.0.0.2"]),
        (f"172-0-1-2.svc1.{T}", "A", ["172.0.1.2"]),
        (f"named.svc1.{T}", "A", ["172.0.1.3"]),
        (f"2001-db8--1.hdls6.{T}", "AAAA", ["2001:db8::1"]),
        (f"2001-db8--0.hdls6.{T}", "AAAA", ["2001:db8::"]),
        (f"svc1.{T}", "SRV", ["0 100 80 svc1." + T]),
        (f"dual.{T}", "SRV", ["0 50 80 dual." + T]),
        (f"unnamed.{T}", "SRV", ["0 100 8080 unnamed." + T]),
        (f"three.{T}", "SRV", [f"0 33 53 three.{T}", f"0 33 80 three.{T}", f"0 33 9 three.{T}"]),
        (f"_dns._udp.three.{T}", "SRV", [f"0 100 53 three.{T}"]),
        (f"_s._sctp.three.{T}", "SRV", [f"0 100 9 three.{T}"]),
        (f"_alt._tcp.hdls1.{T}", "SRV", [f"0 100 81 172-0-0-20.hdls1.{T}"]),
        (
            f"_http._tcp.hdls1.{T}",
            "SRV",
            [f"0 25 80 172-0-0-2.hdls1.{T}", f"0 25 80 dup-name.hdls1.{T}", f"0 25 80 pod-x.hdls1.{T}"],
        ),
        ("100.0.0.10.in-addr.arpa.", "PTR", [f"svc1.{T}"]),
        (records.reverse_name("fd00:10::101"), "PTR", [f"dual.{T}"]),
        (records.reverse_name("172.0.0.3"), "PTR", [f"172-0-0-3.hdls2.{T}", f"dup-name.hdls1.{T}"]),
        (records.reverse_name("172.0.1.2"), "PTR", [f"172-0-1-2.svc1.{T}"]),
        (records.reverse_name("2001:db8::"), "PTR", [f"2001-db8--0.hdls6.{T}"]),
        (f"external.{T}", "CNAME", ["ext.example.org."]),
        (f"external-in.{T}", "A", ["10.0.0.100", f"svc1.{T}"]),
        (f"1-2-3-4.testns.pod.{Z}", "A", ["1.2.3.4"]),
        (f"2001-db8--1.testns.pod.{Z}", "AAAA", ["2001:db8::1"]),
        (f"x.y.1-2-3-4.testns.pod.{Z}", "A", ["1.2.3.4"]),
        (f"dns-version.{Z}", "TXT", ['"1.1.0"']),
    ],
)
def test_answers(server: LocalServer, data: Texts, name: str, kind: str, expected: list[str]) -> None:
    reply = server.ask(name, kind)
    assert (reply.rcode, data(reply)) == (numbers.NOERROR, sorted(expected))
    assert reply.authoritative
    assert not reply.flags & numbers.RA


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"svc1.{T}", "AAAA"),
        (f"six.{T}", "A"),
        (f"svc1.{T}", "TXT"),
        (f"svc1.{T}", "MX"),
        (f"svc1.{T}", "ANY"),
        (f"svc1.{T}", "HTTPS"),
        (f"svc1.{T}", "PTR"),
        (f"svc1.{T}", "CNAME"),
        (f"portless.{T}", "SRV"),
        (f"hdls-portless.{T}", "SRV"),
        (f"external.{T}", "SRV"),
        (f"external.{T}", "TXT"),
        (f"external-self.{T}", "A"),
        (f"external-gone.{T}", "A"),
        (Z, "A"),
        (f"svc.{Z}", "A"),
        (f"pod.{Z}", "AAAA"),
        (f"testns.svc.{Z}", "A"),
        (f"empty.svc.{Z}", "A"),
        (f"empty.pod.{Z}", "A"),
        (f"1-2-3-4.testns.pod.{Z}", "AAAA"),
        (f"nosuch.{T}", "SOA"),
        ("in-addr.arpa.", "A"),
    ],
)
def test_no_data(server: LocalServer, name: str, kind: str) -> None:
    reply = server.ask(name, kind)
    assert (reply.rcode, reply.answer) == (numbers.NOERROR, ())
    assert [record.kind for record in reply.authority] == [numbers.SOA]
    assert reply.authoritative


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"nosuch.{T}", "A"),
        (f"nosuch.nons.svc.{Z}", "A"),
        (f"nons.svc.{Z}", "A"),
        (f"a.b.c.svc1.{T}", "A"),
        (f"*.{T}", "A"),
        (f"any.{T}", "A"),
        (f"foo.{Z}", "A"),
        (f"_tcp.svc1.{T}", "A"),
        (f"_http._udp.svc1.{T}", "SRV"),
        (f"hdls-empty.{T}", "A"),
        (f"hdls-empty.{T}", "TXT"),
        (f"172-0-0-3.hdls1.{T}", "A"),
        (f"172-0-0-9.hdls1.{T}", "A"),
        (f"external-ip.{T}", "A"),
        (f"x.external.{T}", "A"),
        (f"1-2-3-256.testns.pod.{Z}", "A"),
        (f"1-2-3-4.nons.pod.{Z}", "A"),
        (f"a.b.c.1-2-3-4.testns.pod.{Z}", "A"),
        (f"dns-version.{Z}", "A"),
        (Z, "TXT"),
        (f"dns.{Z}", "A"),
        ("9.0.0.172.in-addr.arpa.", "PTR"),
        ("0.0.172.in-addr.arpa.", "PTR"),
        (f"a\\.b.{T}", "A"),
    ],
)
def test_no_such_name(server: LocalServer, name: str, kind: str) -> None:
    reply = server.ask(name, kind)
    assert (reply.rcode, reply.answer) == (numbers.NXDOMAIN, ())
    assert [record.kind for record in reply.authority] == [numbers.SOA]


def test_soa_at_the_apex(server: LocalServer, data: Texts) -> None:
    reply = server.ask(Z, "SOA")
    assert data(reply) == [f"ns.dns.{Z} hostmaster.{Z} 1700000000 7200 1800 86400 30"]
    assert reply.answer[0].ttl == 30


@pytest.mark.parametrize("kind", ["AXFR", "IXFR"])
def test_zone_transfer_is_refused(server: LocalServer, kind: str) -> None:
    assert server.ask(Z, kind).rcode == numbers.REFUSED


def test_srv_brings_the_addresses_of_its_targets(server: LocalServer) -> None:
    reply = server.ask(f"_http._tcp.hdls1.{T}", "SRV")
    assert sorted((record.name.split(".")[0], records.text_of(record)) for record in reply.additional) == [
        ("172-0-0-2", "172.0.0.2"),
        ("dup-name", "172.0.0.3"),
        ("dup-name", "172.0.0.4"),
        ("pod-x", "172.0.0.5"),
    ]


def test_the_case_of_the_question_is_kept_in_all_names(server: LocalServer) -> None:
    reply = server.ask("SvC1.TestNS.svc.ClUsTeR.LoCaL.", "SRV")
    assert reply.name == reply.answer[0].name == "SvC1.TestNS.svc.ClUsTeR.LoCaL."
    assert records.target_of(reply.answer[0]) == "svc1.testns.svc.ClUsTeR.LoCaL."
    negative = server.ask("nosuch.svc.ClUsTeR.LoCaL.", "A")
    assert negative.authority[0].name == "ClUsTeR.LoCaL."


def test_ttl_is_five_seconds_unless_set(make_server: Make) -> None:
    assert make_server().ask(f"svc1.{T}").answer[0].ttl == 5
    assert make_server("ttl 0").ask(f"svc1.{T}").answer[0].ttl == 0


def test_soa_ttl_is_300_at_most_its_minimum_is_not(make_server: Make) -> None:
    reply = make_server("ttl 3600").ask(f"nosuch.{T}")
    assert reply.authority[0].ttl == 300
    assert records.soa_minimum_s(reply.authority[0]) == 3600


@pytest.mark.parametrize(
    ("options", "name", "rcode"),
    [
        ("", f"1-2-3-4.testns.pod.{Z}", numbers.NXDOMAIN),
        ("pods verified", f"1-2-3-4.testns.pod.{Z}", numbers.NXDOMAIN),
        ("pods verified", f"172-0-0-2.testns.pod.{Z}", numbers.NOERROR),
        ("pods verified", f"172-0-0-2.empty.pod.{Z}", numbers.NXDOMAIN),
        ("pods verified", f"172-0-5-5.testns.pod.{Z}", numbers.NXDOMAIN),
        ("namespaces empty", f"svc1.{T}", numbers.NXDOMAIN),
        ("namespaces testns", f"svc1.{T}", numbers.NOERROR),
        ("namespaces empty", "100.0.0.10.in-addr.arpa.", numbers.NXDOMAIN),
        ("ignore empty_service", f"quiet.{T}", numbers.NXDOMAIN),
        ("ignore empty_service", f"svc1.{T}", numbers.NOERROR),
        ("ignore empty_service", f"external-in.{T}", numbers.NOERROR),
        ("zonal", f"zone-a.pin._zone.hdls1.{T}", numbers.NOERROR),
        ("zonal", f"zone-a.pin._zone.svc1.{T}", numbers.NXDOMAIN),
        ("zonal", f"zone-b.pin._zone.hdls1.{T}", numbers.NOERROR),
        ("", f"zone-a.pin._zone.hdls1.{T}", numbers.NXDOMAIN),
        ("strict", f"dns.{Z}", numbers.NOERROR),
        ("strict\npods insecure", f"x.1-2-3-4.testns.pod.{Z}", numbers.NXDOMAIN),
    ],
)
def test_options_decide_what_exists(make_server: Make, options: str, name: str, rcode: int) -> None:
    kind = "PTR" if name.endswith("arpa.") else "A"
    assert make_server(options).ask(name, kind).rcode == rcode


def test_a_zone_without_endpoints_is_no_data_for_texts_too(make_server: Make) -> None:
    server = make_server("zonal")
    asked = {name: server.ask(f"{name}.{T}", "TXT").rcode for name in ("zone-b.pin._zone.hdls1", "nobody")}
    assert asked == {"zone-b.pin._zone.hdls1": numbers.NOERROR, "nobody": numbers.NXDOMAIN}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"zone-a.pin._zone.hdls1.{T}", ["172.0.0.5"]),
        (f"zone-b.pin._zone.hdls1.{T}", []),
        (f"zone-b.prefer._zone.hdls2.{T}", ["172.0.0.3"]),
    ],
)
def test_zonal_names_choose_endpoints_by_zone(
    make_server: Make, data: Texts, name: str, expected: list[str]
) -> None:
    assert data(make_server("zonal").ask(name)) == expected


def test_endpoints_may_be_called_by_their_pods(data: Texts) -> None:
    objects = [namespace("testns"), service("h"), endpoint_slice("h", endpoint("10.1.0.1", pod="web-0"))]
    from dns.fakes.cluster import apply

    server = LocalServer(". {\n kubernetes cluster.local\n}", objects)
    apply(server.clusters[0], objects[2], pod_names=True)
    assert data(server.ask(f"web-0.h.{T}")) == ["10.1.0.1"]


def test_name_servers_are_the_services_that_select_this_server(make_server: Make, data: Texts) -> None:
    server = make_server(local_ips=("172.0.9.9",))
    reply = server.ask(Z, "NS")
    assert data(reply) == [f"kube-dns.kube-system.svc.{Z}"]
    assert [records.text_of(record) for record in reply.additional] == ["10.0.0.10"]
    assert data(server.ask(f"ns.dns.{Z}")) == ["10.0.0.10"]


def test_name_server_without_a_service_is_ns_dns(make_server: Make, data: Texts) -> None:
    reply = make_server(local_ips=("192.0.2.7", "2001:db8::7")).ask(Z, "NS")
    assert data(reply) == [f"ns.dns.{Z}"]
    assert [records.text_of(record) for record in reply.additional] == ["192.0.2.7", "2001:db8::7"]


def test_aliases_are_followed_ten_deep_and_no_further(data: Texts) -> None:
    chain = [
        service(f"a{index}", external_name=f"a{index + 1}.testns.svc.cluster.local") for index in range(14)
    ]
    objects = [namespace("testns"), *chain, service("a14", ["10.0.0.1"])]
    server = LocalServer(". {\n kubernetes cluster.local\n}", objects)
    assert "10.0.0.1" in data(server.ask(f"a4.{T}"))
    assert data(server.ask(f"a0.{T}")) == []


def test_weights_share_one_hundred() -> None:
    for count in (1, 2, 3, 7, 50, 99, 100, 101, 250):
        endpoints = [endpoint(f"10.1.{index // 256}.{index % 256}") for index in range(count)]
        server = LocalServer(
            ". {\n kubernetes cluster.local\n}",
            [namespace("testns"), service("h"), endpoint_slice("h", *endpoints)],
        )
        reply = server.ask(f"h.{T}", "SRV", proto="tcp")
        assert {int(records.text_of(record).split()[1]) for record in reply.answer} == {max(1, 100 // count)}
        assert len(reply.answer) == count


def test_names_are_not_found_before_the_first_sync_but_servfail(make_server: Make) -> None:
    server = make_server()
    server.clusters[0].synced = False
    assert server.ask(f"nosuch.{T}").rcode == numbers.SERVFAIL
    assert server.ask(f"svc1.{T}").rcode == numbers.NOERROR
