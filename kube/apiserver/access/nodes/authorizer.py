"""The Node authorizer: a node agent may see what its pods need, and nothing of the other nodes.

`system:node:NAME` of the group system:nodes; decisions and sentences as kube-apiserver's (KEP-279, KEP-4601).
What a node may change of the objects it may write is for admission to say: admission/node_restriction.py.
"""

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.authorization import Decision, UserRules
from kube.apiserver.access.nodes.references import PodReferences, Ref
from kube.apiserver.access.rbac.rules import RuleTable, keys_of, parse_rules
from kube.apiserver.kinds.bootstrap.rbac import NODE_RULES
from kube.apiserver.requests.request import User
from kube.store.cache import WatchCache

NODES_GROUP = "system:nodes"
_PREFIX = "system:node:"
LEASE_NAMESPACE = "kube-node-lease"
_READ = ("get", "list", "watch")
_ALLOWED = Decision(allowed=True)


def node_name(user: User) -> str | None:
    """Which node the user is; None for everybody else."""
    if user.name.startswith(_PREFIX) and NODES_GROUP in user.groups:
        return user.name.removeprefix(_PREFIX) or None
    return None


class NodeAuthorizer:
    """An Authorizer; it has no opinion about users that are no nodes."""

    def __init__(self, references: PodReferences, cache: WatchCache) -> None:
        self._references = references
        self._cache = cache
        self._table = RuleTable(parse_rules(NODE_RULES))

    def rules_for(self, user: User, namespace: str) -> UserRules:
        if node_name(user) is None:
            return UserRules(())
        return UserRules((), "node authorizer does not support user rule resolution")

    def decide(self, asked: Attributes) -> Decision:
        node = node_name(asked.user)
        if node is None:
            return Decision(allowed=False)
        if asked.path:
            return self._by_rules(asked)
        match asked.group, asked.resource:
            case ("", "secrets" | "configmaps"):
                return self._read_needed(node, asked)
            case ("", "pods"):
                return self._pods(node, asked)
            case ("", "nodes"):
                return self._nodes(node, asked)
            case ("", "persistentvolumeclaims") if asked.subresource == "status":
                return self._needed(node, asked, ("get", "patch", "update"))
            case ("", "persistentvolumeclaims") | ("resource.k8s.io", "resourceclaims"):
                return self._get_needed(node, asked)
            case ("", "persistentvolumes"):
                return self._volume(node, asked)
            case ("storage.k8s.io", "volumeattachments"):
                return self._attachment(node, asked)
            case ("", "serviceaccounts"):
                return self._account(node, asked)
            case ("coordination.k8s.io", "leases"):
                return self._lease(node, asked)
            case ("storage.k8s.io", "csinodes"):
                return self._csi_node(node, asked)
        return self._by_rules(asked)

    def _by_rules(self, asked: Attributes) -> Decision:
        return Decision(allowed=self._table.allows(asked, keys_of(asked)))

    def _pods(self, node: str, asked: Attributes) -> Decision:
        match asked.subresource, asked.verb:
            case ("", "get"):
                return self._get_needed(node, asked)
            case ("", "list" | "watch"):
                if asked.fields.get("spec.nodeName") == node:
                    return _ALLOWED
                return _no("can only list/watch pods with spec.nodeName field selector")
            case ("", "create" | "delete") | ("status", "get" | "patch" | "update") | ("eviction", "create"):
                return _ALLOWED
        return Decision(allowed=False)

    def _nodes(self, node: str, asked: Attributes) -> Decision:
        match asked.subresource, asked.verb:
            case ("" | "status", "create" | "patch" | "update"):
                return _ALLOWED
            case ("" | "status", "get" | "list" | "watch"):
                if asked.name == node:
                    return _ALLOWED
                return _no(f"node '{node}' cannot read '{asked.name}', only its own Node object")
        return Decision(allowed=False)

    def _needed(self, node: str, asked: Attributes, verbs: tuple[str, ...]) -> Decision:
        if asked.verb not in verbs or not asked.name:
            return _no("can only access individual resources of this type")
        if self._references.has(node, Ref(asked.resource, asked.namespace, asked.name)):
            return _ALLOWED
        return _unrelated(node)

    def _get_needed(self, node: str, asked: Attributes) -> Decision:
        if asked.verb != "get":
            return _no("can only get individual resources of this type")
        if asked.subresource:
            return _no("cannot get subresource")
        return self._needed(node, asked, ("get",))

    def _read_needed(self, node: str, asked: Attributes) -> Decision:
        """A list or watch too, when it is of one object."""
        if asked.verb not in _READ:
            return _no("can only read resources of this type")
        if asked.subresource:
            return _no("cannot read subresource")
        if not asked.namespace:
            return _no("can only read namespaced object of this type")
        if not asked.name:
            return _no("No Object name found")
        return self._needed(node, asked, _READ)

    def _volume(self, node: str, asked: Attributes) -> Decision:
        """A PersistentVolume, when it is bound to a claim of one of the pods."""
        if asked.verb != "get" or asked.subresource:
            return _no("can only get individual resources of this type")
        entry = self._cache.get("persistentvolumes", "", asked.name)
        claim = (entry.decode().get("spec") or {}).get("claimRef") if entry is not None else None
        if claim and self._references.has(
            node, Ref("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", ""))
        ):
            return _ALLOWED
        return _unrelated(node)

    def _attachment(self, node: str, asked: Attributes) -> Decision:
        if asked.verb != "get" or asked.subresource:
            return _no("can only get individual resources of this type")
        entry = self._cache.get("volumeattachments.storage.k8s.io", "", asked.name)
        if entry is not None and (entry.decode().get("spec") or {}).get("nodeName") == node:
            return _ALLOWED
        return _unrelated(node)

    def _account(self, node: str, asked: Attributes) -> Decision:
        if asked.subresource == "token":
            if asked.verb != "create" or not asked.name:
                return _no("can only create tokens for individual service accounts")
            return self._needed(node, asked, ("create",))
        return self._get_needed(node, asked)

    def _lease(self, node: str, asked: Attributes) -> Decision:
        if asked.verb not in ("get", "create", "update", "patch", "delete"):
            return _no("can only get, create, update, patch, or delete a node lease")
        if asked.namespace != LEASE_NAMESPACE:
            return _no(f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
        if asked.verb != "create" and asked.name != node:
            return _no("can only access node lease with the same name as the requesting node")
        return _ALLOWED

    def _csi_node(self, node: str, asked: Attributes) -> Decision:
        if asked.verb not in ("get", "create", "update", "patch", "delete"):
            return _no("can only get, create, update, patch, or delete a CSINode")
        if asked.subresource:
            return _no("cannot authorize CSINode subresources")
        if asked.verb != "create" and asked.name != node:
            return _no("can only access CSINode with the same name as the requesting node")
        return _ALLOWED


def _no(reason: str) -> Decision:
    return Decision(allowed=False, reason=reason)


def _unrelated(node: str) -> Decision:
    return _no(f"no relationship found between node '{node}' and this object")
