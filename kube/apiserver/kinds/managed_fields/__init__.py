"""Server-side apply and the bookkeeping of who manages which field (KEP-555).

`apply` is the PATCH of type application/apply-patch+yaml. `track` follows every other write; like the server's
own optimisation it begins only with the first apply of an object: until then nothing is recorded, and what was
there before belongs to the manager `before-first-apply`.
"""

from kube.apiserver.kinds.managed_fields.server_side import apply
from kube.apiserver.kinds.managed_fields.tracking import manager_of, track

__all__ = ["apply", "manager_of", "track"]
