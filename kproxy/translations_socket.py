"""Keeps established connections translated where nothing translates any more."""

from collections.abc import Iterable
from contextlib import suppress

from kproxy.addresses import IPV6
from linux.conntrack.socket import Conntrack
from linux.conntrack.wire import STATUS_DESTINATION_NAT
from linux.netlink.socket import NetlinkError
from linux.nft import constants as k
from linux.nft import phrases
from linux.nft.batch import AddChain, AddRule, AddTable
from linux.nft.socket import NftSocket
from linux.nft.values import Chain, Hook, Rule, Table

_NAME = "kproxy-kept"
_FAMILIES = {4: k.NFPROTO_IPV4, 6: k.NFPROTO_IPV6}
_DESTINATION = -100


class KeptTranslations:
    """A table with a nat chain that does nothing. The kernel tracks connections, and translates those that it knows,
    only while some rule asks for tracking and some nat chain is there; the last ones gone, every packet of an
    established connection goes on untranslated.

    The table belongs to this socket and goes with it. Raises OSError: the kernel has no nf_tables, or none with owners
    (5.12).
    """

    def __init__(self, families: Iterable[int]) -> None:
        self._families = tuple(families)
        self._socket = NftSocket()
        chain = Chain("nat-prerouting", Hook("nat", k.HOOK_PREROUTING, _DESTINATION))
        rule = Rule(tuple(phrases.ct_status(k.CT_STATUS_DNAT)), comment="connections of the mode before")
        try:
            for family in self._families:
                table = Table(_FAMILIES[family], _NAME, k.TABLE_F_OWNER)
                self._socket.apply(
                    [AddTable(table), AddChain(table, chain), AddRule(table, chain.name, rule)]
                )
        except NetlinkError:
            self._socket.close()
            raise

    def is_needed(self) -> bool:
        """Whether there is a translated connection still."""
        with Conntrack() as tracked:
            return any(
                bool(entry.status & STATUS_DESTINATION_NAT)
                for family in self._families
                for entry in tracked.entries(ipv6=family == IPV6)
            )

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()
