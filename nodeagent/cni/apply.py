"""Attaching sandboxes to the network: plugins executed in libcni's order, with its cache and its retries."""

import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from linux import process
from nodeagent.cni import disk
from nodeagent.cni.conflist import NetworkList, version_at_least
from nodeagent.cni.invocation import (
    Attachment,
    PluginError,
    cache_entry,
    environment,
    parse_result,
    plugin_error,
    previous_for_teardown,
    stdin,
)

_TIMEOUT_S = 120.0  # a sandbox waits this long for its network (CRI)
_BUSY_RETRIES = 5
_NOBODY = Attachment("", "", "")


class Cni(NamedTuple):
    """`bin_dirs` is CNI_PATH, colon separated; `cache_dir` is libcni's, /var/lib/cni."""

    bin_dirs: str
    cache_dir: str

    def add(self, network: NetworkList, attachment: Attachment) -> dict[str, Any]:
        """The final result, which is also cached. On failure what was done is undone and PluginError raised."""
        result: dict[str, Any] | None = None
        try:
            for plugin in network.plugins:
                output = self._call("ADD", network, plugin, attachment, result)
                result = parse_result(network, str(plugin["type"]), output)
        except PluginError:
            self._undo(network, attachment)
            raise
        assert result is not None
        disk.save_result(self.cache_dir, _key(network, attachment), cache_entry(network, attachment, result))
        return result

    def delete(self, network: NetworkList, attachment: Attachment) -> None:
        """Plugins in reverse order; stops at the first error and keeps the cache for the next try."""
        key = _key(network, attachment)
        cached = previous_for_teardown(network, disk.load_result(self.cache_dir, key))
        for plugin in reversed(network.plugins):
            self._call("DEL", network, plugin, attachment, cached)
        disk.delete_result(self.cache_dir, key)

    def check(self, network: NetworkList, attachment: Attachment) -> None:
        """Raises PluginError if the attachment is not as ADD left it. Needs a cached result."""
        if network.disable_check:
            return
        cached = disk.load_result(self.cache_dir, _key(network, attachment))
        for plugin in network.plugins:
            self._call("CHECK", network, plugin, attachment, previous_for_teardown(network, cached))

    def collect_garbage(self, network: NetworkList, valid_ids: frozenset[str]) -> list[PluginError]:
        """Detach what is not in `valid_ids` any more, then let the plugins look for more (GC, from 1.1.0 on).

        Goes on after an error and returns all of them. Nothing may be attached meanwhile.
        """
        errors: list[PluginError] = []
        valid: list[Attachment] = []
        for attachment in disk.cached_attachments(self.cache_dir, network.name):
            if attachment.container_id in valid_ids:
                valid.append(attachment)
                continue
            try:
                self.delete(network, attachment)
            except PluginError as error:
                errors.append(error)
        if network.disable_gc or not version_at_least(network.cni_version, "1.1.0"):
            return errors
        listed = [{"containerID": each.container_id, "ifname": each.if_name} for each in valid]
        for plugin in network.plugins:
            try:
                self._call("GC", network, {**plugin, "cni.dev/valid-attachments": listed}, _NOBODY, None)
            except PluginError as error:
                errors.append(error)
        return errors

    def has_plugin(self, kind: str) -> bool:
        return any(os.path.isfile(f"{folder}/{kind}") for folder in self.bin_dirs.split(":"))

    def _undo(self, network: NetworkList, attachment: Attachment) -> None:
        try:
            self.delete(network, attachment)
        except PluginError:
            return  # the first error is the one worth telling; DEL comes again when the sandbox is removed

    def _call(
        self,
        verb: str,
        network: NetworkList,
        plugin: Mapping[str, Any],
        attachment: Attachment,
        previous: Mapping[str, Any] | None,
    ) -> str:
        kind = str(plugin["type"])
        program = self._find(kind)
        path = os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        for attempt in range(_BUSY_RETRIES + 1):
            try:
                done = process.run(
                    [program],
                    input=stdin(network, plugin, attachment, previous),
                    env=environment(verb, attachment, self.bin_dirs, path),
                    timeout_s=_TIMEOUT_S,
                    check=False,
                )
            except process.ProgramFailed as error:
                if "busy" in error.output and attempt < _BUSY_RETRIES:
                    time.sleep(1)
                    continue
                raise PluginError(kind, 999, str(error)) from error
            if done.code != 0:
                raise plugin_error(kind, done.stdout, done.stderr)
            return done.stdout
        raise PluginError(kind, 999, f"{program} stays busy")

    def _find(self, kind: str) -> str:
        if "/" in kind:
            raise PluginError(kind, 999, f"invalid plugin name: {kind}")
        for folder in self.bin_dirs.split(":"):
            if os.path.isfile(f"{folder}/{kind}"):
                return f"{folder}/{kind}"
        raise PluginError(
            kind,
            999,
            f'failed to find plugin "{kind}" in path [{self.bin_dirs}]: `kcni install --bin-dir DIR` puts it there',
        )


def _key(network: NetworkList, attachment: Attachment) -> str:
    return f"{network.name}-{attachment.container_id}-{attachment.if_name}"
