from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

from dns.answering.responder import Responder
from dns.answering.server import Router
from dns.build import Place
from dns.listener_serve import open_pair
from dns.udp.serve import UdpServer


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_an_address_with_port_0_has_one_free_port_for_datagrams_and_streams(host: str) -> None:
    datagrams, streams = open_pair(Place("dns", host, 0))
    assert datagrams is not None
    with closing(datagrams), closing(streams):
        assert datagrams.getsockname()[1] == streams.getsockname()[1] > 0


def test_tls_has_streams_alone() -> None:
    datagrams, streams = open_pair(Place("tls", "127.0.0.1", 0))
    with closing(streams):
        assert datagrams is None


def test_a_server_that_never_began_can_be_stopped() -> None:
    def schedule(*_: object) -> None:
        raise AssertionError("nothing is asked here")

    datagrams, streams = open_pair(Place("dns", "127.0.0.1", 0))
    assert datagrams is not None
    streams.close()
    responder = Responder(
        Router("dns://:0", {}),
        proto="udp",
        clock=float,
        rng=Random(0),
        schedule=schedule,
        panicked=schedule,
    )
    UdpServer(datagrams, responder, schedule).stop()
    assert datagrams.fileno() == -1
