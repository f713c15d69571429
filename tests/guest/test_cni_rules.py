"""CNI's packet filter rules on Debian 12's own kernel: a choice of the lab tests."""

import os

import pytest

from tests.lab.cni.conftest import ask_fixture as ask  # noqa: F401 - a fixture
from tests.lab.cni.conftest import bin_dir, host, serve, world  # noqa: F401 - fixtures
from tests.lab.cni.test_cni_masquerade import test_traffic_leaves_with_the_hosts_address  # noqa: F401 - collected here
from tests.lab.cni.test_cni_portmap import (  # noqa: F401 - collected here as well, and their fixtures
    attach,
    backend,
    test_from_outside_from_the_host_and_from_localhost,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="run `make guest`; the lab tests do more here"
    ),
]
