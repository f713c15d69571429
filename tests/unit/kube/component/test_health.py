"""Health pages, word for word."""

import pytest

from kube.component.health import page


def _page(query: dict[str, list[str]], *failing: str) -> tuple[int, str]:
    checks = {name: lambda name=name: "why" if name in failing else "" for name in ("ping", "leaderElection")}
    answer = page("healthz", checks, query)  # type: ignore[arg-type]
    return answer.status, answer.body


@pytest.mark.parametrize(
    ("query", "failing", "expected"),
    [
        ({}, (), (200, "ok")),
        ({"verbose": [""]}, (), (200, "[+]ping ok\n[+]leaderElection ok\nhealthz check passed\n")),
        (
            {},
            ("leaderElection",),
            (500, "[+]ping ok\n[-]leaderElection failed: reason withheld\nhealthz check failed\n"),
        ),
        ({"exclude": ["leaderElection"]}, ("leaderElection",), (200, "ok")),
        (
            {"verbose": [""], "exclude": ["ping"]},
            ("ping",),
            (200, "[+]ping excluded: ok\n[+]leaderElection ok\nhealthz check passed\n"),
        ),
    ],
)
def test_what_a_health_page_says(
    query: dict[str, list[str]], failing: tuple[str, ...], expected: tuple[int, str]
) -> None:
    assert _page(query, *failing) == expected
