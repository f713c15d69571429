"""Server-side apply and the bookkeeping of who manages which field (KEP-555).

`apply` is the PATCH of type application/apply-patch+yaml. `track` follows every other write. What the server makes
for itself at its start has no managers; what such an object holds when it is applied first belongs to the manager
`before-first-apply`.
"""

from kube.apiserver.kinds.managed_fields.server_side import apply
from kube.apiserver.kinds.managed_fields.tracking import manager_of, track

__all__ = ["apply", "manager_of", "track"]
