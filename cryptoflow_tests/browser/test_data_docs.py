"""Data Docs in a real Chromium that reaches nobody: styles, tables and links work from the files alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cryptoflow.quality.data_docs import index_page
from cryptoflow.quality.proving import prove, site_folder
from cryptoflow.quality.suites import suite_of
from cryptoflow.settings import load_settings
from cryptoflow_tests.database.proven_market import sound_market


def test_the_pages_work_from_the_files_alone(
    browser: Browser, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRYPTOFLOW_HOME", str(tmp_path / "home"))
    sound_market(database_url, tmp_path)
    settings = load_settings()
    list(prove(settings, [suite_of("hourly_close")], database_url=database_url))
    asked, missing = [], []
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: missing.append(request.url))
    page.on("pageerror", lambda error: missing.append(str(error)))
    page.goto(index_page(site_folder(settings)).as_uri())
    look = page.get_by_role("row").filter(has_text="market.hourly_close")
    sign = look.locator(".fa-check-circle")
    assert sign.evaluate("e => getComputedStyle(e, '::before').content") == '"✔"'
    look.get_by_role("link").click()
    expect(page.get_by_text("The key occurs once.").first).to_be_visible()
    expect(page.get_by_text("recomputed from scratch").first).to_be_visible()
    page.get_by_text("Failed Only").click()
    expect(page.get_by_text("The key occurs once.").first).to_be_hidden()
    page.close()
    assert [url for url in asked if not url.startswith("file://")] == []
    assert missing == []
