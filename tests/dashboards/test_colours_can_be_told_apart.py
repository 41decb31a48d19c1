"""Every pair of colours seen as by people with each kind of colour vision, and every colour on both backgrounds.

How colours look without one kind of cone: Machado, Oliveira and Fernandes 2009, full severity; distances in CIE Lab (1976);
contrast as in WCAG 2, which asks for 3 where a shape or a line has to be seen.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from studyscope_dashboards.palette import CYCLE, STATE_COLOURS, STATE_WORDS
from studyscope_dashboards.site_map import SIGNS

VISION = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.95047, 1.0, 1.08883])
BACKGROUNDS = {"light": "#FFFFFF", "dark": "#181B1F"}
FAR_ENOUGH = 15.0
"""About six times what can just be seen side by side."""

Numbers = NDArray[np.float64]


def linear(colour: str) -> Numbers:
    share = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(light: Numbers) -> Numbers:
    ratio = TO_XYZ @ np.clip(light, 0, 1) / WHITE
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("vision", VISION)
def test_every_pair_of_colours_is_told_apart(vision: str) -> None:
    for one, other in combinations(dict.fromkeys((*CYCLE, *STATE_COLOURS.values())), 2):
        seen = [lab(VISION[vision] @ linear(colour)) for colour in (one, other)]
        assert float(np.linalg.norm(seen[0] - seen[1])) > FAR_ENOUGH, (one, other)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_colour_is_seen_on_light_and_on_dark(background: str) -> None:
    for colour in (*CYCLE, *STATE_COLOURS.values()):
        assert contrast(colour, BACKGROUNDS[background]) >= 3, colour


def test_a_state_is_told_by_a_sign_and_a_word_and_not_by_its_colour_alone() -> None:
    signs = [words.split(" ", 1)[0] for words in STATE_WORDS.values()]

    assert STATE_WORDS.keys() == STATE_COLOURS.keys()
    assert len(set(signs)) == len(signs)
    assert len(set(STATE_COLOURS.values())) == len(STATE_COLOURS)


def test_every_state_has_a_sign_of_its_own_on_the_map() -> None:
    assert SIGNS.keys() == STATE_COLOURS.keys()
    assert len({(sign.marker, sign.size) for sign in SIGNS.values()}) == len({sign.text for sign in SIGNS.values()}) == len(SIGNS)
