"""Settings: where each value came from, secrets that never show, typos that are told."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cryptoflow.cli.main import app
from cryptoflow.errors import UsageError
from cryptoflow.settings import SettingOrigin, Settings, explain_settings, load_settings, unknown_variables

SECRETS = {
    "CRYPTOFLOW_DATABASE_URL": "postgresql://me:s3cret-one@db/x",
    "CRYPTOFLOW_DAGSTER_DATABASE_URL": "postgresql://me:s3cret-two@db/y",
    "CRYPTOFLOW_REDIS_URL": "redis://:s3cret-three@cache/0",
    "CRYPTOFLOW_COINGECKO_API_KEY": "CG-s3cret-four",
    "CRYPTOFLOW_COINMARKETCAP_API_KEY": "s3cret-five",
}


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env of the folder where the tests run, and no table folded at a narrow width."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def origins() -> dict[str, SettingOrigin]:
    return {line.variable: line for line in explain_settings(load_settings())}


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CRYPTOFLOW_WORKERS=2\nCRYPTOFLOW_UNIVERSE_SIZE=20\n")
    monkeypatch.setenv("CRYPTOFLOW_WORKERS", "3")
    found = origins()
    assert (found["CRYPTOFLOW_WORKERS"].value, found["CRYPTOFLOW_WORKERS"].origin) == (3, "environment")
    assert (found["CRYPTOFLOW_UNIVERSE_SIZE"].value, found["CRYPTOFLOW_UNIVERSE_SIZE"].origin) == (20, ".env")
    assert (found["CRYPTOFLOW_DAGSTER_PORT"].value, found["CRYPTOFLOW_DAGSTER_PORT"].origin) == (3000, "default")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_WORKERS", "")
    assert (origins()["CRYPTOFLOW_WORKERS"].value, origins()["CRYPTOFLOW_WORKERS"].origin) == (1, "default")
    Path(".env").write_text("CRYPTOFLOW_WORKERS=2\n")
    assert (origins()["CRYPTOFLOW_WORKERS"].value, origins()["CRYPTOFLOW_WORKERS"].origin) == (2, ".env")


def test_a_variable_in_lower_case_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("cryptoflow_workers", "4")
    assert (origins()["CRYPTOFLOW_WORKERS"].value, origins()["CRYPTOFLOW_WORKERS"].origin) == (4, "environment")


def test_what_the_command_line_gives_wins_and_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOFLOW_WORKERS", "3")
    assert load_settings(workers=5).workers == 5
    assert load_settings(workers=None).workers == 3


def test_every_setting_is_explained_once_with_its_meaning() -> None:
    lines = explain_settings(load_settings())
    assert [line.name for line in lines] == list(Settings.model_fields)
    assert [line.name for line in lines if not line.description.endswith(".")] == [
        line.name for line in lines if line.description.endswith(")")
    ]
    assert all(len(line.description) > 10 for line in lines)


def test_the_home_is_absolute_and_knows_the_tilde(tmp_path: Path) -> None:
    assert load_settings(home="here").home_path == tmp_path / "here"
    assert load_settings(home="~/x").home_path == Path.home() / "x"
    assert load_settings().home_path.is_absolute()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().workers = 2  # type: ignore[misc]


@pytest.fixture
def secret_settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CRYPTOFLOW_COINGECKO_PLAN", "demo")
    return load_settings()


def test_every_setting_that_holds_a_key_or_a_password_is_secret(secret_settings: Settings) -> None:
    held = {name for name, value in secret_settings if hasattr(value, "get_secret_value")}
    assert {f"CRYPTOFLOW_{name.upper()}" for name in held} == set(SECRETS)
    assert {name for name in Settings.model_fields if name.endswith(("_key", "_password", "_token"))} <= held


def test_secrets_do_not_show_in_any_form_of_the_settings(
    secret_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("in force: %s %r", secret_settings, secret_settings)
    forms = [
        repr(secret_settings),
        str(secret_settings),
        f"{secret_settings}",
        secret_settings.model_dump_json(),
        str(secret_settings.model_dump()),
        repr(explain_settings(secret_settings)),
        msgspec.json.encode([line.value for line in explain_settings(secret_settings)], enc_hook=repr).decode(),
        caplog.text,
    ]
    assert [form for form in forms if "s3cret" in form] == []
    assert secret_settings.database_url is not None
    assert secret_settings.database_url.get_secret_value() == SECRETS["CRYPTOFLOW_DATABASE_URL"]


@pytest.mark.usefixtures("secret_settings")
@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"]])
def test_secrets_do_not_show_in_the_config_command(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "CRYPTOFLOW_COINMARKETCAP_API_KEY" in result.output
    assert "s3cret" not in result.output
    assert "****" in result.output


def test_the_config_command_says_value_origin_home_and_strays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYPTOFLOW_HOME", "mine")
    monkeypatch.setenv("CRYPTOFLOW_WORKER", "3")
    told = json.loads(CliRunner().invoke(app, ["config", "--json"]).stdout)
    assert told["home"] == str(tmp_path / "mine")
    assert {"variable": "CRYPTOFLOW_HOME", "value": "mine", "origin": "environment"} in told["settings"]
    assert told["unknown"] == [{"variable": "CRYPTOFLOW_WORKER", "nearest": "CRYPTOFLOW_WORKERS"}]
    words = CliRunner().invoke(app, ["config"])
    assert f"Home in force: {tmp_path / 'mine'}" in words.stdout
    assert "CRYPTOFLOW_WORKER is set, but no setting has that name; did you mean CRYPTOFLOW_WORKERS?" in words.stderr


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("CRYPTOFLOW_DATABASE_ULR", "CRYPTOFLOW_DATABASE_URL"),
        ("CRYPTOFLOW_COINGEKO_API_KEY", "CRYPTOFLOW_COINGECKO_API_KEY"),
        ("cryptoflow_wrokers", "CRYPTOFLOW_WORKERS"),
        ("CRYPTOFLOW_QQQQ", None),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str | None
) -> None:
    monkeypatch.setenv(variable, "x")
    assert unknown_variables() == [(variable.upper(), nearest)]


def test_an_unknown_name_in_the_file_is_told_too() -> None:
    Path(".env").write_text("CRYPTOFLOW_WORKRES=2\nOTHER=1\nCRYPTOFLOW_WORKERS=1\n")
    assert unknown_variables() == [("CRYPTOFLOW_WORKRES", "CRYPTOFLOW_WORKERS")]


def test_variables_for_the_children_are_no_strays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CRYPTOFLOW_DAGSTER_PG_URL", "CRYPTOFLOW_CODE_PORT", "CRYPTOFLOW_INTERNAL_X"):
        monkeypatch.setenv(name, "x")
    assert unknown_variables() == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CRYPTOFLOW_WORKERS", "many"),
        ("CRYPTOFLOW_WORKERS", "0"),
        ("CRYPTOFLOW_DAGSTER_PORT", "70000"),
        ("CRYPTOFLOW_LOG_LEVEL", "loud"),
        ("CRYPTOFLOW_UNIVERSE_SIZE", "-1"),
        ("CRYPTOFLOW_COINGECKO_PLAN", "gold"),
        ("CRYPTOFLOW_HTTP_TOTAL_TIMEOUT_SECONDS", "0"),
        ("CRYPTOFLOW_SIMULATOR_ASSETS", "11"),
    ],
)
def test_a_bad_value_is_a_clear_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert variable in caught.value.what
    assert "cryptoflow config" in caught.value.cure


def test_a_bad_value_of_the_command_line_names_the_setting_too() -> None:
    with pytest.raises(UsageError, match="CRYPTOFLOW_WORKERS"):
        load_settings(workers=0)


def test_a_file_that_is_no_text_is_a_clear_error() -> None:
    Path(".env").write_bytes(b"CRYPTOFLOW_WORKERS=\xff\xfe2")
    with pytest.raises(UsageError, match=r"\.env"):
        load_settings()


def test_only_settings_reads_the_environment() -> None:
    package = Path(load_settings.__code__.co_filename).parent
    readers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "os.environ" in path.read_text() or "getenv(" in path.read_text()
    }
    # A child process inherits the environment of its supervisor; nobody else looks at it.
    assert readers == {"settings.py", str(Path("runtime") / "child.py")}
