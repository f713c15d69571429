import pytest

from nodeagent.pods.times import epoch, rfc3339, rfc3339_micro


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:01:00Z",
        "1970-01-01T00:01:00.000000000Z",
        "1970-01-01T00:01:00.000000+00:00",
        "1970-01-01T01:01:00+01:00",
    ],
)
def test_times_of_every_precision_are_read(text):
    assert epoch(text) == 60.0


def test_times_are_written_as_the_api_writes_them():
    assert rfc3339(60.9) == "1970-01-01T00:01:00Z"
    assert rfc3339_micro(60.5) == "1970-01-01T00:01:00.500000Z"
