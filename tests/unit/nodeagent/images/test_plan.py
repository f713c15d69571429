import pytest

from nodeagent.images.plan import Refuse, TryPull, UsePresent, decide, next_delay_s


@pytest.mark.parametrize(
    ("image", "policy", "present", "expected"),
    [
        ("nginx", "", True, TryPull),
        ("nginx:1", "", True, UsePresent),
        ("nginx:1", "", False, TryPull),
        ("nginx:1", "Always", True, TryPull),
        ("nginx", "Never", True, UsePresent),
        ("nginx", "Never", False, Refuse),
        ("podnet/toolbox", "Always", True, UsePresent),
        ("podnet/nope", "Always", False, Refuse),
        ("BAD", "", False, Refuse),
    ],
)
def test_policy_and_presence_decide(image, policy, present, expected):
    assert isinstance(decide(image, policy, present=present), expected)


def test_waits_double_up_to_five_minutes():
    delay, seen = 0.0, []
    for _ in range(7):
        delay = next_delay_s(delay)
        seen.append(delay)
    assert seen == [10, 20, 40, 80, 160, 300, 300]
