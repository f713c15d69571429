"""String formats."""

import pytest

from kube.apiserver.kinds.schema.formats import FORMATS, fits

EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    "bsonobjectid": (["507f1f77bcf86cd799439011"], ["507f"]),
    "byte": (["aGVsbG8=", ""], ["aGVsbG8", "!"]),
    "cidr": (["10.0.0.0/8", "fd00::/64"], ["10.0.0.0", "10.0.0.0/33"]),
    "creditcard": (["4111 1111 1111 1111"], ["4111 1111 1111 1112"]),
    "date": (["2026-11-21"], ["2026-13-01", "21.11.2026"]),
    "date-time": (
        ["2026-11-21T09:00:00Z", "2026-11-21T09:00:00.5+01:00"],
        ["2026-11-21", "2026-02-30T09:00:00Z"],
    ),
    "datetime": (["2026-11-21T09:00:00Z"], ["now"]),
    "duration": (["1h30m", "1.5s", "3 days"], ["1 year or so", ""]),
    "email": (["a@example.com"], ["a@", "example.com"]),
    "hexcolor": (["#fff", "a0b1c2"], ["#ffff"]),
    "hostname": (["web.example.com", "a"], ["-a", "a..b", "a" * 64]),
    "ipv4": (["10.1.2.3"], ["10.1.2", "::1"]),
    "ipv6": (["::1"], ["10.1.2.3", "::g"]),
    "isbn": (["0-306-40615-2", "978-0-306-40615-7"], ["0-306-40615-3"]),
    "isbn10": (["0306406152"], ["0306406153"]),
    "isbn13": (["9780306406157"], ["9780306406158"]),
    "k8s-long-name": (["a.b"], ["A"]),
    "k8s-short-name": (["a-b"], ["a.b"]),
    "mac": (["02:42:ac:11:00:02", "0242.ac11.0002"], ["02:42", "02:42-ac:11:00:02"]),
    "password": (["anything"], []),
    "rgbcolor": (["rgb(1, 2,255)"], ["rgb(256,0,0)"]),
    "ssn": (["111-22-3333"], ["11-22-3333"]),
    "uri": (["https://example.com/a", "/a"], ["a b", ""]),
    "uuid": (["a987fbc9-4bed-3078-cf07-9141ba07c9f3"], ["a987"]),
    "uuid3": (["a987fbc9-4bed-3078-8f07-9141ba07c9f3"], ["a987fbc9-4bed-4078-8f07-9141ba07c9f3"]),
    "uuid4": (["57b73598-8764-4ad0-a76a-679bb6640eb1"], ["57b73598-8764-3ad0-a76a-679bb6640eb1"]),
    "uuid5": (["987fbc97-4bed-5078-af07-9141ba07c9f3"], ["987fbc97-4bed-3078-af07-9141ba07c9f3"]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_takes_its_like(name: str) -> None:
    fitting, other = EXAMPLES[name]
    assert [text for text in fitting if not fits(text, name)] == []
    assert [text for text in other if fits(text, name)] == []


def test_every_format_has_examples() -> None:
    assert set(FORMATS) <= set(EXAMPLES)


def test_a_format_that_nobody_knows_takes_all() -> None:
    assert fits("whatever", "colour")
