"""LOL for TensorFlow Datasets: 500 pairs of pictures in low and in good light.

Wei et al., "Deep Retinex Decomposition for Low-Light Enhancement", BMVC 2018. With LOLdataset.zip,
downloaded by hand, in DIR::

    python -m datasets prepare tfds:lol --manual-dir DIR --out LOL

builds it and writes it out as a folder for ``pairs:LOL``; ``tfds:lol`` is a source then, too. Once
it is built and this module is imported, ``tfds.load("lol", as_supervised=True)`` gives (low, high),
too.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import tensorflow_datasets as tfds

ARCHIVE = "LOLdataset.zip"
# Split to its folder in the archive.
FOLDERS = {"train": "our485", "test": "eval15"}


class Builder(tfds.core.GeneratorBasedBuilder):
    """The builder ``lol``: features low and high, (H, W, 3) uint8, and name, the file's stem."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Download {ARCHIVE} from https://daooshee.github.io/BMVC2018website/ ("LOL dataset"), and put it
    into manual_dir as it is. It holds our485/low, our485/high, eval15/low and eval15/high.
    """

    # Stated, because TFDS 4.9.10 looks for it with importlib_resources, which it does not require
    # (https://github.com/tensorflow/datasets/issues/11212).
    code_path = tfds.core.Path(__file__)

    @property
    def archive(self) -> str:
        """Name of the file in manual_dir."""
        return ARCHIVE

    def _info(self) -> tfds.core.DatasetInfo:
        picture = {"shape": (None, None, 3), "encoding_format": "png"}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "low": tfds.features.Image(**picture),
                    "high": tfds.features.Image(**picture),
                    "name": tfds.features.Text(),
                }
            ),
            supervised_keys=("low", "high"),
            homepage="https://daooshee.github.io/BMVC2018website/",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[str, Any]]]:
        archive = dl_manager.manual_dir / ARCHIVE
        return {split: self._generate_examples(archive, name) for split, name in FOLDERS.items()}

    def _generate_examples(self, archive: Any, folder: str) -> Iterator[tuple[str, Any]]:
        # Not extracted: TFDS keeps what it extracted, and takes it again for a mended archive.
        with zipfile.ZipFile(archive) as files:
            names = map(PurePosixPath, files.namelist())
            # Zipped again by others, there may be a folder around all, and hidden files.
            lows = [
                path
                for path in names
                if path.parts[-3:-1] == (folder, "low")
                and path.suffix == ".png"
                and not path.name.startswith(".")
            ]
            if not lows:
                raise FileNotFoundError(f"it holds no pictures in {folder}/low")
            for low in sorted(lows):
                high = low.parents[1] / "high" / low.name
                pictures = {"low": files.read(str(low)), "high": files.read(str(high))}
                yield low.stem, {**pictures, "name": low.stem}
