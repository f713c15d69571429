"""Reading the folder of static pods' manifests."""

import os
from collections.abc import Iterator
from typing import Any

from linux.logging_kv import get_logger
from nodeagent.static.plan import BadManifest, StaticPod, static_pod

logger = get_logger("knode.static")
_SUFFIXES = (".yaml", ".yml", ".json", ".manifest")


class Folder:
    """Reads again only when a file was changed; a bad file is told of once and changes nothing else."""

    def __init__(self, path: str, node: str) -> None:
        self._path = path
        self._node = node
        self._stamps: dict[str, tuple[int, int]] = {}
        self._found: dict[str, tuple[StaticPod, ...]] = {}

    def pods(self) -> dict[str, StaticPod]:
        """By UID. A folder that is absent holds none."""
        stamps = dict(self._list())
        for name, stamp in stamps.items():
            if self._stamps.get(name) != stamp:
                self._found[name] = tuple(self._read(name))
        for name in self._found.keys() - stamps.keys():
            del self._found[name]
        self._stamps = stamps
        return {static.uid: static for pods in self._found.values() for static in pods}

    def _list(self) -> Iterator[tuple[str, tuple[int, int]]]:
        try:
            names = sorted(os.listdir(self._path))
        except FileNotFoundError:
            return
        for name in names:
            if name.startswith(".") or not name.endswith(_SUFFIXES):
                continue
            try:
                status = os.stat(f"{self._path}/{name}")
            except FileNotFoundError:
                continue
            yield name, (status.st_mtime_ns, status.st_size)

    def _read(self, name: str) -> Iterator[StaticPod]:
        import yaml

        try:
            with open(f"{self._path}/{name}", encoding="utf-8") as file:
                bodies: list[Any] = [body for body in yaml.safe_load_all(file) if body is not None]
            for body in bodies:
                yield static_pod(body, self._node)
        except (OSError, ValueError, yaml.YAMLError, BadManifest) as error:
            logger.warning("a static pod's manifest is not used", file=name, error=error)
