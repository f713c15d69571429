"""What executables and daemon say to each other, the queue, the metrics."""

import io

import pytest

from cni.daemon import wire
from cni.daemon.metrics import Metrics
from cni.daemon.queue_disk import Queue
from cni.daemon.usage import Usage
from cni.daemon.wire import Answer, BadRequest, Request

REQUEST = Request("/opt/cni/bin/bridge", {"CNI_COMMAND": "ADD", "CNI_ARGS": "A=1;B=2"}, b'{"name":"x"}')


def test_requests_and_answers_come_back():
    assert wire.read_request(io.BytesIO(wire.encode_request(REQUEST)).read) == REQUEST
    answer = Answer(1, '{"code":5}\n', "noise")
    assert wire.read_answer(io.BytesIO(wire.encode_answer(answer)).read) == answer


@pytest.mark.parametrize("cut", [0, 4, 8, 20, -1])
def test_what_is_cut_short_is_refused(cut):
    with pytest.raises(BadRequest):
        wire.read_request(io.BytesIO(wire.encode_request(REQUEST)[:cut]).read)


@pytest.mark.parametrize("data", [b"zzzzzzzz", b"ffffffff", b"-0000001x"])
def test_impossible_lengths_are_refused(data):
    with pytest.raises(BadRequest):
        wire.read_request(io.BytesIO(data).read)


def test_the_queue_is_replayed_in_order_and_keeps_what_fails(tmp_path):
    queue = Queue(str(tmp_path))
    for number in (2, 1, 3):
        queue.add(REQUEST._replace(stdin=b"%d" % number), f"{number:03}")
    (tmp_path / "000.del").write_bytes(b"garbage")
    (tmp_path / "004.new").write_bytes(b"half")
    seen = []

    def perform(request):
        seen.append(request.stdin)
        return Answer(request.stdin == b"2")

    with queue:
        assert queue.replay(perform) == 2
    assert seen == [b"1", b"2", b"3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["002.del", "004.new", "lock"]


def test_metrics():
    metrics = Metrics()
    metrics.observe("bridge", "ADD", 0.003, failed=False)
    metrics.observe("bridge", "ADD", 99.0, failed=True)
    metrics.observe("bridge", "DANCE", 0.1, failed=True)
    text = metrics.render(Usage((("podnet", 7),)))
    assert "DANCE" not in text
    assert 'kcni_call_errors_total{plugin="bridge",verb="other"} 1' in text
    assert 'kcni_call_duration_seconds_bucket{plugin="bridge",verb="ADD",le="0.0025"} 0' in text
    assert 'kcni_call_duration_seconds_bucket{plugin="bridge",verb="ADD",le="0.005"} 1' in text
    assert 'kcni_call_duration_seconds_bucket{plugin="bridge",verb="ADD",le="+Inf"} 2' in text
    assert 'kcni_call_errors_total{plugin="bridge",verb="ADD"} 1' in text
    assert 'kcni_addresses_in_use{network="podnet"} 7' in text
