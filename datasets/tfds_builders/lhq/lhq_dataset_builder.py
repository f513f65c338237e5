"""Landscapes HQ for TensorFlow Datasets: 90,000 photographs of nature.

Skorokhodov et al., "Aligning Latent and Image Spaces to Connect the Unconnectable", ICCV 2021. With
the archive, downloaded by hand, in DIR::

    python -m datasets prepare tfds:lhq --manual-dir DIR --out lhq

builds it, and ``tfds:lhq`` is a source then. ``tfds:lhq/1024_jpg`` is the same in 1024x1024.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import tensorflow_datasets as tfds

HOMEPAGE = "https://github.com/universome/alis/blob/master/lhq.md"
# Configuration to what TFDS is told of it: the side in pixels, and how pictures are stored.
SIZES = {"256": (256, "png"), "1024_jpg": (1024, "jpeg")}


class Builder(tfds.core.GeneratorBasedBuilder):
    """The builder ``lhq``: features image, (side, side, 3) uint8, and name, the file's stem.

    ``256``, the default, has PNG files. Those of ``1024_jpg`` are JPEG; where they store their
    colour at half the resolution, readers here halve them.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}  # noqa: RUF012
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=name, description=f"{side}x{side} pixels, {kind.upper()}")
        for name, (side, kind) in SIZES.items()
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Download LHQ256 or LHQ1024_jpg from {HOMEPAGE} (links are on that page), and put the zip file
    into manual_dir under the name lhq_256.zip or lhq_1024_jpg.zip. No checksum is published.
    """

    # As in lol_dataset_builder.py.
    code_path = tfds.core.Path(__file__)

    @property
    def archive(self) -> str:
        """Name of the file in manual_dir."""
        return f"lhq_{self.builder_config.name}.zip"

    def _info(self) -> tfds.core.DatasetInfo:
        side, kind = SIZES[self.builder_config.name]
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(side, side, 3), encoding_format=kind),
                    "name": tfds.features.Text(),
                }
            ),
            homepage=HOMEPAGE,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[str, Any]]]:
        return {"train": self._generate_examples(dl_manager.manual_dir / self.archive)}

    def _generate_examples(self, archive: Any) -> Iterator[tuple[str, Any]]:
        endings = (".png",) if self.builder_config.name == "256" else (".jpg", ".jpeg")
        with zipfile.ZipFile(archive) as files:
            names = [
                path
                for path in map(PurePosixPath, files.namelist())
                if path.suffix.lower() in endings
                and not path.name.startswith(".")
                and "__MACOSX" not in path.parts
            ]
            if not names:
                raise FileNotFoundError(f"it holds no {endings[0]} files")
            for path in sorted(names):
                yield path.stem, {"image": files.read(str(path)), "name": path.stem}
