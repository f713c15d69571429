"""The .link file that decides is found as systemd-udevd finds it."""

import pytest

from cni.doctor.udev_links import mac_policy

DEFAULT = "[Match]\nOriginalName=*\n\n[Link]\nNamePolicy=keep kernel\nMACAddressPolicy=persistent\n"
OURS = "# by hand\n[Match]\nOriginalName=veth* cni*\n[Link]\nMACAddressPolicy=none\n"


@pytest.mark.parametrize(
    ("files", "policy"),
    [
        ({"99-default.link": DEFAULT}, "persistent"),
        ({"99-default.link": DEFAULT, "10-cni.link": OURS}, "none"),
        ({"99-default.link": DEFAULT, "99-z.link": OURS}, "persistent"),  # the first one decides
        ({"99-default.link": DEFAULT, "10-dummy.link": OURS.replace("veth* cni*", "eth0")}, "persistent"),
        (
            {"99-default.link": DEFAULT, "10-v.link": OURS.replace("OriginalName=veth* cni*", "Driver=veth")},
            "none",
        ),
        (
            {"99-default.link": DEFAULT, "10-p.link": OURS.replace("OriginalName=veth* cni*", "Path=pci-*")},
            "persistent",
        ),
        ({"99-default.link": DEFAULT, "10-empty.link": "[Link]\nMACAddressPolicy=none\n"}, "persistent"),
        ({}, ""),
    ],
)
def test_the_first_matching_file_decides(files, policy):
    assert mac_policy(files, "veth0", "veth") == policy
