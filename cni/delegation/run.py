"""Calling an IPAM plugin: in process when the executable found in CNI_PATH is our own, else by running it."""

from __future__ import annotations

import os

from cni import plugins
from cni.spec import gojson
from cni.spec.errors import INTERNAL, CniError
from cni.spec.result import Result, from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.call import Call

_TIMEOUT_S = 110.0  # below the 2 minutes after which container runtimes kill their plugins


def find(name: str, path: str) -> str:
    """The first file of that name in the folders of CNI_PATH; links are followed."""
    if not name:
        raise CniError("no plugin name provided")
    if "/" in name:
        raise CniError(f"invalid plugin name: {name}")
    folders = [folder for folder in path.split(":") if folder]
    if not folders:
        raise CniError("no paths provided")
    for folder in folders:
        candidate = f"{folder}/{name}"
        if os.path.isfile(candidate):
            return candidate
    raise CniError(f'failed to find plugin "{name}" in path [{" ".join(folders)}]')


def is_ours(executable: str, launcher: str) -> bool:
    """Copies and links of the launcher are; another podnet's may have another idea of the store."""
    try:
        if os.path.samefile(executable, launcher):
            return True
        if os.path.getsize(executable) != os.path.getsize(launcher):
            return False
        with open(executable, "rb") as one, open(launcher, "rb") as other:
            return one.read() == other.read()
    except OSError:
        return False


def ipam_add(call: Call, name: str) -> Result:
    executable = find(name, call.path)
    plugin = _in_process(executable, name, call)
    if plugin is not None:
        return plugins.load(plugin).add(call)
    output = _execute(executable, call, "ADD")
    return from_json(gojson.decode(output), call.conf.version)


def ipam_delete(call: Call, name: str) -> None:
    _ask(call, name, "DEL")


def ipam_check(call: Call, name: str) -> None:
    _ask(call, name, "CHECK")


def ipam_gc(call: Call, name: str) -> None:
    _ask(call, name, "GC")


def ipam_status(call: Call, name: str) -> None:
    _ask(call, name, "STATUS")


def _ask(call: Call, name: str, command: str) -> None:
    """A command without a result."""
    executable = find(name, call.path)
    plugin = _in_process(executable, name, call)
    if plugin is None:
        _execute(executable, call, command)
        return
    verbs = plugins.load(plugin)
    asked = {"DEL": verbs.delete, "CHECK": verbs.check, "GC": verbs.gc, "STATUS": verbs.status}
    asked[command](call)


def _in_process(executable: str, name: str, call: Call) -> plugins.Plugin | None:
    return plugins.find(name) if is_ours(executable, call.world.launcher) else None


def _execute(executable: str, call: Call, command: str) -> bytes:
    """Same environment and configuration as ours; its standard error goes to ours."""
    from linux.execute import execute

    env = {**call.env, "CNI_COMMAND": command}
    done = execute([executable], stdin=call.stdin, env=env, timeout_s=_TIMEOUT_S)
    errors = done.stderr.decode("utf-8", "replace")
    call.world.stderr(errors)
    if done.code == 0:
        return done.stdout
    raise _error_of(executable, done.stdout, errors)


def _error_of(executable: str, output: bytes, stderr: str) -> CniError:
    name = os.path.basename(executable)
    if not output.strip():
        return CniError(f"netplugin {name} failed with no error message: {stderr.strip()!r}")
    try:
        fields = gojson.Fields(gojson.decode(output))
        return CniError(
            fields.text("msg"), code=fields.integer("code", INTERNAL), details=fields.text("details")
        )
    except CniError as error:
        return CniError(
            f"netplugin {name} failed but error parsing its diagnostic message {output!r}: {error.msg}"
        )
