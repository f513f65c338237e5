"""Meaning and skin: what the figures say of pictures whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from edge_demo.colour.lab import lab_to_rgb
from edge_demo.colour.ycbcr import round_to_uint8
from studies import colour_meaning


def plain(lightness: float, a: float, b: float) -> np.ndarray:
    lab = np.full((32, 32, 3), (lightness, a, b), np.float32)
    return round_to_uint8(lab_to_rgb(lab))


def test_skin_is_off_by_its_hue_and_strength() -> None:
    skin = plain(65, 15, 18)
    assert colour_meaning.skin_error(skin, skin) == pytest.approx((0.0, 0.0, 1.0))
    turned = plain(65, -18, 15)  # a quarter of a turn
    delta, hue, strength = colour_meaning.skin_error(turned, skin)
    assert delta > 15 and hue == pytest.approx(90, abs=3) and strength == pytest.approx(1, abs=0.05)
    pale = colour_meaning.skin_error(plain(65, 7.5, 9), skin)
    assert pale[1] is not None and pale[1] < 3 and pale[2] == pytest.approx(0.5, abs=0.03)
    # Grey has no hue to be off.
    assert colour_meaning.skin_error(plain(65, 0, 0), skin)[1] is None


def test_classes_are_those_of_the_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a classifier that sees whether a picture is red, and one model that makes all red."""
    for name in ("astronaut", "coffee", "chelsea"):
        rgb = cv2.resize(getattr(skimage.data, name)(), (64, 48))
        rgb[..., 0] = 255
        cv2.imwrite(str(tmp_path / f"{name}.png"), rgb[..., ::-1])

    def likely(rgb: np.ndarray) -> np.ndarray:
        red = float((rgb[..., 0].astype(int) - rgb[..., 2]).mean() > 20)
        return np.array([0.9 - 0.8 * red, 0.1 + 0.8 * red])

    def reddened(rgb: np.ndarray) -> np.ndarray:
        return np.dstack(
            [np.full(rgb.shape[:2], 255, np.uint8), rgb[..., 1] // 2, rgb[..., 2] // 2]
        )

    monkeypatch.setattr(colour_meaning, "classifier", lambda _: likely)
    monkeypatch.setattr(
        colour_meaning, "methods", lambda: {"grey": colour_meaning._grey, "red.r1": reddened}
    )
    file = tmp_path / "found.json"
    words = ["classes", f"folder:{tmp_path}", "--classifier", "x.npz", "--json", str(file)]
    assert colour_meaning.main(words) == 0
    found = json.loads(file.read_text())
    assert [row["same"] for row in found["rows"]] == [0.0, 1.0]
    assert [row["chance"] for row in found["rows"]] == pytest.approx([0.1, 0.9])
    assert "| `red.r1` | 1.000 | +100% | 0.900 |" in colour_meaning.table(found)
    assert colour_meaning.main(["skin", f"folder:{tmp_path}", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert found["rows"][0]["chroma"] < 0.1 < found["rows"][1]["chroma"]
    assert "| grey | " in colour_meaning.table(found)


def test_classes_need_a_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        colour_meaning.main(["classes", "folder:x"])
    assert "--classifier" in capsys.readouterr().err
