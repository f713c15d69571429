"""A pod's sandbox and volumes: making them, keeping their content current, taking them down."""

import asyncio
import time
from collections.abc import Mapping

from msgspec.structs import replace

from kube.client import ApiError, NotFound
from kube.objects import RuntimeClass
from linux.logging_kv import get_logger
from nodeagent.cni.invocation import PluginError
from nodeagent.images.builtin.apply import MissingProgram
from nodeagent.images.drive import NotGot
from nodeagent.images.manifest import Image
from nodeagent.images.reference import TOOLBOX_IMAGE
from nodeagent.pods import apply, sandbox_apply
from nodeagent.pods.fetch_drive import SourceFetcher
from nodeagent.pods.fields import InvalidField
from nodeagent.pods.live import LivePod
from nodeagent.pods.mounts import UnsupportedVolume
from nodeagent.pods.network_mode import InvalidNetwork, Joined, network_mode
from nodeagent.pods.sources import (
    MissingSource,
    Ref,
    Source,
    refs_of_pulls,
    refs_of_volumes,
    registry_credentials,
)
from nodeagent.pods.state import Waiting
from nodeagent.runtime.apply import RuntimeFailed
from nodeagent.volumes.apply import VolumeFailed
from nodeagent.volumes.files import is_generated

logger = get_logger("knode.sandbox")
_RETRY_S = 2.0
_VOLUME_ERRORS = (MissingSource, VolumeFailed, UnsupportedVolume, InvalidField)


class SandboxDrive:
    """Failures become Events and a time for the next try; nothing is raised."""

    def __init__(self, live: LivePod, sources: SourceFetcher) -> None:
        self._live = live
        self._sources = sources

    async def create(self, attempt: int) -> None:
        live = self._live
        try:
            await self._check_handler()
            sources = await self._sources.fetch(live.pod, refs_of_volumes(live.pod))
            images = await self._image_volumes()
            if live.pod.spec.volumes:
                await asyncio.to_thread(apply.make_volumes, live.host.setup, live.pod, sources, images, ())
            shared = live.pod.spec.share_process_namespace and not live.pod.spec.host_pid
            pause = await asyncio.to_thread(live.host.images.find, TOOLBOX_IMAGE) if shared else None
            record = await asyncio.to_thread(
                sandbox_apply.create_sandbox, live.host.setup, live.pod, attempt, self._access(), pause
            )
            if any(is_generated(volume) for volume in live.pod.spec.volumes):
                await self._refresh(sources, record.ips)  # files may name the pod's addresses
        except _VOLUME_ERRORS as error:
            self._failed("FailedMount", f"MountVolume.SetUp failed: {error}")
        except ApiError as error:
            self._failed("FailedMount", f"the API server cannot be asked for the pod's volumes: {error}")
        except (PluginError, RuntimeFailed, MissingProgram, InvalidNetwork, OSError) as error:
            self._failed("FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
        else:
            live.runtime = replace(live.runtime, sandbox=record)
            live.note(sandbox=None)
            self.follow()

    async def _check_handler(self) -> None:
        """The runtime that the pod's class names has to be this node's (KEP-585). Raises RuntimeFailed."""
        name, own = self._live.pod.spec.runtime_class_name, self._live.host.status_facts.runtime_name
        if not name:
            return
        try:
            handler = (await self._live.host.client.get(RuntimeClass, name)).handler
        except NotFound:
            raise RuntimeFailed(f'RuntimeClass "{name}" not found') from None
        if handler != own:
            raise RuntimeFailed(f'no runtime for "{handler}" is configured: this node has "{own}"')

    def _access(self) -> sandbox_apply.Access:
        """What the pod's network is made of. Raises InvalidNetwork."""
        live, mode = self._live, network_mode(self._live.pod)
        if not isinstance(mode, Joined):
            return sandbox_apply.Access(mode, live.host.network())
        other = live.host.sandbox_of(live.pod.metadata.namespace, mode.pod)
        if other is None or other.torn_down or not other.netns:
            raise InvalidNetwork(
                f"pod {mode.pod}, whose network is to be shared, has none on this node (yet)"
            )
        return sandbox_apply.Access(mode, None, other)

    def follow(self) -> None:
        """Have generated volumes follow their sources from now on."""
        refs = refs_of_volumes(self._live.pod)
        if refs and self._live.runtime.sandbox and not self._live.runtime.sandbox.torn_down:
            namespace = self._live.pod.metadata.namespace
            self._live.host.watches.listen(self._live.uid, namespace, refs, self._changed)

    def _changed(self) -> None:
        _ = self._live.spawn(self.refresh_volumes())

    def _failed(self, reason: str, message: str) -> None:
        self._live.tell("Warning", reason, message)
        self._live.note(sandbox=Waiting(reason=reason, message=message, retry_at_s=time.time() + _RETRY_S))

    async def _image_volumes(self) -> dict[str, Image]:
        """The images that volumes show, by the volume's name. Raises VolumeFailed for one that cannot be had."""
        live, found = self._live, {}
        wanted = [(volume.name, volume.image) for volume in live.pod.spec.volumes if volume.image]
        for name, image in wanted:
            secrets = await self._sources.fetch(live.pod, refs_of_pulls(live.pod))
            auth = registry_credentials(secrets.values())
            got = await live.host.images.ensure(image.reference, image.pull_policy, live.tell, auth)
            if isinstance(got, NotGot):
                raise VolumeFailed(f'volume "{name}": {got.reason}: {got.message}')
            found[name] = got.image
        return found

    async def _refresh(self, sources: Mapping[Ref, Source | None], ips: tuple[str, ...]) -> None:
        await asyncio.to_thread(apply.refresh_volumes, self._live.host.setup, self._live.pod, sources, ips)

    async def refresh_volumes(self) -> None:
        """Bring configMap, secret, projected and downwardAPI volumes to what the API says now."""
        pod, sandbox = self._live.pod, self._live.runtime.sandbox
        if sandbox is None or sandbox.torn_down or not any(is_generated(v) for v in pod.spec.volumes):
            return
        try:
            sources = await self._sources.fetch(pod, refs_of_volumes(pod))
            await self._refresh(sources, sandbox.ips)
        except (*_VOLUME_ERRORS, ApiError, OSError) as error:
            logger.debug("volumes were not refreshed", pod=self._live.label, error=error)

    async def remove(self) -> None:
        live, record = self._live, self._live.runtime.sandbox
        assert record is not None
        live.host.watches.forget(live.uid)
        try:
            ended = await asyncio.to_thread(
                sandbox_apply.remove_sandbox, live.host.setup, record, live.host.network()
            )
        except (PluginError, OSError) as error:
            live.tell("Warning", "FailedKillPod", f"error killing pod: {error}")
            await asyncio.sleep(_RETRY_S)
            return
        live.runtime = replace(live.runtime, sandbox=ended)
