"""docs/api.md says what the server does."""

from tools.api_tables import PAGE


def test_the_tables_are_those_of_the_rows_the_server_works_by() -> None:
    page = PAGE.path.read_text()
    assert PAGE.rendered(page) == page, "run .venv/bin/python tools/api_tables.py"
