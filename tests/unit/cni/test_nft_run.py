"""Transactions of plugins, as far as they are pure."""

from cni import nft_run
from cni.portmap import nftables_plan
from linux.netlink.codec import parse_attrs
from linux.nft import constants as k

_SET_ID = 10
_NFGENMSG_BYTES = 4


def test_no_two_sets_of_a_transaction_share_a_number():
    """Debian 12's kernel would look a rule's anonymous set up by it, and find the other."""
    sent = nft_run._messages(nftables_plan.set_up(32))
    numbers = [
        parse_attrs(payload, _NFGENMSG_BYTES)[_SET_ID] for kind, _, payload in sent if kind == k.NEWSET
    ]
    assert len(numbers) == len(set(numbers)) >= 5
