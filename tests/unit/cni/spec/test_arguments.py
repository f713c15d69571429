"""CNI_ARGS."""

import pytest

from cni.spec import arguments
from cni.spec.errors import CniError

KUBERNETES = (
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=d;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=x;K8S_POD_UID=u"
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("IP=10.1.2.3", {"IP": "10.1.2.3"}),
        ("IP=10.1.2.3;MAC=0a:58:00:00:00:01", {"IP": "10.1.2.3", "MAC": "0a:58:00:00:00:01"}),
        ("FOO=BAR;IgnoreUnknown=true", {"FOO": "BAR", "IgnoreUnknown": "true"}),
        ("K8S_POD_NAME=web-0", {"K8S_POD_NAME": "web-0"}),
        ("IP=", {"IP": ""}),
    ],
)
def test_pairs(text, wanted):
    assert arguments.parse(text) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IP", 'ARGS: invalid pair "IP"'),
        ("A=B=C", 'ARGS: invalid pair "A=B=C"'),
        ("IP=1;", 'ARGS: invalid pair ""'),
        ("FOO=BAR", r'ARGS: unknown args \["FOO=BAR"\]'),
        ("ip=10.1.2.3", r'ARGS: unknown args \["ip=10.1.2.3"\]'),
        ("FOO=BAR;IgnoreUnknown=0", "unknown args"),
        ("IgnoreUnknown=maybe", "must be true or false"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(CniError, match=message):
        arguments.parse(text)


def test_the_pods_name():
    assert arguments.pod_name(arguments.parse(KUBERNETES)) == "d/web-0"
    assert arguments.pod_name({}) == ""
