from __future__ import annotations

import pytest

from dns.answering.cookies import baker, is_valid_length, server_cookie

CLIENT = b"12345678"


@pytest.mark.parametrize(
    ("length", "valid"),
    [(0, False), (7, False), (8, True), (9, False), (15, False), (16, True), (40, True), (41, False)],
)
def test_lengths_of_rfc_7873(length: int, valid: bool) -> None:
    assert is_valid_length(b"x" * length) is valid


def test_a_cookie_depends_on_client_address_time_and_secret() -> None:
    first = server_cookie(CLIENT, "192.0.2.1", 1000.0, b"secret")
    assert first[:8] == CLIENT
    assert len(first) == 24
    assert server_cookie(CLIENT, "192.0.2.1", 1000.9, b"secret") == first
    others = {
        server_cookie(b"87654321", "192.0.2.1", 1000.0, b"secret")[8:],
        server_cookie(CLIENT, "192.0.2.2", 1000.0, b"secret"),
        server_cookie(CLIENT, "192.0.2.1", 1001.0, b"secret"),
        server_cookie(CLIENT, "192.0.2.1", 1000.0, b"other"),
        server_cookie(CLIENT, "fe80::1%eth0", 1000.0, b"secret"),
    }
    assert first not in others
    assert len(others) == 5


def test_only_the_clients_own_bytes_are_taken_over() -> None:
    bake = baker(b"secret", lambda: 5.0)
    assert bake(CLIENT + b"what we gave last time", "192.0.2.1") == bake(CLIENT, "192.0.2.1")
