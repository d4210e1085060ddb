"""A small colour font made on the spot, so that the task is tested on any machine."""

from pathlib import Path

import pytest
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from alignkit_emoji.catalogue import catalogue

EM = 1000
PALETTE = [((37 * i % 11) / 10, (53 * i % 7) / 6, (71 * i % 5) / 4, 1.0) for i in range(64)]
# Code points that the font has a picture for; flags are made of the regional letters.
LETTERS = range(0x1F1E6, 0x1F200)
FLAGS = ("DE", "FR", "NO", "BV", "SJ", "JP", "IT", "ES")
# As in large fonts, these three look the same.
TWINS = ("BV", "SJ")


def build_font(path: Path, points: list[int], colour: bool = True) -> Path:
    """Write a COLRv0 font with one rectangle per code point, each of its own size and colour."""
    flags = ["flag_" + name for name in FLAGS]
    names = {point: f"u{point:05X}" for point in sorted({*points, *LETTERS, 0x200D, 0xFE0F})}
    glyphs = [".notdef", *names.values(), *flags, "person_rocket"]
    font = FontBuilder(EM, isTTF=True)
    font.setupGlyphOrder([*glyphs, *(f"{glyph}.layer" for glyph in glyphs)])
    font.setupCharacterMap(names)
    shapes = {glyph: _rectangle(i) for i, glyph in enumerate(glyphs)}
    for twin in TWINS:
        shapes[f"flag_{twin}"] = shapes["flag_NO"]
    font.setupGlyf({**shapes, **{f"{glyph}.layer": shape for glyph, shape in shapes.items()}})
    silent = {"u0200D", "u0FE0F"}
    widths = {g: 0 if g in silent else EM for g in font.font.getGlyphOrder()}
    font.setupHorizontalMetrics({glyph: (width, 0) for glyph, width in widths.items()})
    font.setupHorizontalHeader(ascent=EM, descent=0)
    font.setupNameTable({"familyName": "Test Emoji", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=EM, usWinAscent=EM)
    font.setupPost()
    if colour:
        order = {glyph: i for i, glyph in enumerate(glyphs)}
        order.update({f"flag_{twin}": order["flag_NO"] for twin in TWINS})
        layers = {g: [(f"{g}.layer", i % len(PALETTE))] for g, i in order.items() if g != ".notdef"}
        font.setupCOLR(layers, version=0)
        font.setupCPAL([PALETTE])
    addOpenTypeFeaturesFromString(font.font, _ligatures(names))
    font.save(path)
    return path


def _rectangle(i: int):
    pen = TTGlyphPen(None)
    width, height = 300 + 37 * (i % 19), 300 + 41 * (i % 17)
    pen.moveTo((0, 0))
    for corner in ((0, height), (width, height), (width, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


def _ligatures(names: dict[int, str]) -> str:
    rules = []
    for flag in FLAGS:
        first, second = (names[0x1F1E6 + ord(letter) - ord("A")] for letter in flag)
        rules.append(f"sub {first} {second} by flag_{flag};")
    if {0x1F9D1, 0x1F680} <= set(names):
        rules.append("sub u1F9D1 u0200D u1F680 by person_rocket;")
    return "feature ccmp { " + " ".join(rules) + " } ccmp;"


@pytest.fixture(scope="session")
def single_points() -> list[int]:
    """Code points of thirty emoji of every large group, that are one code point each."""
    by_group: dict[str, list[int]] = {}
    for entry in catalogue():
        points = entry.characters.replace("\ufe0f", "")
        if entry.neutral and len(points) == 1 and ord(points) > 0x2000:
            by_group.setdefault(entry.group, []).append(ord(points))
    return [point for group, points in by_group.items() for point in points[:30]]


@pytest.fixture(scope="session")
def small_font(tmp_path_factory, single_points) -> Path:
    path = tmp_path_factory.mktemp("font") / "SmallColorEmoji.ttf"
    return build_font(path, [*single_points, 0x1F9D1, 0x1F680, 0x1F469])


@pytest.fixture(scope="session")
def build():
    """``build(path, points)`` writes a font."""
    return build_font
