"""The guide by symptom is whole: whatever the doctor can find, and so an alert can tell, has its line in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import get_args

import pytest

from cryptoflow.refine.batch_samples import Nature
from cryptoflow_tests.definitions.compose_file import ROOT
from cryptoflow_tests.definitions.test_docs import OPERATING, quoted_errors

FINDINGS = frozenset({"warning", "broken", "make"})
HOLE = "…"
# Sentences that are made elsewhere, and the words of the guide that speak of them.
MADE_ELSEWHERE = {
    "problem": "a part `unhealthy` or in `backoff`",
    "error.what": "### An external server is refused",
    "silence_words(plan)": "`is not asked …`",
    "room.said": "`… of … connections are taken`",
    "trouble": "`this plan does not know of refusals that other processes met`",
}


def sentence(node: ast.expr, function: ast.AST) -> str:
    """What the expression says, with holes for what varies; an expression that is not text stands as it is written."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values]
        return "".join(parts)
    if isinstance(node, ast.Name):
        for step in ast.walk(function):
            if isinstance(step, ast.Assign) and [ast.unparse(aim) for aim in step.targets] == [node.id]:
                return sentence(step.value, function)
    return ast.unparse(node)


def findings(source: str) -> Iterator[str]:
    """What each finding that is not well says."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FINDINGS:
                yield sentence(call.args[1], function)


def speaks_of(quote: str, said: str) -> bool:
    """Whether all fixed parts of the quote are in the sentence, in their order."""
    fixed = [part.strip() for part in quote.split(HOLE) if part.strip(" ,:;.")]
    return bool(fixed) and re.search(".*".join(map(re.escape, fixed)), said, re.DOTALL) is not None


SAID = sorted({said for path in (ROOT / "cryptoflow" / "ops").glob("*.py") for said in findings(path.read_text())})


def test_findings_are_found_in_the_source() -> None:
    source = """
def look(count):
    if count:
        what = f"{count} rows are gone"
        yield broken("rows", what, cure="Wait.")
    yield warning("rows", "it is late", cure="Hurry.")
    yield ok("rows", "all is well")
"""
    assert sorted(findings(source)) == ["it is late", "… rows are gone"]
    assert len(SAID) > 25


@pytest.mark.parametrize(
    ("quote", "said", "speaks"),
    [
        ("… rows are gone", "… rows are gone", True),
        ("rows are …: …", "… rows are gone: …", True),
        ("gone …: rows", "… rows are gone: …", False),
        ("…", "… rows are gone", False),
    ],
)
def test_a_quote_speaks_of_a_sentence_by_its_fixed_words(quote: str, said: str, speaks: bool) -> None:
    assert speaks_of(quote, said) is speaks


@pytest.mark.parametrize("said", SAID)
def test_what_the_doctor_says_is_in_the_guide(said: str) -> None:
    if said in MADE_ELSEWHERE:
        assert MADE_ELSEWHERE[said] in OPERATING.read_text()
    else:
        assert [quote for quote in quoted_errors() if speaks_of(quote, said)] != []


@pytest.mark.parametrize("nature", get_args(Nature))
def test_every_nature_of_an_answer_is_in_the_guide(nature: str) -> None:
    assert f"`{nature}`" in OPERATING.read_text()
