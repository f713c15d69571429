import base64
import json

from nodeagent.pods.sources import (
    Ref,
    Source,
    is_made_for,
    refs_of_env,
    refs_of_pulls,
    refs_of_volumes,
    registry_credentials,
)


def test_a_pod_names_what_it_needs(pod):
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    main = {"name": "main", "env": env, "envFrom": [{"configMapRef": {"name": "c"}}]}
    token = {"serviceAccountToken": {"path": "t", "audience": "vault", "expirationSeconds": 600}}
    volumes = [
        {"name": "a", "configMap": {"name": "v"}},
        {"name": "b", "projected": {"sources": [{"secret": {"name": "p"}}, token]}},
        {"name": "c", "emptyDir": {}},
    ]
    spec = pod(containers=[main], volumes=volumes, imagePullSecrets=[{"name": "reg"}])
    assert refs_of_env(spec) == {Ref("Secret", "s"), Ref("ConfigMap", "c")}
    assert refs_of_volumes(spec) == {Ref("ConfigMap", "v"), Ref("Secret", "p"), Ref("Token", "vault", 600)}
    assert refs_of_pulls(spec) == {Ref("Secret", "reg")}


def test_a_claim_may_be_named_or_made_for_the_pod(pod):
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "kept"}},
        {"name": "b", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
    ]
    one = pod(volumes=volumes)
    own = f"{one.metadata.name}-b"
    assert refs_of_volumes(one) == {Ref("Claim", "kept"), Ref("Claim", own)}
    assert is_made_for(one, own)
    assert not is_made_for(one, "kept")


def test_credentials_of_all_secrets_are_joined():
    entry = {"auth": base64.b64encode(b"me:pw").decode()}
    new = Source({".dockerconfigjson": json.dumps({"auths": {"a.example": entry}}).encode()})
    old = Source({".dockercfg": json.dumps({"b.example": entry}).encode()})
    assert json.loads(registry_credentials([new, None, old])) == {
        "auths": {"a.example": entry, "b.example": entry}
    }
    assert registry_credentials([Source({".dockerconfigjson": b"{"}), None]) == b""
