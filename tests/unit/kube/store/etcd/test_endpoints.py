import pytest

from kube.store.etcd.endpoints import FIRST_PAUSE_S, LAST_PAUSE_S, Endpoints
from kube.store.etcd.options import Endpoint

A, B, C = (Endpoint(name, 2379) for name in "abc")


def test_one_server_is_asked_until_it_fails_then_the_next() -> None:
    endpoints = Endpoints((A, B, C), first=1)
    assert endpoints.current == B
    endpoints.failed(B, now=0)
    assert endpoints.current == C
    assert endpoints.wait_s(0) == 0
    endpoints.failed(C, now=0)
    assert endpoints.current == A


def test_a_failure_of_a_server_that_was_left_already_changes_nothing() -> None:
    endpoints = Endpoints((A, B))
    endpoints.failed(A, now=0)
    endpoints.failed(A, now=0.01)
    endpoints.failed(A, now=5)
    assert endpoints.current == B


def test_when_all_fail_the_one_that_is_free_first_is_waited_for() -> None:
    endpoints = Endpoints((A, B))
    endpoints.failed(A, now=0)
    endpoints.failed(B, now=FIRST_PAUSE_S / 2)
    assert endpoints.current == A
    assert endpoints.wait_s(FIRST_PAUSE_S / 2) == FIRST_PAUSE_S / 2


def test_pauses_double_up_to_a_bound_and_end_with_success() -> None:
    endpoints = Endpoints((A,))
    now, pauses = 0.0, []
    for _ in range(8):
        endpoints.failed(A, now)
        pauses.append(endpoints.wait_s(now))
        now += pauses[-1]
    assert pauses[:3] == pytest.approx([FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S])
    assert pauses[-1] == LAST_PAUSE_S
    endpoints.worked(A)
    assert endpoints.wait_s(now) == 0
    endpoints.failed(A, now)
    assert endpoints.wait_s(now) == pytest.approx(FIRST_PAUSE_S)


def test_several_requests_that_fail_together_count_once() -> None:
    endpoints = Endpoints((A,))
    for _ in range(10):
        endpoints.failed(A, now=0)
    assert endpoints.wait_s(0) == FIRST_PAUSE_S
