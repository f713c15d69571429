"""Plugins as small scripts that write down how they were called."""

import json
from pathlib import Path

import pytest

from nodeagent.cni.apply import Cni
from nodeagent.cni.conflist import NetworkList
from nodeagent.cni.disk import load_network, write_conflist
from nodeagent.cni.invocation import PluginError, pod_attachment

PLUGIN = """#!/bin/sh
name=$(basename "$0")
echo "$CNI_COMMAND $name" >> {calls}
cat > {folder}/$name-$CNI_COMMAND.json
if [ -e {folder}/fail-$name-$CNI_COMMAND ]; then echo '{{"code": 7, "msg": "told to"}}'; exit 1; fi
[ $CNI_COMMAND = ADD ] && echo '{{"ips": [{{"address": "10.0.0.2/24"}}], "by": "'$name'"}}'
exit 0
"""
NETWORK = NetworkList("net", "1.0.0", ({"type": "first"}, {"type": "second"}))
ATTACHMENT = pod_attachment("id1", "/run/ns", namespace="d", name="p", uid="u", port_mappings=())


@pytest.fixture
def cni(tmp_path: Path) -> Cni:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("first", "second"):
        program = folder / name
        program.write_text(PLUGIN.format(calls=tmp_path / "calls", folder=tmp_path))
        program.chmod(0o755)
    return Cni(str(folder), str(tmp_path / "cache"))


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def test_a_chain_passes_results_on_and_is_undone_in_reverse(cni, tmp_path):
    assert cni.add(NETWORK, ATTACHMENT)["by"] == "second"
    assert json.loads((tmp_path / "second-ADD.json").read_text())["prevResult"]["by"] == "first"
    cached = tmp_path / "cache" / "results" / "net-id1-eth0"
    assert cached.stat().st_mode & 0o777 == 0o600
    cni.delete(NETWORK, ATTACHMENT)
    assert calls(tmp_path) == ["ADD first", "ADD second", "DEL second", "DEL first"]
    assert json.loads((tmp_path / "first-DEL.json").read_text())["prevResult"]["by"] == "second"
    assert not cached.exists()


def test_a_failed_add_is_undone_and_told(cni, tmp_path):
    (tmp_path / "fail-second-ADD").touch()
    with pytest.raises(PluginError, match='plugin type="second" failed: told to') as caught:
        cni.add(NETWORK, ATTACHMENT)
    assert caught.value.code == 7
    assert calls(tmp_path)[2:] == ["DEL second", "DEL first"]


def test_teardown_without_or_with_a_damaged_cache_still_runs(cni, tmp_path):
    cni.delete(NETWORK, ATTACHMENT)
    (tmp_path / "cache" / "results").mkdir(parents=True)
    (tmp_path / "cache" / "results" / "net-id1-eth0").write_text("{")
    cni.delete(NETWORK, ATTACHMENT)
    assert calls(tmp_path) == ["DEL second", "DEL first"] * 2


def test_a_missing_plugin_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(PluginError, match=r"failed to find plugin \"first\" in path .*kcni install"):
        Cni(str(tmp_path), str(tmp_path)).add(NETWORK, ATTACHMENT)


def test_the_first_usable_configuration_by_name_is_the_network(tmp_path):
    assert load_network(str(tmp_path)) is None
    (tmp_path / "05-bad.conflist").write_text("{")
    good = {"name": "b", "cniVersion": "1.0.0", "plugins": [{"type": "x"}]}
    (tmp_path / "20-b.conflist").write_text(json.dumps(good))
    (tmp_path / "30-c.conflist").write_text(json.dumps({**good, "name": "c"}))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.conf").write_text('{"type": "y"}')
    network = load_network(str(tmp_path))
    assert network is not None
    assert (network.name, [p["type"] for p in network.plugins]) == ("b", ["x", "y"])


def test_our_configuration_is_written_once(tmp_path):
    assert write_conflist(str(tmp_path), b"{}")
    assert not write_conflist(str(tmp_path), b"{}")
    assert [p.name for p in tmp_path.iterdir()] == ["10-podnet.conflist"]


def test_attachments_that_nobody_knows_any_more_are_detached(cni, tmp_path):
    lost = ATTACHMENT._replace(container_id="lost")
    network = NETWORK._replace(cni_version="1.1.0")
    for attachment in (ATTACHMENT, lost):
        cni.add(network, attachment)
    (tmp_path / "calls").unlink()
    assert cni.collect_garbage(network, frozenset({"id1"})) == []
    assert calls(tmp_path) == ["DEL second", "DEL first", "GC first", "GC second"]
    asked = json.loads((tmp_path / "first-GC.json").read_text())
    assert asked["cni.dev/valid-attachments"] == [{"containerID": "id1", "ifname": "eth0"}]
    kept = [path.name for path in (tmp_path / "cache" / "results").iterdir()]
    assert kept == ["net-id1-eth0"]


def test_collection_goes_on_after_an_error_and_tells_it(cni, tmp_path):
    cni.add(NETWORK, ATTACHMENT)
    (tmp_path / "fail-first-DEL").touch()
    errors = cni.collect_garbage(NETWORK, frozenset())
    assert ["told to" in str(error) for error in errors] == [True]
    assert "GC first" not in calls(tmp_path), "version 1.0.0 knows no GC"
