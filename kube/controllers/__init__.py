"""Control loops: each compares what is declared with what is, and writes the difference.

Every controller is a package: `plan` decides on values, `apply` subscribes, calls it and writes. `registry.CONTROLLERS`
lists them.
"""

from kube.controllers.drive import run
from kube.controllers.options import ControllerOptions

__all__ = ["ControllerOptions", "run"]
