"""The values that streams can show: colours, and for captions also materials."""

from __future__ import annotations

# For a stream that does not carry the value: a grey shape, a caption that says "plain".
HIDDEN = -1
HIDDEN_WORD = "plain"

PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (215, 35, 40),
    "green": (40, 150, 60),
    "blue": (45, 75, 220),
    "yellow": (240, 220, 40),
    "purple": (130, 45, 165),
    "orange": (240, 135, 25),
    "cyan": (60, 205, 215),
    "pink": (245, 140, 195),
    "brown": (115, 70, 30),
    "white": (252, 252, 252),
    "black": (8, 8, 8),
    "lime": (160, 235, 60),
}
COLOURS = tuple(PALETTE)
GREY = (128, 128, 128)

MATERIALS = (
    "wooden",
    "glass",
    "iron",
    "paper",
    "stone",
    "woollen",
    "wax",
    "clay",
    "silver",
    "rubber",
    "leather",
    "plastic",
)
