"""Whoever sees little reads the pages: contrast by the Web Content Accessibility Guidelines 2.2, level AA.

Words have 4.5:1 to what they stand on, lines and controls 3:1 to what is beside them (1.4.3 and 1.4.11), light and
dark. Names of charts and the keyboard are tried in a browser, in tests/e2e/test_2_analysts.py.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import analytics
from analytics import charts
from analytics.views import stock

THEME = tomllib.loads((Path(analytics.__file__).parent / ".streamlit" / "config.toml").read_text())["theme"]
MODES = ("light", "dark")
WORDS, SHAPES = 4.5, 3.0
CAPTION_OPACITY = 0.6
"""Streamlit draws captions in the colour of text, at this opacity."""


def rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, opacity: float = 1.0) -> float:
    """Return the contrast of `one`, drawn with that opacity on `other`."""
    below = rgb(other)
    seen = tuple(opacity * above + (1 - opacity) * under for above, under in zip(rgb(one), below, strict=True))
    lighter, darker = sorted((luminance((seen[0], seen[1], seen[2])), luminance(below)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def grounds(mode: str) -> tuple[str, str]:
    """Return the background colours of the page, and of the sidebar, tables' heads and fields."""
    return THEME[mode]["backgroundColor"], THEME[mode]["secondaryBackgroundColor"]


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", MODES)
def test_words_can_be_read(mode: str) -> None:
    for ground in grounds(mode):
        assert contrast(THEME[mode]["textColor"], ground) >= WORDS
        assert contrast(THEME[mode]["textColor"], ground, CAPTION_OPACITY) >= WORDS
        assert contrast(charts.text_colour(mode), ground) >= WORDS
        assert contrast(charts.muted_colour(mode), ground) >= WORDS


@pytest.mark.parametrize("mode", MODES)
def test_controls_and_what_is_drawn_can_be_told_from_the_page(mode: str) -> None:
    page, _ = grounds(mode)
    drawn = {charts.BLUE, charts.GREEN, charts.AMBER, charts.VIOLET, charts.RED, charts.GREY}
    drawn |= {*stock.COLOURS, *THEME["chartCategoricalColors"], THEME[mode]["primaryColor"]}

    assert {colour: round(contrast(colour, page), 2) for colour in drawn if contrast(colour, page) < SHAPES} == {}
