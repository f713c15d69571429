"""docs/controllers.md says what the code does."""

from tools.controller_tables import PAGE, rendered


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert rendered(page) == page, "run .venv/bin/python tools/controller_tables.py"
