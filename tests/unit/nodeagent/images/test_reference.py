import pytest

from nodeagent.images.reference import InvalidReference, default_pull_policy, parse_reference


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.2", "docker.io/library/nginx:1.2"),
        ("me/app", "docker.io/me/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("reg.example:5000/a/b:c", "reg.example:5000/a/b:c"),
        ("index.docker.io/library/x", "docker.io/library/x:latest"),
        ("a@sha256:12", "docker.io/library/a@sha256:12"),
    ],
)
def test_what_is_implied_is_filled_in(text, whole):
    assert str(parse_reference(text)) == whole


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "a/", "x@md5:1"])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(InvalidReference, match="invalid reference format"):
        parse_reference(text)


def test_only_our_own_names_are_built_in():
    assert parse_reference("podnet/toolbox").builtin == "podnet/toolbox"
    assert parse_reference("reg.example/podnet/toolbox").builtin == ""
    assert parse_reference("nginx").builtin == ""


def test_latest_is_pulled_always():
    assert default_pull_policy(parse_reference("nginx")) == "Always"
    assert default_pull_policy(parse_reference("nginx:1")) == "IfNotPresent"
