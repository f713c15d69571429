"""Token buckets as tc-tbf makes them."""

import pytest

from linux.netlink.codec import Message
from linux.tc import Qdisc, TokenBucket, messages


@pytest.mark.parametrize(
    ("rate_bits", "burst_bits", "wanted"),
    [
        (8_000_000, 800_000, TokenBucket(1_000_000, 125_000, 1_562_500)),
        (1_000_000, (1 << 32) - 1, TokenBucket(125_000, 536_874_036, 0xFFFFFFFF)),
    ],
)
def test_rate_and_burst(rate_bits, burst_bits, wanted):
    assert TokenBucket.of(rate_bits, burst_bits, 25_000) == wanted


@pytest.mark.parametrize("rate", [1_000_000, 10_000_000_000])
def test_a_request_reads_as_that_bucket(rate):
    bucket = TokenBucket(rate, 5000, 700)
    message = Message(36, 0, 0, messages.token_bucket(9, bucket))
    assert messages.parse_qdisc(message) == Qdisc(9, "tbf", 0x10000, messages.ROOT, bucket)
