import msgspec

from kube.objects.containers import Probe
from nodeagent.probes.plan import Streak, after, first_delay_s, quick_delays_s


def probe(**fields):
    return msgspec.convert(fields, Probe)


def verdicts(results, **fields):
    streak, seen = Streak(), []
    for result in results:
        streak = after(streak, probe(**fields), success=result)
        seen.append(streak.verdict)
    return seen


def test_thresholds_need_rows_without_a_break():
    assert verdicts([True], successThreshold=1) == [True]
    row = verdicts([True, False, False, True, False, False, False])
    assert row == [True, True, True, True, True, True, False]
    assert verdicts([False] * 3 + [True, True], successThreshold=2) == [None, None, False, False, True]


def test_an_agent_that_restarts_does_not_probe_everything_at_once():
    given = probe(initialDelaySeconds=3, periodSeconds=10)
    assert first_delay_s(given, 0.5, restarted=False) == 3
    assert first_delay_s(given, 0.5, restarted=True) == 8


def test_quick_readiness_stays_within_the_first_period():
    assert sum(quick_delays_s(probe(periodSeconds=1))) < 1
    assert len(quick_delays_s(probe(periodSeconds=10))) == 5
