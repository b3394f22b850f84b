"""Draws curves as SVG. Equal figures give equal files. They have a light background on every page."""

from __future__ import annotations

from pathlib import Path

import leather
from leather import theme

from bench.results import Picture

FOLDER = "curves"
_WIDTH, _HEIGHT = 640, 360
_FONT = "system-ui, sans-serif"
_COLOURS = ("#1f5fbf", "#c2410c", "#15803d", "#7e22ce")
"""On white each has a contrast of 4.5 and more."""
_DARK = "#333"


def file_name(picture: Picture) -> str:
    """Return the name of the picture's file, relative to the page."""
    return f"{FOLDER}/{picture.name}.svg"


def draw(picture: Picture, folder: Path) -> None:
    """Draw the picture to a file below `folder`. Only this function writes such files."""
    for name in ("title_font_family", "legend_font_family", "axis_title_font_family", "tick_font_family"):
        setattr(theme, name, _FONT)
    for name in ("axis_title_color", "label_color", "legend_color"):
        setattr(theme, name, _DARK)
    theme.background_color = "#ffffff"
    chart = leather.Chart(picture.title)
    across = [x for line in picture.lines for x, _ in line.points]
    up = [y for line in picture.lines for _, y in line.points]
    chart.add_x_scale(0, max(across))
    chart.add_y_scale(0, max(up) * 1.05)
    chart.add_x_axis(name=picture.across)
    chart.add_y_axis(name=picture.up)
    for line, colour in zip(picture.lines, _COLOURS, strict=False):
        chart.add_line(list(line.points), name=line.name, stroke_color=colour)
    path = folder / file_name(picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.to_svg(str(path), width=_WIDTH, height=_HEIGHT)
