"""An evaluation on a video as a page and as a picture."""

from __future__ import annotations

import cv2
import numpy as np

from edge_demo.measure import results
from edge_demo.report import embedded, pages
from edge_demo.tasks.record import Task

from . import plots, report
from .evaluate_video import BASELINES, FILTERED, EvaluatedVideo

# What is drawn, each over frames.
_DRAWN = ("chroma_psnr", "flicker", "change_ratio")


def plot(found: EvaluatedVideo) -> bytes:
    """Chroma PSNR and the changes over frames, of every method, as PNG."""
    drawn = {}
    for metric in _DRAWN:
        having = {name: values[metric] for name, values in found.frames.items() if metric in values}
        if having:
            drawn[results.METRICS[metric].column] = having
    return plots.frames(drawn, f"{found.table['data']}: every frame")


def evaluation_html(found: EvaluatedVideo, task: Task) -> str:
    """The page of ``training evaluate --data video: --html``."""
    rows = found.table["rows"]
    measured = [metric for metric in results.METRICS if metric in rows[-1]["metrics"]]
    pixels = cv2.imdecode(np.frombuffer(plot(found), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    picture = embedded.image(
        np.asarray(pixels[..., ::-1], np.uint8), "figures over frames", smooth=True
    )
    return pages.page(
        f"{results.label(rows[-1])} on {found.table['images']} frames",
        [
            pages.Section("Over the frames", pages.figure(picture, _CAPTION)),
            *(report.section(metric, rows, "frames") for metric in measured),
            pages.Section("How to read it", pages.join(*map(pages.paragraph, _EXPLAINED))),
        ],
        lead="; ".join(results.verdicts(rows, task)),
    )


_CAPTION = (
    f"Pale: {BASELINES[0]} and {BASELINES[1]}. Blue: the model, each frame by itself. Orange: the "
    f"same held steady over time ({FILTERED})."
)
_EXPLAINED = (
    "The truth is each frame of the video at half size, where luma, halved, and chroma, as it is "
    "stored, have one sample each per pixel. It is brought to 4:2:0 and restored. PSNR and SSIM "
    "are of each frame, then averaged.",
    "Flicker is the change of the error from frame to frame, motion compensated, as a ratio to the "
    "truth's own change: lower is better, 0 is an error that moves with things, 1 is an error that "
    "trembles as much as the truth itself changes beyond its motion.",
    "The change against the truth's is the same of the result in place of the error: 1 is as "
    "lively as the truth, more is flicker. Less is steadier than the truth, as whatever "
    "smooths is; so it means little without the PSNR.",
    "Both figures are of the whole video: minimum and maximum are single frames against its mean.",
)
