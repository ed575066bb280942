"""What a network says of a picture in an input of its shape is what it says in the model's own size, cut out."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import Tiny

from deepmark.runtime import load_engine
from deepmark.runtime.bundle import Backend
from deepmark.runtime.input_fit import Fit
from deepmark.runtime.multi_inference import MultiInference
from deepmark.runtime.placed_heads import look


@pytest.mark.parametrize("backend", ["mnn", "onnxruntime"])
@pytest.mark.parametrize("flip", [False, True])
def test_heads_are_those_of_the_own_size_where_no_rim_is_near(tiny: Tiny, backend: Backend, *, flip: bool) -> None:
    """The network sees 7 pixels around a cell; so all but the outermost cells must agree, at each scale."""
    picture = np.random.default_rng(0).integers(0, 256, (120, 60, 3), np.uint8)

    def looks(fit: Fit) -> MultiInference:
        return MultiInference(flip=flip, scales=(0.5, 1.0), fit=fit)

    with load_engine(tiny.bundle, 1, backend) as engine:
        pairs = zip(look(engine, picture, looks("square")), look(engine, picture, looks("rect")), strict=True)
        for (square, rect), cells in zip(pairs, [(8, 8), (16, 8)], strict=True):
            assert rect.heads.hm.shape[1:] == cells  # own: 16 x 24
            assert rect.transform.scale == square.transform.scale
            top, left = ((own - side) // 2 for own, side in zip((16, 24), cells, strict=True))
            inside = np.s_[:, top + 1 : top + cells[0] - 1, left + 1 : left + cells[1] - 1]
            whole, shaped = square.heads.dense(), rect.heads.dense()
            for name in ("hm", "wh", "hps", "reg", "hm_hp", "hp_offset"):
                found, expected = getattr(shaped, name)[:, 1:-1, 1:-1], getattr(whole, name)[inside]
                np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)
