"""The page says what the report says, fetches nothing, and runs nothing."""

import html
import re
from html.parser import HTMLParser

import pytest

from analytics_platform.adapters.report_html import render_html
from analytics_platform.core.reports import change_text, written
from tests.support.reports import HOSTILE, sample_report

_FETCHING = {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}


class Page(HTMLParser):
    """What a browser would find: tags with attributes, and texts by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def text() -> str:
    return render_html(sample_report())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_outside_the_page_is_fetched(text: str, page: Page) -> None:
    addresses = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in _FETCHING
    ]
    assert all(address.startswith("#") for address in addresses)
    assert all(name.startswith("#") for name in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text
    assert "http:" not in text
    assert "https:" not in text


def test_no_script_is_there_and_none_may_run(text: str, page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
    assert not [
        name
        for _, attributes in page.tags
        for name in attributes
        if name.startswith("on")
    ]
    assert "default-src 'none'" in text


def test_hostile_texts_are_shown_not_obeyed(text: str, page: Page) -> None:
    assert HOSTILE not in text
    assert HOSTILE in page.texts


def test_every_value_of_the_report_is_on_the_page(text: str) -> None:
    report = sample_report()
    shown = html.unescape(text.replace("<wbr>", ""))
    for headline in report.headlines:
        assert written(headline.value, headline.field, unit=True) in shown
        assert change_text(headline) in shown
    for section in report.sections:
        if section.table:
            for row in section.table.rows:
                for value, field in zip(row, section.table.fields, strict=True):
                    assert written(value, field) in shown


def test_every_figure_on_the_page_is_one_of_the_report(text: str) -> None:
    """Cells in their order are the values of the tables in theirs."""
    report = sample_report()
    expected = [
        written(value, field)
        for section in report.sections
        if section.table
        for row in section.table.rows
        for value, field in zip(row, section.table.fields, strict=True)
    ]
    assert _cells(text) == expected


def test_headings_anchors_and_labels_fit_together(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set((attributes.get(name) or "").split()) <= set(ids)
        address = attributes.get("href") or ""
        assert not address or address.removeprefix("#") in ids


def test_every_picture_has_words_and_its_values_in_a_table(page: Page) -> None:
    report = sample_report()
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    charts = [chart for section in report.sections for chart in section.charts]
    assert len(pictures) == len(charts)
    assert all(attributes.get("role") == "img" for attributes in pictures)
    for section in report.sections:
        if section.charts:
            assert section.table is not None


def test_a_section_without_rows_has_a_note(page: Page) -> None:
    assert "No data: the published snapshot has no rows for this section." in page.texts


def test_badge_data_date_snapshot_and_runs_are_printed(page: Page) -> None:
    for expected in (
        "Data quality: warning",
        "30 Apr 2024",
        "20240501T060000.000000Z-abc",
        "cd" * 32,
        "run-report",
        "run-publish",
        "run-train",
    ):
        assert expected in page.texts


def test_equal_reports_give_equal_bytes(text: str) -> None:
    assert render_html(sample_report()) == text


def test_the_page_is_made_for_dark_print_and_small_screens(text: str) -> None:
    for query in ("prefers-color-scheme: dark", "@media print", "max-width: 720px"):
        assert query in text


def _cells(text: str) -> list[str]:
    body = text[text.index("<main") : text.index("</main>")]
    found = re.findall(
        r'<(?:td|th scope="row")[^>]*>(.*?)</(?:td|th)>', body, flags=re.DOTALL
    )
    return [html.unescape(cell.replace("<wbr>", "")) for cell in found]
