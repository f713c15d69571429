"""What is asked of each backend."""

from pathlib import Path

import pytest

from kproxy.backends.registry import BACKENDS, Entry

_ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("entry", BACKENDS, ids=lambda entry: entry.name)
def test_every_backend_has_a_page_and_flow_rows(entry: Entry) -> None:
    folder = _ROOT.joinpath(*entry.module.split(".")[:-1])
    assert (folder / "README.md").read_text().startswith(f"# {entry.name}")
    assert (_ROOT / "tests" / "flows" / f"test_kproxy_{entry.name}.py").exists()


@pytest.mark.parametrize("entry", BACKENDS, ids=lambda entry: entry.name)
def test_every_backend_can_be_loaded_and_traced(entry: Entry) -> None:
    assert callable(entry.load())
    assert hasattr(entry.tracer(), "planned")
