"""Images for containers, with a registry played by a small script in skopeo's place."""

import asyncio
import hashlib
import io
import json
import tarfile
import time
from pathlib import Path

import pytest

from nodeagent.images.drive import Got, ImageSupply, NotGot

SKOPEO = """#!/bin/sh
echo "$@" >> {folder}/calls
[ -e {folder}/error ] && {{ cat {folder}/error >&2; exit 1; }}
for last; do :; done
target=${{last#oci:}}; target=${{target%:pulled}}
sleep 0.05
cp -r {folder}/layout "$target"
"""


class Registry:
    """What the script serves, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            member = tarfile.TarInfo("file")
            member.size = 2
            archive.addfile(member, io.BytesIO(b"hi"))
        layer = tar.getvalue()
        config = json.dumps(
            {"config": {"Cmd": ["x"]}, "rootfs": {"diff_ids": [self._digest(layer)]}}
        ).encode()
        manifest = json.dumps(
            {
                "config": {"digest": self._digest(config), "size": len(config)},
                "layers": [{"digest": self._digest(layer), "size": len(layer), "mediaType": "m"}],
            }
        ).encode()
        blobs = folder / "layout" / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for blob in (layer, config, manifest):
            (blobs / self._digest(blob)[7:]).write_bytes(blob)
        entry = {"digest": self._digest(manifest), "mediaType": "m", "annotations": {}}
        (folder / "layout" / "index.json").write_text(json.dumps({"manifests": [entry]}))

    @staticmethod
    def _digest(data: bytes) -> str:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def fails(self, text: str) -> None:
        (self.folder / "error").write_text(text)

    def works(self) -> None:
        (self.folder / "error").unlink()

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def registry(tmp_path, monkeypatch) -> Registry:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "skopeo"
    program.write_text(SKOPEO.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return Registry(tmp_path)


@pytest.fixture
def supply(tmp_path) -> ImageSupply:
    return ImageSupply(
        store_dir=str(tmp_path / "store"), shared_dir="", run_dir=str(tmp_path), hidden=(), pull_netns=""
    )


def ensure(supply, image="shop/web:1", policy="", auth=b""):
    """The answer, and the (reason, message) of the events."""
    events = []

    async def main():
        return await supply.ensure(
            image, policy, lambda _kind, reason, text: events.append((reason, text)), auth
        )

    return asyncio.run(main()), events


def test_an_absent_image_is_pulled_and_then_here(supply, registry):
    answer, events = ensure(supply)
    assert isinstance(answer, Got)
    assert [reason for reason, _ in events] == ["Pulling", "Pulled"]
    answer, events = ensure(supply)
    assert events == [("Pulled", 'Container image "shop/web:1" already present on machine')]
    assert len(registry.calls) == 1
    ensure(supply, policy="Always")
    assert len(registry.calls) == 2


def test_all_who_wait_for_an_image_share_one_pull(supply, registry):
    async def main():
        return await asyncio.gather(*(supply.ensure("shop/web:1", "", lambda *_: None) for _ in range(5)))

    assert all(isinstance(answer, Got) for answer in asyncio.run(main()))
    assert len(registry.calls) == 1


def test_an_image_that_is_here_satisfies_always_while_the_registry_is_silent(supply, registry):
    ensure(supply)
    registry.fails("pinging container registry: dial tcp: connection refused")
    answer, events = ensure(supply, policy="Always")
    assert isinstance(answer, Got)
    assert "is used as it was imported: docker.io: pinging" in events[-1][1]
    ensure(supply, policy="Always")
    assert len(registry.calls) == 2, "a silent registry is not asked again at once"


def test_what_the_registry_refuses_is_not_replaced_by_an_old_image(supply, registry):
    ensure(supply)
    registry.fails("reading manifest 1 in docker.io/shop/web: manifest unknown")
    answer, _ = ensure(supply, policy="Always")
    assert isinstance(answer, NotGot)
    assert answer.reason == "ErrImagePull"


def test_failures_back_off_and_end_with_a_success(supply, registry):
    registry.fails("manifest unknown")
    first, events = ensure(supply)
    assert isinstance(first, NotGot)
    assert ("Failed", "Error: ErrImagePull") in events
    assert 5 < first.retry_at_s - time.time() <= 10
    second, events = ensure(supply)
    assert isinstance(second, NotGot)
    assert second.reason == "ImagePullBackOff"
    assert ("BackOff", 'Back-off pulling image "shop/web:1"') in events
    registry.works()
    assert isinstance(ensure(supply)[0], Got)
    registry.fails("manifest unknown")
    again, _ = ensure(supply, policy="Always")
    assert isinstance(again, NotGot)
    assert again.reason == "ErrImagePull"


def test_credentials_go_to_the_registry_in_a_file(supply, registry):
    ensure(supply, auth=b'{"auths":{}}')
    assert "--src-authfile" in registry.calls[0]


def test_without_skopeo_the_message_says_how_to_import(supply, monkeypatch, tmp_path):
    monkeypatch.setattr("linux.process.find", lambda _name: None)
    answer, _ = ensure(supply)
    assert isinstance(answer, NotGot)
    assert "skopeo is not installed" in answer.message
    assert "klab image import FILE" in answer.message
