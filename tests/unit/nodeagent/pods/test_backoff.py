from nodeagent.pods.backoff import Delay, delays_of_runs, restart_at, restarted


def test_delays_double_from_ten_seconds_to_five_minutes():
    delays, now, seen = {}, 1000.0, []
    for _ in range(8):
        at = restart_at(delays, "main", now)
        seen.append(at - now)
        delays = restarted(delays, "main", at)
        now = at + 1
    assert seen == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_long_run_is_forgiven():
    delays = {"main": Delay(160.0, 1000.0)}
    assert restart_at(delays, "main", 1700.0) == 1700.0
    assert restarted(delays, "main", 2000.0)["main"].delay_s == 10.0


def test_containers_do_not_share_delays():
    delays = restarted({}, "main", 1.0)
    assert restart_at(delays, "other", 5.0) == 5.0


def test_the_runs_on_disk_tell_the_delay(record):
    assert delays_of_runs([record()]) == {}
    found = delays_of_runs([record(attempt=2, code=1), record(attempt=3)])
    assert found["main"].delay_s == 40.0


def test_what_another_image_did_is_not_held_against_this_one(record):
    found = delays_of_runs([record(attempt=2, code=1, image="old"), record(attempt=3)])
    assert found == {}
