"""What a data engineer sees in Dagster's pages, in a real Chromium."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from cryptoflow_tests.running_platform import RunningPlatform
from cryptoflow_tests.waiting import wait_for

PAGE_MILLISECONDS = 60_000


def open_page(browser: Browser, platform: RunningPlatform, path: str) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PAGE_MILLISECONDS)
    expect.set_options(timeout=PAGE_MILLISECONDS)
    page.goto(platform.endpoints["dagster_url"] + path)
    return page


def test_the_catalog_page_says_what_it_is_and_that_it_is_well(browser: Browser, platform: RunningPlatform) -> None:
    wait_for(
        lambda: platform.rows("SELECT 1 FROM ops.collection_status WHERE status = 'completed'"),
        seconds=120,
        what="the catalog is collected",
    )
    page = open_page(browser, platform, "/assets/asset_catalog")
    expect(page.get_by_text("Every asset that any provider was seen to list").first).to_be_visible()
    expect(page.get_by_text("market-data").first).to_be_visible()
    expect(page.get_by_text("market.assets").first).to_be_visible()
    expect(page.get_by_text("Surrogate key; never reused.").first).to_be_visible()
    expect(page.get_by_text("Latest materialization").first).to_be_visible()
    assert page.get_by_text("Join the Dagster community").count() == 0
    page.close()


def test_the_daemons_page_shows_them_running(browser: Browser, platform: RunningPlatform) -> None:
    page = open_page(browser, platform, "/deployment/daemons")
    expect(page.get_by_text("Run queue").first).to_be_visible()
    expect(page.get_by_text("Monitoring").first).to_be_visible()
    expect(page.get_by_text("Not running")).to_have_count(0)
    page.close()
