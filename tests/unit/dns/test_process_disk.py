from __future__ import annotations

import resource
import time
from random import Random

import pytest

from dns.answering.memo import MAX_BYTES
from dns.answering.responder import Responder
from dns.fakes.cluster import LocalServer
from dns.metrics import Registry
from dns.process_disk import (
    LEAST_MEMO_BYTES,
    connection_limit,
    fit_memory,
    receive_errors,
    watch_process,
)


def responder() -> Responder:
    return Responder(
        next(iter(LocalServer(". {\n whoami\n}").configuration.routers.values())),
        proto="udp",
        clock=time.monotonic,
        rng=Random(1),
        schedule=lambda awaited, done: None,
        panicked=lambda problem: None,
    )


@pytest.mark.parametrize(("goal_bytes", "expected"), [(0, LEAST_MEMO_BYTES), (1 << 40, MAX_BYTES)])
def test_answers_kept_ready_get_what_is_left_within_limits(goal_bytes: int, expected: int) -> None:
    pair = responder(), responder()
    fit_memory([pair], goal_bytes)
    assert pair[0].memo.max_bytes == expected
    assert pair[1].memo.max_bytes <= pair[0].memo.max_bytes


def test_several_addresses_share() -> None:
    pairs = [(responder(), responder()) for _ in range(3)]
    fit_memory(pairs, 0)
    assert [one.memo.max_bytes for one, _ in pairs] == [LEAST_MEMO_BYTES // 3] * 3


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Udp: InDatagrams RcvbufErrors SndbufErrors\nUdp: 9 7 0\nUdpLite: RcvbufErrors\nUdpLite: 1\n", 7),
        ("Udp: InDatagrams\nUdp: 9\n", 0),
        ("", 0),
    ],
)
def test_packets_lost_at_full_buffers(text: str, count: int) -> None:
    assert receive_errors(text) == count


def test_the_limit_of_files_is_raised_and_leaves_room() -> None:
    limit = connection_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard or hard == resource.RLIM_INFINITY
    assert 16 <= limit < soft


def test_the_process_says_what_every_prometheus_client_says() -> None:
    registry = Registry()
    watch_process(registry)
    lines = dict(line.rsplit(" ", 1) for line in registry.render().splitlines() if not line.startswith("#"))
    assert float(lines["process_resident_memory_bytes"]) > 1 << 20
    assert float(lines["process_open_fds"]) > 2
    assert 0 < float(lines["process_start_time_seconds"]) <= time.time() + 1
