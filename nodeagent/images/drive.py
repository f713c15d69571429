"""The node's images for its pod workers: found at once where they are here, else pulled once for all who wait."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from linux.logging_kv import get_logger
from nodeagent.images.builtin.apply import (
    MissingProgram,
    build_hidden_layer,
    build_toolbox,
    host_image,
    toolbox_image,
)
from nodeagent.images.disk import ImageStore
from nodeagent.images.manifest import Image, InvalidImage
from nodeagent.images.plan import (
    Refuse,
    TryPull,
    UsePresent,
    backoff_message,
    decide,
    next_delay_s,
    pull_error,
)
from nodeagent.images.reference import HOST_IMAGE, TOOLBOX_IMAGE, InvalidReference, Reference, parse_reference
from nodeagent.images.run import PullFailed, pull

_UNREACHABLE_FOR_S = 60.0  # a registry that did not answer is not asked again for this long

logger = get_logger("knode.images")
# (type, reason, message) of an Event about the container
Tell = Callable[[str, str, str], None]


class Got(NamedTuple):
    image: Image


class NotGot(NamedTuple):
    """Why not, in the words of the container's waiting state; `retry_at_s` is Unix time."""

    reason: str
    message: str
    retry_at_s: float


class ImageSupply:
    """`shared_dir` is a store that other nodes use too and this one only reads."""

    def __init__(
        self, *, store_dir: str, shared_dir: str, run_dir: str, hidden: tuple[str, ...], pull_netns: str
    ) -> None:
        self._store = ImageStore(store_dir)
        self._shared = ImageStore(shared_dir) if shared_dir else None
        self._builtin_dirs = [f"{folder}/builtin" for folder in (shared_dir, store_dir) if folder]
        self._run_dir = run_dir
        self._hidden = hidden
        self._pull_netns = pull_netns
        self._builtin: dict[str, Image] = {}
        self._pulls: dict[str, asyncio.Task[None]] = {}
        self._delays_s: dict[str, float] = {}
        self._unreachable: dict[str, tuple[float, str]] = {}

    async def ensure(self, image: str, policy: str, tell: Tell, auth: bytes = b"") -> Got | NotGot:
        """The image, pulled first if the policy wants that and a registry answers."""
        try:
            found = await asyncio.to_thread(self.find, image)
        except (InvalidImage, MissingProgram) as error:
            tell("Warning", "Failed", f'Failed to pull image "{image}": {error}')
            return NotGot("ErrImagePull", str(error), time.time() + self._next_delay_s(image))
        except InvalidReference:
            found = None
        step = decide(image, policy, present=found is not None)
        match step:
            case UsePresent() if found:
                tell("Normal", "Pulled", f'Container image "{image}" already present on machine')
                return Got(found)
            case TryPull(reference):
                return await self._pulled(image, reference, found, tell, auth)
            case Refuse(reason, message):
                tell("Warning", "InspectFailed" if reason == "InvalidImageName" else reason, message)
                return NotGot(reason, message, time.time() + self._next_delay_s(image))
            case _:
                raise AssertionError(step)

    def find(self, image: str) -> Image | None:
        """What is on this node. Raises InvalidReference, InvalidImage, MissingProgram."""
        reference = parse_reference(image)
        if reference.builtin:
            return self._find_builtin(reference.builtin)
        stores = [self._store, *([self._shared] if self._shared else [])]
        return next((found for store in stores if (found := store.find(image))), None)

    def _find_builtin(self, name: str) -> Image | None:
        if name not in self._builtin:
            if name == TOOLBOX_IMAGE:
                self._builtin[name] = toolbox_image(self._toolbox_root())
            elif name == HOST_IMAGE:
                self._builtin[name] = host_image(
                    build_hidden_layer(f"{self._run_dir}/host-image", self._hidden)
                )
        return self._builtin.get(name)

    def _toolbox_root(self) -> str:
        """In the shared store if it may be written, else in this node's own."""
        for folder in self._builtin_dirs[:-1]:
            try:
                return build_toolbox(folder)
            except OSError as error:
                logger.debug("the shared image folder cannot be written", folder=folder, error=error)
        return build_toolbox(self._builtin_dirs[-1])

    async def _pulled(
        self, image: str, reference: Reference, found: Image | None, tell: Tell, auth: bytes
    ) -> Got | NotGot:
        started_s = time.monotonic()
        cause = self._known_unreachable(reference)
        if not cause:
            tell("Normal", "Pulling", f'Pulling image "{image}"')
            try:
                await self._pull_once(reference, auth)
            except (PullFailed, InvalidImage, OSError) as error:
                cause = str(error)
                unreachable = isinstance(error, PullFailed) and error.unreachable
                if unreachable:
                    self._unreachable[reference.registry] = (time.monotonic() + _UNREACHABLE_FOR_S, cause)
                elif found:
                    found = None  # the registry did answer: what is here is not what was asked for
        if not cause:
            fresh = await asyncio.to_thread(self.find, image)
            assert fresh is not None
            self._delays_s.pop(image, None)
            took_s = time.monotonic() - started_s
            tell("Normal", "Pulled", f'Successfully pulled image "{image}" in {took_s:.3f}s')
            return Got(fresh)
        if found:
            tell(
                "Normal",
                "Pulled",
                f'Container image "{image}" is used as it was imported: {reference.registry}: {cause}',
            )
            return Got(found)
        return self._failed(image, cause, tell)

    def _failed(self, image: str, cause: str, tell: Tell) -> NotGot:
        again = image in self._delays_s
        retry_at_s = time.time() + self._next_delay_s(image)
        message = pull_error(image, cause)
        if again:
            tell("Normal", "BackOff", f'Back-off pulling image "{image}"')
            tell("Warning", "Failed", "Error: ImagePullBackOff")
            return NotGot("ImagePullBackOff", backoff_message(image, message), retry_at_s)
        tell("Warning", "Failed", message[0].upper() + message[1:])
        tell("Warning", "Failed", "Error: ErrImagePull")
        return NotGot("ErrImagePull", message, retry_at_s)

    async def _pull_once(self, reference: Reference, auth: bytes) -> None:
        key = str(reference)
        if key not in self._pulls:
            work = asyncio.to_thread(pull, self._store, reference, self._pull_netns, auth)
            self._pulls[key] = asyncio.ensure_future(work)
            self._pulls[key].add_done_callback(lambda _: self._pulls.pop(key, None))
        await asyncio.shield(self._pulls[key])

    def _known_unreachable(self, reference: Reference) -> str:
        until_s, cause = self._unreachable.get(reference.registry, (0.0, ""))
        return cause if time.monotonic() < until_s else ""

    def _next_delay_s(self, image: str) -> float:
        self._delays_s[image] = next_delay_s(self._delays_s.get(image, 0.0))
        return self._delays_s[image]

    def listed(self) -> list[tuple[str, int]]:
        """(reference, bytes) of what pods can use, for the Node's status."""
        stores = [self._store, *([self._shared] if self._shared else [])]
        return [
            (name, store.size_bytes(digest)) for store in stores for name, digest in store.names().items()
        ]
