"""The real kubectl against `kcore all` on loopback: a script of commands, each with what it must say.

No node takes part: pods stay Pending unless a step writes their status as a node would.
"""

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linux import process
from tests.lab.kubectl_chapters import (
    access,
    applying,
    creating,
    deleting,
    dialects,
    patching,
    reading,
    refusals,
    rollouts,
    watching,
)
from tests.lab.kubectl_chapters.step import Chapter, Step

pytestmark = pytest.mark.lab

KCORE = Path(__file__).parents[2] / ".venv" / "bin" / "kcore"
CHAPTERS = tuple(
    module.CHAPTER
    for module in (
        creating,
        reading,
        dialects,
        patching,
        applying,
        deleting,
        rollouts,
        watching,
        refusals,
        access,
    )
)
EVENTUALLY_S = 90.0
_NAMESPACE = re.compile(r"(deleted) from \S+ namespace")
KUBECTL = os.environ.get("KUBECTL", "kubectl")  # another version than the one on PATH


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which(KUBECTL) is None:
        pytest.skip(
            "kubectl IS NOT INSTALLED: put it on PATH, or set KUBECTL=path, to compare with what people type"
        )
    folder = tmp_path_factory.mktemp("kcore")
    argv = [str(KCORE), "all", "--data-dir", str(folder), "--bind-address", "127.0.0.1"]
    argv += ["--secure-port", "0", "--advertise-address", "127.0.0.1", "--profile", "lab"]
    with (folder / "log").open("wb") as log:
        server = process.spawn(argv, stdout=subprocess.PIPE, stderr=log)
    assert server.stdout is not None
    assert b"serving on" in server.stdout.readline(), (folder / "log").read_text()
    try:
        yield folder / "kubeconfig" / "admin.kubeconfig"
    finally:
        server.terminate()
        server.wait(60)
        server.stdout.close()
        assert "Traceback" not in (folder / "log").read_text()


class Kubectl:
    """Runs steps in one namespace and folder."""

    def __init__(self, kubeconfig: Path, namespace: str, folder: Path) -> None:
        self.folder = folder
        self._argv = [KUBECTL, "--namespace", namespace]
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "KUBECONFIG": str(kubeconfig),
        }

    def run(self, step: Step) -> list[str]:
        """What is not as the step says."""
        deadline = time.monotonic() + (EVENTUALLY_S if step.eventually else 0)
        while True:
            wrong = self._once(step)
            if not wrong or time.monotonic() > deadline:
                return wrong
            time.sleep(0.1)

    def _once(self, step: Step) -> list[str]:
        command = step.command.replace("{dir}", str(self.folder))
        done = process.run(
            [*self._argv, *shlex.split(command)],
            input=_unlike_json(step.stdin or "").encode(),
            env=self._env | {"EDITOR": step.editor, "KUBECTL_EXTERNAL_DIFF": "diff -u -N"},
            check=False,
        )
        # kubectl says since 1.34 from which namespace it deletes.
        out, err = _NAMESPACE.sub(r"\1", done.stdout), done.stderr
        wrong = []
        if done.code != step.code:
            wrong.append(f"exit status {done.code}, not {step.code}")
        if step.out is not None and out.strip() != step.out:
            wrong.append(f"output is not {step.out!r}")
        if step.like is not None and not re.search(step.like, out, re.MULTILINE):
            wrong.append(f"output is not like {step.like!r}")
        if step.err is not None and not re.search(step.err, err, re.MULTILINE):
            wrong.append(f"error is not like {step.err!r}")
        return [f"kubectl {command}: {what}\n{out}{err}" for what in wrong]


def _unlike_json(text: str) -> str:
    """kubectl takes for JSON what begins with a brace, also the short form of YAML that is used here."""
    return f"---\n{text}" if re.match(r"\s*\{[a-z]", text) else text


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_kubectl_is_answered_as_by_the_real_server(
    chapter: Chapter, kubeconfig: Path, tmp_path: Path
) -> None:
    for name, text in chapter.files.items():
        (tmp_path / name).write_text(_unlike_json(text) if name.endswith(".yaml") else text)
    kubectl = Kubectl(kubeconfig, chapter.name, tmp_path)
    created = Step(f"create namespace {chapter.name}", f"namespace/{chapter.name} created")
    wrong = [what for step in (created, *chapter.steps) for what in kubectl.run(step)]
    assert not wrong, "\n".join(wrong)


def test_the_script_is_long_enough_to_mean_something() -> None:
    steps = [step for chapter in CHAPTERS for step in chapter.steps]
    assert len(steps) >= 150
    silent = [step.command for step in steps if step.out is step.like is step.err is None]
    assert not silent
