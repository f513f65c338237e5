"""Augmentation with albumentations.

The copies are geometric only, because colour is what is trained. They are made once, when
photographs are cut into cells, so no Python runs in a training step.
"""

from __future__ import annotations

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray


def transform(least_side: int, seed: int) -> A.Compose:
    """Scale 0.5 to 0.95 by area, sometimes rotate and shift, flip.

    Scaling only reduces: an enlarged photograph holds no chroma detail at its own pixels.
    """
    return A.Compose(
        [
            A.RandomScale((-0.5, -0.05), interpolation=cv2.INTER_AREA, p=1.0),
            A.Affine(
                translate_percent=(-0.05, 0.05),
                rotate=(-20, 20),
                interpolation=cv2.INTER_CUBIC,
                border_mode=cv2.BORDER_REFLECT_101,
                p=0.3,
            ),
            A.HorizontalFlip(p=0.5),
            A.PadIfNeeded(least_side, least_side, border_mode=cv2.BORDER_REFLECT_101),
        ],
        seed=seed,
    )


def copies(
    rgb: NDArray[np.uint8], count: int, least_side: int, seed: int
) -> list[NDArray[np.uint8]]:
    """``count`` augmented versions of a photograph (H, W, 3), each at least ``least_side``."""
    augment = transform(least_side, seed)
    return [augment(image=rgb)["image"] for _ in range(count)]


def colours(rgb: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """A picture (H, W, 3) in another light: brightness, contrast and saturation varied by 40 %."""
    vary = A.Compose([A.ColorJitter(0.4, 0.4, 0.4, 0.0, p=1.0)], seed=seed)
    return np.asarray(vary(image=rgb)["image"], np.uint8)


def random_crop(side: int, seed: int) -> A.Compose:
    """A square of a picture, mirrored, turned, and lighter or darker: what generators draw."""
    return A.Compose(
        [
            A.RandomCrop(side, side, pad_if_needed=True),
            A.HorizontalFlip(p=0.5),
            A.RandomRotate90(p=0.5),
            A.RandomBrightnessContrast(p=0.3),
        ],
        seed=seed,
    )
