"""What every plugin does before and after its own work: environment, configuration, versions, output.

Pure: environment, standard input and the world are arguments, the output is a value. The order of
checks and the words are those runtimes know (SPEC.md 1.1.0 sections 2 and 5; libcni's skeleton).
"""

from __future__ import annotations

from cni.call import Call
from cni.spec import gojson, names, netconf, versions
from cni.spec.errors import (
    INCOMPATIBLE_VERSION,
    INVALID_ENVIRONMENT,
    INVALID_NETNS,
    IO_FAILURE,
    CniError,
    decoding_failure,
)
from cni.spec.result import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NamedTuple

    from cni.call import Implementation, World
    from cni.plugins import Plugin
else:
    from linux.records import NamedTuple

# Variable, the verbs that need it, its check. The order is that of the error message.
_VARIABLES: tuple[tuple[str, tuple[str, ...], Callable[[str], None] | None], ...] = (
    ("CNI_COMMAND", ("ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"), None),
    ("CNI_CONTAINERID", ("ADD", "CHECK", "DEL"), names.check_container_id),
    ("CNI_NETNS", ("ADD", "CHECK"), None),
    ("CNI_IFNAME", ("ADD", "CHECK", "DEL"), names.check_ifname),
    ("CNI_ARGS", (), None),
    ("CNI_PATH", ("ADD", "CHECK", "DEL", "GC", "STATUS"), None),
)
_MINIMUM = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}


class Outcome(NamedTuple):
    """What to print and to exit with."""

    code: int
    stdout: str = ""
    stderr: str = ""


def run(
    plugin: Plugin,
    load: Callable[[Plugin], Implementation],
    env: Mapping[str, str],
    read_stdin: Callable[[], bytes],
    world: World,
) -> Outcome:
    """Do what CNI_COMMAND asks of a plugin; its module is loaded only if it is needed."""
    if not env.get("CNI_COMMAND"):
        supported = ", ".join(plugin.supported)
        return Outcome(0, stderr=f"{plugin.about}\nCNI protocol versions supported: {supported}\n")
    version = versions.NEWEST
    try:
        command = _check_environment(env)
        if command == "VERSION":
            return Outcome(0, _version_text(plugin))
        stdin = _read(read_stdin)
        raw = netconf.decode(stdin)
        version = _known(raw) or version
        _check_config(raw, command)
        return _dispatch(plugin, load, command, env, stdin, raw, world)
    except CniError as error:
        return Outcome(1, gojson.encode(error.to_json(version)) + "\n")


def _known(raw: dict[str, object]) -> str:
    """The configuration's version for an error to carry, if it is text at all."""
    found = raw.get("cniVersion")
    return found if isinstance(found, str) else ""


def _version_text(plugin: Plugin) -> str:
    return gojson.encode({"cniVersion": versions.NEWEST, "supportedVersions": plugin.supported}) + "\n"


def _check_environment(env: Mapping[str, str]) -> str:
    command = env.get("CNI_COMMAND", "")
    missing = []
    for name, needed_by, check in _VARIABLES:
        if command not in needed_by:
            continue
        value = env.get(name, "")
        if not value:
            missing.append(name)
        elif check is not None:
            check(value)
    if missing:
        listed = ",".join(missing)
        raise CniError(f"required env variables [{listed}] missing", code=INVALID_ENVIRONMENT)
    return command


def _read(read_stdin: Callable[[], bytes]) -> bytes:
    try:
        return read_stdin()
    except OSError as error:
        raise CniError(f"error reading from stdin: {error}", code=IO_FAILURE) from error


def _check_config(raw: dict[str, object], command: str) -> None:
    fields = gojson.Fields(raw)
    names.check_network_name(fields.text("name"))
    if command not in ("ADD", "DEL", *_MINIMUM):
        raise CniError(f"unknown CNI_COMMAND: {command}", code=INVALID_ENVIRONMENT)


def _check_version(plugin: Plugin, command: str, version: str) -> None:
    minimum = _MINIMUM.get(command)
    if minimum is None:
        versions.require(version, plugin.supported)
        return
    if not versions.at_least(version, minimum):
        raise CniError(f"config version does not allow {command}", code=INCOMPATIBLE_VERSION)
    if versions.parse(version) > versions.parse(plugin.supported[-1]):
        raise CniError(f"plugin version does not allow {command}", code=INCOMPATIBLE_VERSION)
    versions.require(version, plugin.supported)


def _dispatch(
    plugin: Plugin,
    load: Callable[[Plugin], Implementation],
    command: str,
    env: Mapping[str, str],
    stdin: bytes,
    raw: dict[str, object],
    world: World,
) -> Outcome:
    version = netconf.config_version(raw)
    _check_version(plugin, command, version)
    call = Call(
        command=command,
        container_id=env.get("CNI_CONTAINERID", ""),
        netns=env.get("CNI_NETNS", ""),
        ifname=env.get("CNI_IFNAME", ""),
        args=env.get("CNI_ARGS", ""),
        path=env.get("CNI_PATH", ""),
        env=env,
        stdin=stdin,
        conf=netconf.parse(raw),
        world=world,
    )
    # Before the work, not after it as upstream does: a refused ADD must not leave an interface behind.
    if command in ("ADD", "DEL") and call.netns and not _overridden(env) and world.same_netns(call.netns):
        raise CniError(
            "plugin's netns and netns from CNI_NETNS should not be the same",
            code=INVALID_NETNS,
            details=call.netns,
        )
    return Outcome(0, _perform(load(plugin), call))


def _overridden(env: Mapping[str, str]) -> bool:
    return env.get("CNI_NETNS_OVERRIDE", "").upper() in ("1", "TRUE")


def _perform(plugin: Implementation, call: Call) -> str:
    try:
        if call.command == "ADD":
            return gojson.encode(to_json(plugin.add(call), call.conf.version)) + "\n"
        verbs = {"DEL": plugin.delete, "CHECK": plugin.check, "GC": plugin.gc, "STATUS": plugin.status}
        verbs[call.command](call)
    except CniError:
        raise
    except (OSError, ValueError) as error:
        raise CniError(str(error)) from error
    return ""


def failed(error: BaseException) -> Outcome:
    """For what no one expected: still an error object on standard output, never a traceback there."""
    problem = decoding_failure("") if isinstance(error, RecursionError) else CniError("")
    problem.msg = f"{type(error).__name__}: {error}"
    return Outcome(1, gojson.encode(problem.to_json(versions.NEWEST)) + "\n")
