"""What turns a running proxy into another: few words where they do, a reload where not."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kube.ingress.config import CONFIG, files, map_words, server_words
from kube.ingress.proxy import RELOAD, Listen, MapContent, Pem, Proxy, ServerChange, fill_slots, plan_changes
from kube.ingress.proxy import plan_proxy as plan
from kube.ingress.routes import BackendRef, Routes
from kube.ingress.servers import Servers

LISTEN = Listen(addresses=("192.0.2.1", "fd00::1"))
WEB = BackendRef("demo", "web", "80")
ADDRESSES = st.lists(st.integers(1, 40).map(lambda n: f"10.0.0.{n}:80"), unique=True, max_size=20)


def proxy(*addresses: str, prefix: str = "*/", before: Proxy | None = None) -> Proxy:
    routes = Routes(sites=frozenset({"*"}), prefix={prefix: WEB})
    return plan(LISTEN, routes, {WEB: Servers(tuple(addresses))}, (), before)


@given(ADDRESSES, ADDRESSES)
def test_servers_keep_their_slots_and_all_have_one(first: list[str], second: list[str]) -> None:
    before = fill_slots(first, ())
    after = fill_slots(second, before)
    assert {slot for slot in after if slot} == set(second)
    assert len([slot for slot in after if slot]) == len(second)
    assert len(after) >= len(before)
    for index, address in enumerate(before):
        if address in second and address:
            assert after[index] == address


@given(ADDRESSES, ADDRESSES)
def test_the_changes_lead_from_one_to_the_other(first: list[str], second: list[str]) -> None:
    before = proxy(*first)
    after = proxy(*second, before=before)
    changes = plan_changes(before, after)
    if changes is RELOAD:
        assert len(second) > len(before.backends[0].slots)
        return
    slots = list(before.backends[0].slots)
    for change in changes:
        assert isinstance(change, ServerChange)
        slots[change.slot] = change.address
    assert tuple(slots) == after.backends[0].slots


def test_nothing_changed_means_no_words() -> None:
    before = proxy("10.0.0.1:80")
    assert plan_changes(before, proxy("10.0.0.1:80", before=before)) == ()


def test_another_path_to_a_known_backend_takes_no_reload() -> None:
    before = proxy("10.0.0.1:80")
    assert plan_changes(before, proxy("10.0.0.1:80", prefix="*/x/", before=before)) == (
        MapContent("prefix", {"*/x/": "demo:web:80"}),
    )


def test_new_backends_certificates_and_protocols_take_a_reload() -> None:
    before = proxy("10.0.0.1:80")
    assert plan_changes(before, msgspec.structs.replace(before, backends=())) is RELOAD
    pem = Pem(name="a.pem", hosts=("a.example",), text="PEM")
    assert plan_changes(before, msgspec.structs.replace(before, certificates=(pem,))) is RELOAD
    other = msgspec.structs.replace(before.backends[0], protocol="h2c")
    assert plan_changes(before, msgspec.structs.replace(before, backends=(other,))) is RELOAD


def test_words_at_run_time() -> None:
    assert server_words(ServerChange("b", 0, "[fd00::1]:80")) == (
        "set server b/s1 state maint",
        "set server b/s1 addr fd00::1 port 80",
        "set server b/s1 state ready",
    )
    assert server_words(ServerChange("b", 1, "")) == ("set server b/s2 state maint",)
    assert map_words(MapContent("exact", {"*/x": "b"}), "/run/i", "7") == (
        "add map @7 /run/i/exact.map */x b",
        "commit map @7 /run/i/exact.map",
    )


def test_the_files_listen_on_tls_only_where_there_is_a_certificate() -> None:
    plain = files(proxy("10.0.0.1:80"), "/run/i")[CONFIG]
    assert "bind 192.0.2.1:80" in plain
    assert "bind [fd00::1]:80" in plain
    assert ":443" not in plain
    assert "server s1 10.0.0.1:80\n" in plain
    assert "server s2 0.0.0.0:1 disabled\n" in plain
    pem = Pem(name="a.pem", hosts=("a.example",), text="PEM")
    secure = files(msgspec.structs.replace(proxy(), certificates=(pem,)), "/run/i", user="haproxy")
    assert "bind [fd00::1]:443 ssl crt-list /run/i/certificates.list" in secure[CONFIG]
    assert "user haproxy" in secure[CONFIG]
    assert secure["certificates.list"] == "/run/i/a.pem [alpn h2,http/1.1] a.example\n"
    assert secure["a.pem"] == "PEM"
