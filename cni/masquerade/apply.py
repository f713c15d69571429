"""ipMasq; see the backends."""

from __future__ import annotations

from cni.spec.errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cni.spec.addresses import Cidr


def add(network: str, container_id: str, ifname: str, cidrs: Iterable[Cidr], backend: str) -> None:
    raise CniError("ipMasq is not implemented in this version: set it to false")


def delete(network: str, container_id: str, ifname: str) -> None:
    return
