"""One of several equal processes works, the others wait: leader election by a Lease, as client-go does it."""

from kube.election.drive import Elector
from kube.election.plan import Terms

__all__ = ["Elector", "Terms"]
