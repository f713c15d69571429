"""Writes the tables of docs/cni/conformance.md from what the plugins' frame answers; `--check` fails when the page says other."""

import sys

from cni import skel
from cni.call import Call, Implementation, World
from cni.plugins import PLUGINS, Plugin
from cni.spec import gojson, versions
from cni.spec.result import Interface, IPConfig, Result, Route
from tools.generated_page import GeneratedPage, table

VERBS = ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")
_ENV = {
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/c1",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin",
}
_RESULT = Result(
    interfaces=(
        Interface("cni0", "0a:58:0a:01:00:01", mtu=1450),
        Interface("eth0", "0a:58:0a:01:00:02", "/run/netns/c1", mtu=1450),
    ),
    ips=(IPConfig("10.1.0.2/24", "10.1.0.1", interface=1),),
    routes=(Route("0.0.0.0/0", mtu=1400),),
)


class _Willing:
    """A plugin that does everything."""

    def add(self, call: Call) -> Result:
        return _RESULT

    def _nothing(self, call: Call) -> None:
        return

    delete = check = gc = status = _nothing


def answer(plugin: Plugin, verb: str, version: str) -> skel.Outcome:
    """What an executable would print for a configuration of this version."""
    world = World(
        now=lambda: 0.0, token=lambda count: "00" * count, stderr=lambda _: None, same_netns=lambda _: False
    )
    stdin = gojson.encode({"cniVersion": version, "name": "n", "type": plugin.name}).encode()
    willing: Implementation = _Willing()
    return skel.run(plugin, lambda _: willing, {**_ENV, "CNI_COMMAND": verb}, lambda: stdin, world)


def _cell(plugin: Plugin, verb: str, version: str) -> str:
    outcome = answer(plugin, verb, version)
    return "yes" if outcome.code == 0 else f"error {gojson.decode(outcome.stdout.encode())['code']}"


def verbs() -> str:
    """Verb by version, of plugins that know all versions."""
    full = next(plugin for plugin in PLUGINS if plugin.supported == versions.ALL)
    rows = ((verb, *(_cell(full, verb, version) for version in versions.ALL)) for verb in VERBS)
    return table(("verb", *versions.ALL), rows)


def plugins() -> str:
    """Which versions each plugin takes."""
    rows = (
        (f"[{plugin.name}]({plugin.name}.md)", *(_cell(plugin, "ADD", version) for version in versions.ALL))
        for plugin in PLUGINS
    )
    return table(("plugin", *versions.ALL), rows)


def results() -> str:
    """One result as each version shows it."""
    full = next(plugin for plugin in PLUGINS if plugin.supported == versions.ALL)
    lines = (f"{version:6} {answer(full, 'ADD', version).stdout}" for version in versions.ALL)
    return f"```\n{''.join(lines)}```\n"


PAGE = GeneratedPage("cni/conformance.md", {"verbs": verbs, "plugins": plugins, "results": results})


if __name__ == "__main__":
    sys.exit(PAGE.main())
