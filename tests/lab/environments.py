"""Python environments of their own, for packages that the project does not depend on."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from linux import process

UV = Path(__file__).parents[2] / ".venv-uv" / "bin" / "uv"


def interpreter_with(requirements: Path, called: str) -> Path:
    """Of an environment beside the project's own, made once for each list of versions; skips, loudly, without."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = UV.parents[1] / f"{requirements.parent.name.replace('_', '-')}-{digest}"
    python = folder / "bin" / "python"
    if python.exists():
        return python
    if not UV.exists():
        pytest.skip(f"{UV} IS MISSING: make setup")
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    environment = {**os.environ, "UV_NO_PROGRESS": "1"}
    try:
        process.run([str(UV), "venv", "-q", "--python", "/usr/bin/python3", str(making)], env=environment)
        process.run(
            [
                str(UV),
                "pip",
                "install",
                "-q",
                "--python",
                str(making / "bin/python"),
                "-r",
                str(requirements),
            ],
            env=environment,
            timeout_s=100,
        )
        making.rename(folder)
    except process.ProgramFailed as error:
        pytest.skip(f"{called} CANNOT BE INSTALLED, no package index in reach? {error}")
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return python
