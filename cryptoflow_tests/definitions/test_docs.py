"""The words in the documents are true: links lead somewhere, commands and targets exist, lists are complete."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer

from cryptoflow.cli.main import app
from cryptoflow.runtime.bootstrap import administrator_sql
from cryptoflow.settings import ENV_PREFIX, Settings
from cryptoflow_tests.definitions.compose_file import ROOT, documented

OPERATING = ROOT / "docs" / "operating.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^(?P<ticks>`{3,})\w*\n(?P<body>.*?)^(?P=ticks)\s*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
# Where a command may begin: at the start, after another one, in our environment, or in a container.
COMMAND_START = r"(?:^|&&\s*|\|\s*|;\s*|^\$ |\.venv/bin/|\b(?:exec|run)(?: --?[\w-]+)* \w+ )"
MAKE = re.compile(rf"{COMMAND_START}make (?:\w+=\S+ )*([a-z][a-z-]*)", re.MULTILINE)
CRYPTOFLOW = re.compile(rf"{COMMAND_START}cryptoflow((?: +\S+)+)", re.MULTILINE)
REQUIREMENT_NAME = re.compile(r"^[A-Za-z0-9][\w.-]*")


def names_of(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def code_of(text: str) -> list[str]:
    """What a page shows as code: fenced blocks and spans."""
    return [match["body"] for match in FENCE.finditer(text)] + SPAN.findall(FENCE.sub("", text))


def anchors_of(page: Path) -> set[str]:
    """The anchors that a page's headings make, as the usual renderers name them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(SPAN.sub("", FENCE.sub("", text))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        aim = (page.parent / path).resolve() if path else page
        if not aim.is_relative_to(ROOT) or not aim.exists() or (anchor and anchor not in anchors_of(aim)):
            yield target


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Complaint:
    """A command in a page that does not exist."""

    command: str
    reason: str


def judge(words: list[str], command: Any) -> Complaint | None:
    """Follow a command line into the program: sub-commands and long options must exist."""
    said = "cryptoflow " + " ".join(words)
    options = _long_options(command)
    for word in words:
        commands = getattr(command, "commands", {})
        if word in commands:
            command = commands[word]
            options |= _long_options(command)
        elif word.startswith("--"):
            if word.partition("=")[0] not in options:
                return Complaint(said, f"{word} is not an option of it")
        elif commands and re.fullmatch(r"[a-z][a-z-]*", word) and not _takes_words(command):
            return Complaint(said, f"{word} is not a command")
    return None


def _long_options(command: Any) -> set[str]:
    return {"--help"}.union(*({*param.opts, *param.secondary_opts} for param in command.params))


def _takes_words(command: Any) -> bool:
    return any(param.param_type_name == "argument" for param in command.params)


def command_lines(code: str) -> Iterator[list[str]]:
    """The words after `cryptoflow` wherever it is run, up to where the shell would end the command."""
    for found in CRYPTOFLOW.findall(code):
        line = re.split(r"\s(?:&&|\|\|?|;|#|>)(?:\s|$)|\"|'", found)[0]
        yield [word.strip("[].,") for word in line.split() if word.strip("[].,") not in {"...", "…", ""}]


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(page, page.read_text())) == []


def test_a_broken_link_is_found() -> None:
    page = ROOT / "docs" / "README.md"
    text = "[a](operating.md) [b](../LICENSE) [c](no-such.md) [d](#no-such-heading) `[e](code.md)` [f](https://g.h/)"
    assert list(broken_links(page, text)) == ["no-such.md", "#no-such-heading"]


def test_the_index_leads_to_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text())}
    assert [name for page, name in zip(PAGES, names_of(PAGES), strict=True) if page not in {*linked, index}] == []


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_make_target_named_exists(page: Path) -> None:
    targets = make_targets()
    assert {"env", "demo", "test"} <= targets
    named = {target for code in code_of(page.read_text()) for target in MAKE.findall(code)}
    assert sorted(named - targets) == []


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_command_named_exists(page: Path) -> None:
    program = typer.main.get_command(app)
    complaints = [judge(words, program) for code in code_of(page.read_text()) for words in command_lines(code)]
    assert [complaint for complaint in complaints if complaint] == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("cryptoflow upp", "upp is not a command"),
        (".venv/bin/cryptoflow up --demmo", "--demmo is not an option of it"),
        ("cd x && cryptoflow migrate sideways", "sideways is not a command"),
        ("docker compose exec --no-TTY webserver cryptoflow statsu --json", "statsu is not a command"),
    ],
)
def test_a_command_that_does_not_exist_is_found(code: str, reason: str) -> None:
    (words,) = command_lines(code)
    complaint = judge(words, typer.main.get_command(app))
    assert complaint
    assert complaint.reason == reason


def test_the_pages_do_name_commands() -> None:
    every = [words for page in PAGES for code in code_of(page.read_text()) for words in command_lines(code)]
    assert {"up", "down", "status", "doctor"} <= {words[0] for words in every if words}


def declared_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    given = [*project["project"]["dependencies"], *chain.from_iterable(project["dependency-groups"].values())]
    names = (REQUIREMENT_NAME.match(requirement) for requirement in given)
    return {name[0].lower().replace("_", "-") for name in names if name}


def test_every_dependency_has_its_reason_and_no_other_is_listed() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|$", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    listed = [name.lower() for name, *_ in rows]
    assert len(listed) == len(set(listed))
    assert set(listed) == declared_dependencies()


def test_the_administrators_sql_is_what_the_program_says() -> None:
    assert administrator_sql("postgresql://cryptoflow@server/cryptoflow") in OPERATING.read_text()


def quoted_errors() -> list[str]:
    """The sentences in the first column of the tables of symptoms; `…` stands for what varies."""
    section = OPERATING.read_text().partition("## By symptom")[2]
    rows: list[str] = re.findall(r"^\| (`.+?) \| ", section, re.MULTILINE)
    return [span for row in rows for span in SPAN.findall(row) if " " in span]


def source_words() -> str:
    """The text of the program with its string literals joined as the interpreter joins them."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "cryptoflow").rglob("*.py")))
    return re.sub(r"[\"']\s*\n\s*(?:else )?f?[\"']", "", text)


def test_every_quoted_error_is_one_that_the_program_can_say() -> None:
    quoted, words = quoted_errors(), source_words()
    assert len(quoted) > 30
    parts = [part.strip(" ();") for error in quoted for part in error.split("…")]
    assert [part for part in parts if part and part not in words] == []


def test_the_env_example_documents_exactly_the_settings() -> None:
    assert list(documented(ROOT / ".env.example")) == [f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields]
