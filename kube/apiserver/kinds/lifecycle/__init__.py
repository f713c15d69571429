"""What the server itself does to an object's metadata when it is made, changed and deleted (api.md B1).

Pure: names, uids and times are arguments. Validation comes after; see validation/.
"""

from kube.apiserver.kinds.lifecycle.creation import (
    SUFFIX_CHARACTERS,
    SUFFIX_LENGTH,
    prepare_create,
)
from kube.apiserver.kinds.lifecycle.deletion import finished, prepare_delete
from kube.apiserver.kinds.lifecycle.update import (
    TEMPLATE_GENERATION,
    check_version,
    prepare_update,
    unchanged,
)

__all__ = [
    "SUFFIX_CHARACTERS",
    "SUFFIX_LENGTH",
    "TEMPLATE_GENERATION",
    "check_version",
    "finished",
    "prepare_create",
    "prepare_delete",
    "prepare_update",
    "unchanged",
]
