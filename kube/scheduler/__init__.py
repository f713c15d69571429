"""Chooses a node for each pod: watches, decides on a value of the cluster, binds through the API.

`decide` is pure: (pod, cluster state, profile, chance) to a Decision. `drive` holds the only I/O.
"""

from kube.scheduler.drive import Scheduler, run
from kube.scheduler.profile import SchedulerProfile

__all__ = ["Scheduler", "SchedulerProfile", "run"]
