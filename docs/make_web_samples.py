"""Makes the samples of the web studio: ``python docs/make_web_samples.py``.

All are NASA's portrait of Eileen Collins (public domain), as scikit-image ships it: with chroma of
4:2:0, in grey, and darkened as a camera in low light would have taken it.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import skimage.data  # noqa: E402

from edge_demo.tasks import enhance  # noqa: E402

FOLDER = ROOT / "edge_demo" / "web" / "samples"
_SEED = 0
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]
_HALF = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
_FULL = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def main() -> None:
    """Write the three files."""
    photograph = skimage.data.astronaut()
    bgr = np.ascontiguousarray(photograph[..., ::-1])
    dark = np.ascontiguousarray(enhance.degrade(photograph, _SEED)[..., ::-1])
    for name, picture, sampling in (
        ("chroma", bgr, _HALF),
        ("colorize", cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), []),
        ("enhance", dark, _FULL),
    ):
        path = FOLDER / f"{name}.jpg"
        done, data = cv2.imencode(".jpg", picture, [*_QUALITY, *sampling])
        assert done
        path.write_bytes(data.tobytes())
        print(f"wrote {path.relative_to(ROOT)} ({len(data) / 1024:.0f} KiB)")


if __name__ == "__main__":
    main()
