"""Cloth."""

from __future__ import annotations

import numpy as np
import pytest

from deepmark.models.datasets.drawings.textures import PATTERNS, Material, Threads, cloth, random_material

PALETTE = np.array([(0, 0, 0), (250, 0, 0), (0, 250, 0), (0, 0, 250)], np.float32)


def _threads(height: int = 40, width: int = 60) -> Threads:
    unit = np.float32(40)
    u, v = np.meshgrid(np.arange(width, dtype=np.float32) / unit, np.arange(height, dtype=np.float32) / unit)
    return Threads(u, v)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_gives_colours_of_its_palette(pattern: str) -> None:
    material = Material(pattern, PALETTE, period=0.2, share=0.5, angle=0.3, grain=0.0, seed=5)
    colours = cloth(material, _threads())
    assert colours.shape == (3, 40, 60)
    assert -1 <= colours.min() <= colours.max() <= 251
    assert pattern in {"plain", "knit", "ribbed"} or colours.std() > 5  # those only shade their black ground


def test_a_material_looks_the_same_wherever_it_is_painted() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        material = random_material(rng)
        np.testing.assert_array_equal(cloth(material, _threads()), cloth(material, _threads()))


def test_stripes_repeat_after_a_period() -> None:
    material = Material("stripes", PALETTE, period=0.5, share=0.5, angle=0.0, grain=0.0, seed=0)
    colours = cloth(material, _threads(40, 4))
    np.testing.assert_array_equal(colours[:, :20], colours[:, 20:])
    assert (colours[0, :, 0] > 0).sum() == 20
