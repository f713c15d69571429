import pytest

from kube.store import StoreError
from kube.store.etcd.options import Endpoint, Keyspace, parse_servers, range_end


def test_servers_are_urls_separated_by_commas() -> None:
    assert parse_servers("https://a:1, http://[fd00::1]:2 ,http://b") == (
        Endpoint("a", 1, tls=True),
        Endpoint("fd00::1", 2),
        Endpoint("b", 2379),
    )
    assert str(Endpoint("fd00::1", 2, tls=True)) == "https://[fd00::1]:2"


@pytest.mark.parametrize(
    "text", ["", " , ", "10.0.0.1:2379", "ftp://a:1", "http://a:x", "http://a:1/v3", "http://"]
)
def test_what_is_no_server_is_told(text: str) -> None:
    with pytest.raises(StoreError, match="--etcd-servers"):
        parse_servers(text)


def test_keys_go_to_the_prefix_and_back() -> None:
    keyspace = Keyspace.beneath("/teams/blue/")
    assert keyspace.etcd_key("/registry/pods/a/b") == b"/teams/blue/pods/a/b"
    assert keyspace.key(b"/teams/blue/pods/a/b") == "/registry/pods/a/b"
    assert keyspace.key(b"/teams/blue2/pods/a/b") is None
    assert keyspace.key(b"compact_rev_key") is None
    assert keyspace.key(b"\xff\xfe") is None


@pytest.mark.parametrize(
    ("prefix", "etcd_prefix"),
    [
        ("", b"/p/"),
        ("/", b"/p/"),
        ("/registry", b"/p/"),
        ("/registry/", b"/p/"),
        ("/registry/pods/", b"/p/pods/"),
    ],
)
def test_prefixes_never_reach_into_the_neighbours(prefix: str, etcd_prefix: bytes) -> None:
    assert Keyspace.beneath("p").etcd_prefix(prefix) == etcd_prefix


def test_keys_elsewhere_and_the_whole_of_etcd_are_refused() -> None:
    with pytest.raises(StoreError, match="not beneath /registry"):
        Keyspace().etcd_key("/a")
    with pytest.raises(StoreError, match="--etcd-prefix"):
        Keyspace.beneath("/")


@pytest.mark.parametrize(
    ("prefix", "end"), [(b"/a/", b"/a0"), (b"a\xff", b"b"), (b"\xff\xff", b"\0"), (b"", b"\0")]
)
def test_a_range_ends_behind_all_that_start_with_its_prefix(prefix: bytes, end: bytes) -> None:
    assert range_end(prefix) == end
