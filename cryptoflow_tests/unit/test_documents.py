"""The rendered documents: the files in the repository are what the code renders, whole and in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.contracts import contracts
from cryptoflow.documents import documents, env_example, tables_page
from cryptoflow.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", list(documents()))
def test_the_file_in_the_repository_is_what_is_rendered(name: str) -> None:
    assert (ROOT / name).read_text() == documents()[name]


def test_every_table_and_column_is_on_the_page() -> None:
    page = tables_page()
    for table in contracts():
        section = page.partition(f"### {table.schema}.{table.name}\n")[2].partition("\n### ")[0]
        assert section, table.name
        shown = [line for line in section.splitlines() if line.startswith("| `")]
        assert [line.split("`")[1] for line in shown] == [column.name for column in table.columns]
        for line, column in zip(shown, table.columns, strict=True):
            assert str(column.comment) in line
            assert f"| {'yes' if column.nullable else 'no'} |" in line


def test_choices_units_and_keys_are_on_the_page() -> None:
    page = tables_page()
    assert "One of: running, completed, failed, cancelled." in page
    assert "Unit: ms." in page
    assert "| `asset_id` (key) | integer |" in page


def test_a_copy_of_the_example_changes_no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    before = load_settings()
    Path(".env").write_text(env_example())
    assert load_settings() == before


def test_the_example_edited_line_by_line_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    lines = env_example().splitlines()
    settings = [line.removeprefix("# ") for line in lines if line.startswith("# CRYPTOFLOW_")]
    assert len(settings) == len(Settings.model_fields)
    before = load_settings()
    Path(".env").write_text("\n".join(settings))
    assert load_settings() == before


def test_render_writes_what_is_out_of_date_and_check_only_tells(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    told = CliRunner().invoke(app, ["render", "--into", str(tmp_path), "--check"])
    assert (told.exit_code, (tmp_path / ".env.example").exists()) == (1, False)
    assert "docs/tables.md is out of date" in told.output
    assert "docs/tables.md written" in CliRunner().invoke(app, ["render", "--into", str(tmp_path)]).output
    again = CliRunner().invoke(app, ["render", "--into", str(tmp_path), "--check"])
    assert (again.exit_code, again.output) == (0, "")
