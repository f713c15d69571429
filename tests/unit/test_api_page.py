"""docs/api.md says what the server does."""

from tools.api_tables import PAGE, rendered


def test_the_tables_are_those_of_the_rows_the_server_works_by() -> None:
    page = PAGE.read_text()
    assert rendered(page) == page, "run .venv/bin/python tools/api_tables.py"
