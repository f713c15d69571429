"""docs/controllers.md says what the code does."""

from tools.controller_tables import PAGE


def test_the_page_is_up_to_date() -> None:
    page = PAGE.path.read_text()
    assert PAGE.rendered(page) == page, "run .venv/bin/python tools/controller_tables.py"
