"""What every plugin does before its own work: variables, configuration, versions, output."""

import json

import pytest

from cni import skel
from cni.call import World
from cni.plugins import Plugin
from cni.spec import versions
from cni.spec.errors import CniError
from cni.spec.result import IPConfig, Result

PLUGIN = Plugin("noop", "none")
ENV = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c1",
    "CNI_NETNS": "/run/netns/a",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin",
}
CONF = {"cniVersion": "1.0.0", "name": "n1", "type": "noop"}


class Recorder:
    """A plugin that notes which verbs were called."""

    def __init__(self, error=None):
        self.calls = []
        self.error = error

    def _note(self, call):
        self.calls.append(call)
        if self.error:
            raise self.error

    def add(self, call):
        self._note(call)
        return Result(ips=(IPConfig("10.1.2.3/24"),))

    delete = check = gc = status = _note


def run(env=ENV, conf=CONF, plugin=PLUGIN, same_netns=False, error=None, stdin=None):
    implementation = Recorder(error)
    data = stdin if stdin is not None else json.dumps(conf).encode()

    def read():
        if isinstance(data, Exception):
            raise data
        return data

    world = World(
        now=lambda: 0.0,
        token=lambda n: "00" * n,
        stderr=lambda text: None,
        same_netns=lambda path: same_netns,
    )
    outcome = skel.run(plugin, lambda _: implementation, env, read, world)
    return outcome, implementation.calls


def without(*names, **changes):
    return {key: value for key, value in {**ENV, **changes}.items() if key not in names}


def error_of(outcome):
    assert outcome.code == 1
    body = json.loads(outcome.stdout)
    return body["code"], body["msg"], body.get("details", "")


@pytest.mark.parametrize("command", ["ADD", "DEL", "CHECK", "GC", "STATUS"])
def test_a_good_call_reaches_the_plugin(command):
    outcome, calls = run(without(CNI_COMMAND=command), {**CONF, "cniVersion": "1.1.0"})
    assert outcome.code == 0
    assert [call.command for call in calls] == [command]
    assert bool(outcome.stdout) == (command == "ADD")


def test_the_result_has_the_configurations_version():
    outcome, _ = run(conf={**CONF, "cniVersion": "0.2.0"})
    assert json.loads(outcome.stdout) == {"cniVersion": "0.2.0", "ip4": {"ip": "10.1.2.3/24"}, "dns": {}}


@pytest.mark.parametrize("version", [None, ""])
def test_no_version_is_0_1_0(version):
    outcome, calls = run(conf={"name": "n1", "cniVersion": version})
    assert json.loads(outcome.stdout)["cniVersion"] == "0.1.0"
    assert calls[0].conf.version == "0.1.0"


ALL_MISSING = "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"CNI_COMMAND": "ADD"}, ALL_MISSING),
        ({"CNI_COMMAND": "CHECK"}, ALL_MISSING),
        ({"CNI_COMMAND": "DEL"}, "required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing"),
        ({"CNI_COMMAND": "GC"}, "required env variables [CNI_PATH] missing"),
        ({"CNI_COMMAND": "STATUS"}, "required env variables [CNI_PATH] missing"),
        (
            without("CNI_NETNS", CNI_CONTAINERID=""),
            "required env variables [CNI_CONTAINERID,CNI_NETNS] missing",
        ),
        (without("CNI_PATH", CNI_CONTAINERID="a/b"), "invalid characters in containerID"),
        (without(CNI_CONTAINERID=".a"), "invalid characters in containerID"),
        (without(CNI_IFNAME="a" * 16), "interface name is too long"),
        (without(CNI_IFNAME="."), "interface name is . or .."),
        (without(CNI_IFNAME=".."), "interface name is . or .."),
        (without(CNI_IFNAME="a/b"), "interface name contains / or : or whitespace characters"),
        (without(CNI_IFNAME="a:b"), "interface name contains / or : or whitespace characters"),
        (without(CNI_IFNAME="a b"), "interface name contains / or : or whitespace characters"),
        (without(CNI_IFNAME="a\u2003b"), "interface name contains / or : or whitespace characters"),
        (without(CNI_COMMAND="NOPE"), "unknown CNI_COMMAND: NOPE"),
    ],
)
def test_bad_environments(env, message):
    outcome, calls = run(env)
    assert error_of(outcome)[:2] == (4, message)
    assert not calls


@pytest.mark.parametrize("name", ["a" * 200, "0", "a_b.c-d"])
def test_container_ids_have_no_limit_of_length(name):
    assert run(without(CNI_CONTAINERID=name))[0].code == 0


@pytest.mark.parametrize(
    "env", [without("CNI_NETNS", CNI_COMMAND="DEL"), without(CNI_COMMAND="DEL", CNI_NETNS="")]
)
def test_del_needs_no_namespace(env):
    assert run(env)[0].code == 0


@pytest.mark.parametrize(
    ("stdin", "code", "message"),
    [
        (b"", 6, ""),
        (b"{", 6, ""),
        (b"[]", 6, ""),
        (b"null", 7, "missing network name"),
        (b"{}", 7, "missing network name"),
        (b'{"name":"a/b"}', 7, "invalid characters found in network name"),
        (b'{"name":"-a"}', 7, "invalid characters found in network name"),
        (b'{"name":5}', 6, ""),
        (OSError(5, "Input/output error"), 5, "error reading from stdin: [Errno 5] Input/output error"),
    ],
)
@pytest.mark.parametrize("command", ["ADD", "DEL", "CHECK", "GC", "STATUS"])
def test_bad_configurations(stdin, code, message, command):
    outcome, calls = run(without(CNI_COMMAND=command), stdin=stdin)
    found = error_of(outcome)
    assert found[0] == code
    assert message in found[1]
    assert not calls


def test_a_bad_name_is_shown_in_the_details():
    assert error_of(run(conf={"name": "a b"})[0])[2] == "a b"


@pytest.mark.parametrize(
    ("command", "version", "message"),
    [
        ("ADD", "9.9.9", "incompatible CNI versions"),
        ("DEL", "0.5.0", "incompatible CNI versions"),
        ("CHECK", "0.3.1", "config version does not allow CHECK"),
        ("CHECK", "9.9.9", "plugin version does not allow CHECK"),
        ("GC", "1.0.0", "config version does not allow GC"),
        ("STATUS", "1.0.0", "config version does not allow STATUS"),
        ("STATUS", "-1", "config version does not allow STATUS"),
    ],
)
def test_versions_that_do_not_go_with_the_verb(command, version, message):
    outcome, calls = run(without(CNI_COMMAND=command), {**CONF, "cniVersion": version})
    assert error_of(outcome)[:2] == (1, message)
    assert not calls


def test_the_details_name_both_versions():
    details = error_of(run(conf={**CONF, "cniVersion": "9.9.9"})[0])[2]
    listed = " ".join(f'"{item}"' for item in versions.ALL)
    assert details == f'config is "9.9.9", plugin supports [{listed}]'


def test_a_plugin_of_fewer_versions():
    plugin = Plugin("firewall", "none", ("0.4.0", "1.0.0"))
    assert error_of(run(plugin=plugin, conf={**CONF, "cniVersion": "0.3.1"})[0])[0] == 1


@pytest.mark.parametrize(
    "env",
    [
        {"CNI_COMMAND": "VERSION"},
        {"CNI_COMMAND": "VERSION", "CNI_NETNS": "dummy", "CNI_IFNAME": "dummy", "CNI_PATH": "dummy"},
    ],
)
def test_version_needs_neither_variables_nor_stdin(env):
    outcome, calls = run(env, stdin=OSError(5, "not to be read"))
    assert json.loads(outcome.stdout) == {"cniVersion": "1.1.0", "supportedVersions": list(versions.ALL)}
    assert not calls


def test_without_a_command_the_plugin_says_what_it_is():
    outcome, _ = run({})
    assert (outcome.code, outcome.stdout) == (0, "")
    assert outcome.stderr.splitlines() == [
        "CNI noop plugin v0.1.0 (podnet)",
        f"CNI protocol versions supported: {', '.join(versions.ALL)}",
    ]


@pytest.mark.parametrize("command", ["ADD", "DEL"])
def test_our_own_namespace_is_refused_before_anything_is_done(command):
    outcome, calls = run(without(CNI_COMMAND=command), same_netns=True)
    assert error_of(outcome)[:2] == (8, "plugin's netns and netns from CNI_NETNS should not be the same")
    assert not calls


@pytest.mark.parametrize("value", ["1", "true", "TRUE"])
def test_our_own_namespace_can_be_asked_for(value):
    assert run(without(CNI_NETNS_OVERRIDE=value), same_netns=True)[0].code == 0


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (CniError("full", code=50, details="all"), (50, "full", "all")),
        (CniError("plain"), (999, "plain", "")),
        (OSError(28, "No space left on device", "/x"), (999, "[Errno 28] No space left on device: '/x'", "")),
        (ValueError("odd"), (999, "odd", "")),
    ],
)
def test_what_a_plugin_raises_is_printed_as_an_error(error, wanted):
    outcome, _ = run(error=error)
    assert error_of(outcome) == wanted
    assert json.loads(outcome.stdout)["cniVersion"] == "1.0.0"


def test_what_no_one_expected_is_an_error_object_as_well():
    assert error_of(skel.failed(KeyError("x"))) == (999, "KeyError: 'x'", "")


def test_valid_attachments_under_both_keys():
    listed = [{"containerID": "c1", "ifname": "eth0"}]
    for key in ("cni.dev/valid-attachments", "cni.dev/attachments"):
        _, calls = run(without(CNI_COMMAND="GC"), {**CONF, "cniVersion": "1.1.0", key: listed})
        assert calls[0].conf.valid_attachments == {("c1", "eth0")}
    _, calls = run(without(CNI_COMMAND="GC"), {**CONF, "cniVersion": "1.1.0"})
    assert calls[0].conf.valid_attachments is None
