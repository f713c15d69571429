from __future__ import annotations

import pytest

from dns.upstream.targets import (
    BadTarget,
    Target,
    nameservers,
    parse_target,
    resolv_conf_targets,
    search_domains,
)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("10.0.0.1", Target("10.0.0.1")),
        ("10.0.0.1:5353", Target("10.0.0.1", 5353)),
        ("dns://[2001:db8::1]:54", Target("2001:db8::1", 54)),
        ("2001:db8::1", Target("2001:db8::1")),
        ("tls://9.9.9.9", Target("9.9.9.9", 853, "tls")),
        ("tls://9.9.9.9%dns.quad9.net:8853", Target("9.9.9.9", 8853, "tls", "dns.quad9.net")),
        ("fe80::1%eth0", Target("fe80::1%eth0")),
        ("https://1.1.1.1", Target("1.1.1.1", 443, "https")),
        ("https://[2606:4700::1111]%one.one:8443", Target("2606:4700::1111", 8443, "https", "one.one")),
        ("ns.example.org", Target("ns.example.org")),
        ("tls://dns.example.org:8853", Target("dns.example.org", 8853, "tls")),
    ],
)
def test_servers_as_a_corefile_writes_them(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    ["-ns.example.org", "http://1.1.1.1", "grpc://1.1.1.1", "1.2.3.4:0", "1.2.3", "a..b", "ns.example.org:x"],
)
def test_words_that_are_no_server(text: str) -> None:
    with pytest.raises(BadTarget):
        parse_target(text)


def files(**found: str) -> object:
    def read(path: str) -> str:
        key = {"/etc/resolv.conf": "etc", "/run/systemd/resolve/resolv.conf": "resolved"}.get(path, "")
        if key not in found:
            raise FileNotFoundError(path)
        return found[key]

    return read


@pytest.mark.parametrize(
    ("found", "hosts", "words"),
    [
        ({"etc": "nameserver 10.0.0.1\nnameserver 10.0.0.2 # two\n"}, ["10.0.0.1", "10.0.0.2"], ""),
        (
            {"etc": "nameserver 127.0.0.53\n", "resolved": "nameserver 10.0.0.9\n"},
            ["10.0.0.9"],
            "its upstreams",
        ),
        ({"etc": "nameserver 127.0.0.53\n"}, [], "only the stub 127.0.0.53"),
        ({"etc": "nameserver ::1\nnameserver 10.0.0.1\n"}, ["10.0.0.1"], ""),
        ({"etc": "search x\n"}, [], "no nameserver"),
    ],
)
def test_a_stub_is_replaced_by_what_is_behind_it(found: dict[str, str], hosts: list[str], words: str) -> None:
    targets, notices = resolv_conf_targets("/etc/resolv.conf", files(**found))  # type: ignore[arg-type]
    assert [target.host for target in targets] == hosts
    assert words in " ".join(notices)


def test_resolv_conf_words() -> None:
    assert nameservers("nameserver\nnameserver x\n; c\nnameserver fe80::1%eth0\n") == ["fe80::1%eth0"]
    assert search_domains("search a b.\nsearch C.d\n") == ["c.d."]
