import pytest

from nodeagent.pods.users import UserRefused, resolve_user
from nodeagent.runtime.spec import User

PASSWD = "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n"
GROUP = "root:x:0:\nweb:x:34:\nlogs:x:50:web,other\n"


def of(pod, image_user="", own=None, whole=None):
    spec = pod(containers=[{"name": "main", "securityContext": own or {}}], securityContext=whole or {})
    return resolve_user(spec, spec.spec.containers[0], image_user, PASSWD, GROUP)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, User(0, 0)),
        ({"image_user": "web"}, User(33, 34, (50,))),
        ({"image_user": "33:0"}, User(33, 0, (50,))),
        ({"image_user": "1000"}, User(1000, 0)),
        ({"image_user": "web:logs"}, User(33, 50)),
        ({"whole": {"runAsUser": 7, "runAsGroup": 8}}, User(7, 8)),
        ({"own": {"runAsUser": 5}, "whole": {"runAsUser": 7}}, User(5, 0)),
        ({"own": {"runAsUser": 33}}, User(33, 34, (50,))),
        ({"whole": {"fsGroup": 99, "supplementalGroups": [7]}}, User(0, 0, (7, 99))),
    ],
)
def test_who_a_process_runs_as(pod, arguments, expected):
    assert of(pod, **arguments) == expected


def test_root_is_refused_where_it_is_forbidden(pod):
    with pytest.raises(UserRefused, match="image will run as root"):
        of(pod, whole={"runAsNonRoot": True})
    assert of(pod, own={"runAsUser": 5}, whole={"runAsNonRoot": True}).uid == 5


def test_a_name_without_an_entry_is_refused(pod):
    with pytest.raises(UserRefused, match="unable to find user nobodyknows"):
        of(pod, image_user="nobodyknows")
