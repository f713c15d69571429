"""What a ControllerRevision holds."""

from __future__ import annotations

import msgspec

from kube.controllers.history.plan import present, revision_data
from kube.objects import Deployment
from tests.unit.kube.controllers.builders import make


def test_the_data_is_in_the_order_of_gos_encoder() -> None:
    """Clients compare its bytes with those they make of the template themselves."""
    template = {
        "spec": {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c", "image": "i"}]},
        "metadata": {"labels": {"b": "1", "a": "2"}},
    }
    expected = (
        b'{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"a":"2","b":"1"}},'
        b'"spec":{"containers":[{"image":"i","name":"c"}],"volumes":[{"emptyDir":{},"name":"v"}]}}}}'
    )
    assert msgspec.json.encode(revision_data(template)) == expected


def test_a_revision_keeps_the_annotations_of_its_owner() -> None:
    """Where `kubectl rollout history` finds the cause of the change."""
    owner = make(Deployment, "x", meta={"annotations": {"kubernetes.io/change-cause": "because"}})
    metadata = present(owner, {}, None, ()).body["metadata"]
    assert metadata["annotations"] == {"kubernetes.io/change-cause": "because"}
    assert "annotations" not in present(make(Deployment, "x"), {}, None, ()).body["metadata"]
