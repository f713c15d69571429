"""The pages of docs/cni say what the code does: fields, types, defaults, examples, verbs, metrics, rights."""

import ast
import itertools
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from cni import plugins
from cni.bandwidth import config as bandwidth
from cni.bridge import config as bridge
from cni.call import Call
from cni.daemon.metrics import Metrics
from cni.daemon.usage import PodTraffic, Pool, Usage
from cni.firewall import config as firewall
from cni.host_local import config as host_local
from cni.portmap import config as portmap
from cni.ptp import config as ptp
from cni.spec import netconf
from cni.spec.errors import CniError
from cni.static import config as static
from cni.tuning import config as tuning
from nodeagent.overlay.rights import RIGHTS
from tools import cni_conformance

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "cni"
NEEDED = "needed"


def bridge_conf(call):
    return bridge.parse(call.conf, call.args)


PARSERS = {
    "bridge": bridge_conf,
    "ptp": ptp.parse,
    "host-local": host_local.parse,
    "static": static.parse,
    "portmap": portmap.parse,
    "firewall": firewall.parse,
    "bandwidth": bandwidth.parse,
    "tuning": tuning.parse,
}
# What a value of the type certainly is not.
WRONG = {
    "text": 7,
    "true/false": "yes",
    "number": "7",
    'number or `"auto"`': True,
    "list of texts": "one",
    "list of objects": "one",
    "list of lists": "one",
    "object": "one",
    "map of texts": "one",
}


class Row(NamedTuple):
    plugin: str
    path: str
    type: str
    default: str


def page(plugin):
    return (PAGES / f"{plugin}.md").read_text()


def examples(plugin):
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", page(plugin), re.DOTALL)]


def rows(plugin):
    lines = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]*) \|", page(plugin), re.MULTILINE)
    return [Row(plugin, path, kind.strip(), default.strip()) for path, kind, default in lines]


ROWS = [row for plugin in PARSERS for row in rows(plugin)]


def parse(plugin, body, world):
    call = Call(
        command="ADD",
        container_id="c1",
        netns="/run/netns/c1",
        ifname="eth0",
        args="",
        path="/opt/cni/bin",
        env={},
        stdin=json.dumps(body).encode(),
        conf=netconf.parse(body),
        world=world,
    )
    return PARSERS[plugin](call)


def outcome(plugin, body, world):
    """What the configuration means, or the refusal's words."""
    try:
        return parse(plugin, body, world)
    except CniError as error:
        return error.msg


def with_value(row, value, example=0):
    """A page's example with another value at the row's path; objects and lists on the way there are made."""
    body = examples(row.plugin)[example]
    place, parts = body, row.path.replace("[]", ".0").split(".")
    for part, following in itertools.pairwise(parts):
        fresh = [] if following == "0" else {}
        if part == "0":
            if not place:
                place.append(fresh)
            place = place[0]
        else:
            place = place.setdefault(part, fresh)
    place[parts[-1]] = value
    return body


def name(row):
    return f"{row.plugin}-{row.path}"


def test_every_plugin_has_its_page():
    assert {plugin.name for plugin in plugins.PLUGINS} == {*PARSERS, "loopback"}
    assert all(examples(plugin.name)[0]["type"] for plugin in plugins.PLUGINS)


@pytest.mark.parametrize("plugin", PARSERS)
def test_every_example_is_taken(plugin, world):
    for example in examples(plugin):
        parse(plugin, example, world)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_the_field_is_read_and_has_the_type(row, world):
    """In one of the page's examples; others may not need it."""
    refusals = [
        outcome(row.plugin, with_value(row, WRONG[row.type], number), world)
        for number in range(len(examples(row.plugin)))
    ]
    wrong = [each for each in refusals if isinstance(each, str) and re.search(r"must be|invalid", each)]
    assert wrong, refusals


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.default.startswith("`") and "[]" not in r.path], ids=name
)
def test_the_default_is_as_if_the_field_were_absent(row, world):
    given = with_value(row, json.loads(row.default.strip("`")))
    assert outcome(row.plugin, given, world) == outcome(row.plugin, with_value(row, None), world)


READERS = {
    "text",
    "boolean",
    "integer",
    "optional_integer",
    "unsigned",
    "texts",
    "objects",
    "fields",
    "mapping",
}


@pytest.mark.parametrize("plugin", PARSERS)
def test_no_field_is_left_out(plugin):
    """What the configuration's module reads by a literal name."""
    tree = ast.parse((ROOT / "cni" / plugin.replace("-", "_") / "config.py").read_text())
    read = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    listed = {row.path.rpartition(".")[2].strip("[]") for row in rows(plugin)}
    assert read - {"type", *listed} == set()


def test_the_tables_of_verbs_and_results_are_what_the_plugins_answer():
    text = cni_conformance.PAGE.path.read_text()
    assert cni_conformance.PAGE.rendered(text) == text, "run .venv/bin/python tools/cni_conformance.py"


def test_tests_that_the_page_names_exist():
    known = "".join(
        path.read_text()
        for folder in ("unit/cni", "lab/cni")
        for path in (ROOT / "tests" / folder).glob("*.py")
    )
    named = re.findall(r"`(test_\w+)`", cni_conformance.PAGE.path.read_text())
    assert len(named) > 10
    assert [test for test in named if f"def {test}(" not in known] == []


def test_every_metric_is_on_the_page_and_every_line_of_it_is_one():
    metrics = Metrics()
    metrics.observe("bridge", "ADD", 0.1, failed=True)
    pods = (PodTraffic("n", "ns/p", "eth0", 1, 1, 1, 1, 1),)
    text = metrics.render(Usage((("n", 1),), (Pool("n", "r", 1, 2),), pods))
    labels = {}
    for series, inside in re.findall(
        r"^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", text, re.MULTILINE
    ):
        labels[series] = set(re.findall(r"(\w+)=", inside)) - {"le"}
    section = (PAGES / "daemon.md").read_text().partition("<!-- metrics -->")[2].partition("<!-- end -->")[0]
    listed = {
        found[1]: set(re.findall(r"`(\w+)`", found[2]))
        for found in re.finditer(r"^\| `(\w+)` \| ([^|]*)\|", section, re.MULTILINE)
    }
    assert listed == labels


def test_the_rights_of_nodes_are_on_the_page():
    section = (PAGES / "overlay.md").read_text().partition("<!-- rights -->")[2].partition("<!-- end -->")[0]
    manifest = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert tuple(yaml.safe_load_all(manifest[1])) == RIGHTS


def test_links_between_pages_lead_somewhere():
    for path in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
