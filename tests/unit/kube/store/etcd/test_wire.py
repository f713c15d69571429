import msgspec

from kube.store import Delete, Expect, Op, Put
from kube.store.etcd import wire
from kube.store.etcd.options import Keyspace

KEYSPACE = Keyspace()


def test_a_transaction_compares_what_is_expected_and_asks_where_those_keys_stand() -> None:
    ops: list[Op] = [
        Put("/registry/a", b"1", 7),
        Put("/registry/b", b""),
        Delete("/registry/c", 9),
        Expect("/registry/d", 0),
    ]
    request = msgspec.json.decode(wire.txn_request(ops, KEYSPACE))
    a, b, c, d = ("L3JlZ2lzdHJ5L2E=", "L3JlZ2lzdHJ5L2I=", "L3JlZ2lzdHJ5L2M=", "L3JlZ2lzdHJ5L2Q=")
    assert request["compare"] == [
        {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": revision}
        for key, revision in ((a, 7), (c, 9), (d, 0))
    ]
    assert request["success"] == [
        {"request_put": {"key": a, "value": "MQ=="}},
        {"request_put": {"key": b, "value": ""}},
        {"request_delete_range": {"key": c}},
    ]
    assert request["failure"] == [{"request_range": {"key": key, "keys_only": True}} for key in (a, c, d)]


def test_answers_have_numbers_as_text_and_leave_zeros_out() -> None:
    answer = wire.decode_range(
        b'{"header":{"cluster_id":"1","revision":"12"},"kvs":[{"key":"YQ==","mod_revision":"3"}]}'
    )
    assert answer.header.revision == 12
    assert answer.kvs == (wire.KeyValue(b"a", b"", 0, 3),)
    assert not answer.more
    line = wire.decode_watch(
        b'{"result":{"events":[{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"4"}}]}}'
    )
    assert line.result is not None
    assert line.result.events[0].type == "DELETE"


def test_errors_of_either_gateway_say_what_may_be_tried_again() -> None:
    compacted = wire.failure(
        400, b'{"error":"x","message":"etcdserver: mvcc: required revision has been compacted","code":11}'
    )
    assert compacted.compacted
    assert not compacted.transient
    no_leader = wire.failure(503, b'{"code":14,"message":"etcdserver: no leader","details":[]}')
    assert no_leader.transient
    assert no_leader.refused
    timed_out = wire.failure(503, b'{"code":14,"message":"etcdserver: request timed out"}')
    assert timed_out.transient
    assert not timed_out.refused
    full = wire.failure(400, b'{"code":8,"message":"etcdserver: mvcc: database space exceeded"}')
    assert not full.transient
    busy = wire.failure(429, b'{"code":8,"message":"etcdserver: too many requests"}')
    assert busy.transient
    assert busy.refused
    proxy = wire.failure(502, b"<html>Bad Gateway</html>")
    assert proxy.transient
    assert not proxy.refused
    assert "Bad Gateway" in str(proxy)
