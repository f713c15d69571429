"""Role-based access control: README.md says how the parts fit."""

from kube.apiserver.access.rbac.escalation import check_write
from kube.apiserver.access.rbac.policy import Policy, follow
from kube.apiserver.access.rbac.rules import Rule, missing, parse_rules

__all__ = ["Policy", "Rule", "check_write", "follow", "missing", "parse_rules"]
