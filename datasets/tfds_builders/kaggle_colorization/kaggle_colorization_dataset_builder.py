"""Kaggle's "Image Colorization" for TensorFlow Datasets: photographs of 224x224 pixels.

With the archive, downloaded by hand, in DIR::

    python -m datasets prepare tfds:kaggle_colorization --manual-dir DIR --out kaggle

builds it, and ``tfds:kaggle_colorization`` is a source then.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds

HOMEPAGE = "https://www.kaggle.com/datasets/shravankumar9892/image-colorization"
ARCHIVE = "image-colorization.zip"
GREY = "gray_scale.npy"
_COLOURS = re.compile(r"ab(\d+)\.npy")


class Builder(tfds.core.GeneratorBasedBuilder):
    """The builder ``kaggle_colorization``: features image, (H, W, 3) uint8, and its number.

    The archive holds ``l/gray_scale.npy``, (N, H, W) uint8, and ``ab/ab/ab1.npy``, ``ab2.npy`` and
    so on, (M, H, W, 2) uint8 each, which follow one another: L and ab of OpenCV's 8-bit Lab, which
    has already lost up to two code values of RGB. Kept as PNG, nothing more is lost.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Download {HOMEPAGE} (an account is needed) and put the zip file into manual_dir under the name
    {ARCHIVE}. It holds l/{GREY} and ab/ab/ab1.npy to ab3.npy. No checksum is published.
    """

    # As in lol_dataset_builder.py.
    code_path = tfds.core.Path(__file__)

    @property
    def archive(self) -> str:
        """Name of the file in manual_dir."""
        return ARCHIVE

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "index": tfds.features.Scalar(dtype=np.int64),
                }
            ),
            homepage=HOMEPAGE,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, Any]]]:
        return {"train": self._generate_examples(dl_manager.manual_dir / ARCHIVE)}

    def _generate_examples(self, archive: Any) -> Iterator[tuple[int, Any]]:
        with zipfile.ZipFile(archive) as files:
            names = {PurePosixPath(name).name: name for name in files.namelist()}
            colours = {int(m[1]): names[m[0]] for m in map(_COLOURS.fullmatch, names) if m}
            if GREY not in names or not colours:
                raise FileNotFoundError(f"it holds no {GREY}, or no ab1.npy")
            with files.open(names[GREY]) as grey:
                shape = _header(grey)
                index = 0
                for number in sorted(colours):
                    with files.open(colours[number]) as colour:
                        count, height, width, _ = _header(colour)
                        if (height, width) != shape[1:] or index + count > shape[0]:
                            raise ValueError(f"ab{number}.npy does not go with {GREY}")
                        for _ in range(count):
                            lab = np.dstack(
                                [_next(grey, (height, width, 1)), _next(colour, (height, width, 2))]
                            )
                            rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
                            yield index, {"image": rgb, "index": index}
                            index += 1


def _header(file: Any) -> tuple[int, ...]:
    """The shape of an .npy file of uint8, read up to its data: arrays are larger than memory."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else \
        np.lib.format.read_array_header_2_0  # fmt: skip
    shape, by_columns, kind = read(file)
    if by_columns or kind != np.uint8:
        raise ValueError(f"an array of {kind} in another order than expected")
    return tuple(shape)


def _next(file: Any, shape: tuple[int, ...]) -> np.ndarray:
    data = file.read(int(np.prod(shape)))
    return np.frombuffer(data, np.uint8).reshape(shape)
