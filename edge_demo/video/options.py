"""What ``python -m edge_demo run`` must know of videos before there is one; nothing is loaded."""

from __future__ import annotations

import argparse

from ..device import temporal
from ..errors import UserError

# What ``run`` takes for a video by its name. A file's content decides how it is read.
EXTENSIONS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts",
              ".mts", ".3gp", ".wmv", ".flv", ".ogv", ".y4m", ".vob", ".mxf", ".dv", ".ivf",
              ".h264", ".264", ".h265", ".265", ".hevc", ".asf", ".3g2", ".divx", ".rm",
              ".rmvb", ".f4v", ".m2v", ".mjpeg", ".mjpg")  # fmt: skip
# What a video can be written by, and what each extension has where nothing is said.
CODECS = ("ffv1", "h264", "hevc")
DEFAULTS = {".mkv": "ffv1", ".mp4": "h264", ".mov": "h264"}
# How good is good: what x264 and x265 call CRF.
CRF = range(52)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a video; None stands for the default, so that a picture can refuse them."""
    usual = ", ".join(f"{name} for {suffix}" for suffix, name in DEFAULTS.items())
    parser.add_argument("--codec", metavar="|".join(CODECS),
                        help=f"of a video; default: {usual}")  # fmt: skip
    parser.add_argument("--crf", type=int, metavar=f"{CRF[0]}..{CRF[-1]}",
                        help="write a smaller video by h264 or hevc that loses something; "
                        "default: lossless")  # fmt: skip
    parser.add_argument("--temporal", type=float, metavar="0..1",
                        help="how far what is restored in a video is held steady over time; "
                        f"default: {temporal.STRENGTH:g}, 0: each frame by itself")  # fmt: skip


def refuse_options(options: argparse.Namespace) -> None:
    """Raise UserError for an option of a video where the input is none."""
    for name in ("codec", "crf", "temporal"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} is of a video; {options.input} is none")
