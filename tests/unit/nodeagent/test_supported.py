"""The table of supported fields, held against the API's schema and against the types the agent reads."""

import pytest

from kube.apiserver.kinds.disk import definitions
from kube.objects import containers, pods, volumes
from nodeagent.pods.admission import Room, refusal
from nodeagent.supported import IGNORED, REFUSED, SUPPORT, YES
from tools.node_tables import PAGE

_TYPES = {
    "PodSpec": pods.PodSpec,
    "PodSecurityContext": pods.PodSecurityContext,
    "Container": containers.Container,
    "EphemeralContainer": containers.EphemeralContainer,
    "SecurityContext": containers.SecurityContext,
    "Volume": volumes.Volume,
    "VolumeMount": containers.VolumeMount,
    "VolumeProjection": volumes.VolumeProjection,
    "EnvVarSource": containers.EnvVarSource,
    "EnvFromSource": containers.EnvFromSource,
    "Lifecycle": containers.Lifecycle,
    "LifecycleHandler": containers.LifecycleHandler,
    "Probe": containers.Probe,
    "ContainerPort": containers.ContainerPort,
    "PodDNSConfig": pods.PodDNSConfig,
}


@pytest.mark.parametrize("kind", SUPPORT)
def test_every_field_of_the_schema_is_decided_on(kind):
    assert set(SUPPORT[kind]) == set(definitions()[f"io.k8s.api.core.v1.{kind}"]["properties"])


@pytest.mark.parametrize("kind", SUPPORT)
def test_what_is_done_is_read_and_what_is_ignored_is_not(kind):
    read = set(_TYPES[kind].__struct_encode_fields__)
    given = SUPPORT[kind]
    assert {name for name, (verdict, _) in given.items() if verdict == YES} <= read
    assert not {name for name, (verdict, _) in given.items() if verdict == IGNORED} & read


def test_what_the_pod_fails_for_is_refused_before_it_starts(pod):
    device = {"name": "main", "image": "i", "volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]}
    for refused in (
        pod(hostUsers=False),
        pod(resourceClaims=[{"name": "gpu"}]),
        pod(containers=[device]),
        pod(os={"name": "windows"}),
    ):
        assert refusal(refused, Room(), []) is not None
    assert refusal(pod(), Room(), []) is None


def test_fields_of_pods_that_are_refused_are_few_and_known():
    refused = {name for name, (verdict, _) in SUPPORT["PodSpec"].items() if verdict == REFUSED}
    assert refused == {"hostUsers", "resourceClaims"}


def test_the_page_says_what_the_table_says():
    page = PAGE.path.read_text()
    assert PAGE.rendered(page) == page, "run .venv/bin/python tools/node_tables.py"
