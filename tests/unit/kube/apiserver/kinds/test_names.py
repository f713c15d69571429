import pytest

from kube.apiserver.kinds import names


@pytest.mark.parametrize("value", ["a", "a-b", "a.b", "123", "a" * 253])
def test_good_subdomains(value: str) -> None:
    assert names.subdomain_errors(value) == []


@pytest.mark.parametrize("value", ["", "A", "a_b", "-a", "a-", "a..b", "a b", "a" * 254, "ä"])
def test_bad_subdomains(value: str) -> None:
    assert names.subdomain_errors(value)


def test_a_label_with_dots_is_told_so() -> None:
    assert names.label_errors("a.b") == ["must not contain dots"]


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("app", 0),
        ("app.kubernetes.io/name", 0),
        ("A_b.c-d", 0),
        ("", 2),
        ("/a", 1),
        ("a/b/c", 1),
        ("a/", 2),
        ("UPPER.io/a", 1),
        ("a" * 64, 1),
    ],
)
def test_label_keys(value: str, errors: int) -> None:
    assert len(names.label_key_errors(value)) == errors


@pytest.mark.parametrize(
    ("value", "good"), [("", True), ("a", True), ("A.b_c-1", True), ("-a", False), ("a b", False)]
)
def test_label_values(value: str, good: bool) -> None:
    assert (names.label_value_errors(value) == []) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [("http", True), ("a-1", True), ("80", False), ("", False), ("a--b", False), ("-a", False), ("A", False)],
)
def test_port_names(value: str, good: bool) -> None:
    assert (names.port_name_errors(value) == []) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [("10.0.0.1", True), ("fd00::1", True), ("010.0.0.1", False), ("fe80::1%eth0", False), ("x", False)],
)
def test_addresses(value: str, good: bool) -> None:
    assert (names.ip_errors(value) == []) is good


@pytest.mark.parametrize(
    ("value", "good"), [("10.0.0.0/8", True), ("10.0.0.1", False), ("10.0.0.0/33", False), ("::/0", True)]
)
def test_cidrs(value: str, good: bool) -> None:
    assert (names.cidr_errors(value) == []) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [("a.b", True), (".env", True), ("..a", False), ("..", False), (".", False), ("a/b", False)],
)
def test_config_keys(value: str, good: bool) -> None:
    assert (names.config_key_errors(value) == []) is good


def test_role_names_are_path_segments() -> None:
    assert names.path_segment_errors("system:node") == []
    assert names.path_segment_errors("a/b") == ["may not contain '/'"]
    assert names.path_segment_errors("..") == ["may not be '..'"]


def test_sentences_are_the_servers() -> None:
    assert names.subdomain_errors("A")[0] == (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
