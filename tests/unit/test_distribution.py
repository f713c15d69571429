"""What is installed beside us must not take our names, and our modules must start light."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

OURS = {"kproxy", "cni", "dns", "kube", "linux", "nodeagent", "netns_fixtures"}


def test_no_other_distribution_claims_one_of_our_names() -> None:
    claims = {
        (found.metadata["Name"], file.parts[0])
        for found in metadata.distributions()
        if found.metadata["Name"] != "podnet"
        for file in found.files or ()
        if file.parts[0].removesuffix(".py") in OURS
    }
    assert claims == set()


@pytest.mark.parametrize("module", ["kproxy.cli", "dns.cli", "nodeagent.cli"])
def test_daemons_of_a_node_start_without_heavy_imports(module: str) -> None:
    """Each costs a lab start 50 to 220 ms, eight times over."""
    script = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert (
        loaded & {"aiohttp", "pyroute2", "rich", "cryptography", "dnslib", "yaml", "prometheus_client"}
        == set()
    )


def test_a_cni_plugin_starts_with_what_it_needs_only() -> None:
    script = "import sys, json, cni.run; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-ISE", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"],
        capture_output=True,
        check=True,
    )
    assert {name.split(".")[0] for name in json.loads(done.stdout)} & {
        "asyncio",
        "logging",
        "msgspec",
        "kube",
        "typing",
    } == set()
