"""Limits as files of both versions of cgroups."""

import pytest

from nodeagent.cgroups.plan import Limits, settings_v1, settings_v2, weight

FULL = Limits(memory_bytes=1 << 20, cpu_shares=512, cpu_quota_us=50_000, pids_max=9)


def as_dict(settings):
    return {setting.file: setting.value for setting in settings}


def test_version_1():
    assert as_dict(settings_v1(FULL)) == {
        "cpu.shares": "512",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "memory.limit_in_bytes": "1048576",
        "pids.max": "9",
    }


def test_version_2():
    assert as_dict(settings_v2(FULL)) == {
        "cpu.weight": "20",
        "cpu.max": "50000 100000",
        "memory.max": "1048576",
        "pids.max": "9",
    }


def test_without_a_limit_an_old_one_is_lifted():
    assert as_dict(settings_v1(Limits()))["memory.limit_in_bytes"] == "-1"
    assert as_dict(settings_v2(Limits())) == {
        "cpu.weight": "39",
        "cpu.max": "max 100000",
        "memory.max": "max",
        "pids.max": "max",
    }


@pytest.mark.parametrize(("shares", "expected"), [(2, 1), (1024, 39), (262144, 10000)])
def test_shares_become_weights(shares, expected):
    assert weight(shares) == expected
