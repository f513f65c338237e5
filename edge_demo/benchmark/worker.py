"""One method's times, memory and quality, in a process of its own.

``python -m edge_demo.benchmark.worker`` reads one job as JSON on stdin and answers in lines of JSON
on stdout: ``{"done": N, "total": M, "unit": ...}`` while it measures, then ``{"result": ...}`` or
``{"error": WHY}``. Whatever else is printed, by C libraries too, goes to stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..device import restorers
from ..errors import UserError
from ..measure import quality, restoration
from ..measure.restoration import Method, Restoration
from ..model.interpreter import package_name
from ..model.tflite import TFLiteModel
from ..pictures.pairs import pairs
from ..pictures.photographs import photographs
from . import curve, host
from .curve import Run

# Done, in all, and of what.
Progress = Callable[[int, int, str], None]

STAGES = ("encode", "inference", "decode")
LEAST_RUNS = 20
TOLERANCE = 0.02
RULE = (
    f"The picture is run again until the two halves of its runs so far both have a p50 within "
    f"{TOLERANCE:.0%} of the p50 of all, which is looked at after {LEAST_RUNS} runs and each time "
    "their number has grown by a tenth, or until the time limit. Warm-up runs, at least one and "
    "for a twentieth of the limit, are not counted."
)


class StageClock:
    """A model behind the ``tiling.Runner`` protocol that times each stage, wall-clock.

    Encoding lasts from a tile's start to the graph's (cutting out, packing, quantising, copying
    in); decoding from the graph's end to the tile's (copying out, dequantising, placing).

    Attributes:
        seconds: by stage, of the picture since ``start``.
        tiles: of that picture.
    """

    def __init__(self, model: TFLiteModel) -> None:
        self._model = model
        self.tile, self.halo = model.tile, model.halo
        self.takes_codes = model.takes_codes
        self.start()

    def start(self) -> None:
        """Begin a picture."""
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.tiles = 0
        self._mark = time.perf_counter()

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """As the model does."""
        return self._model.fit(height, width)

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """One tile through the graph."""
        self._model.graph.set_inputs(values)
        self._end("encode")
        self._model.graph.invoke()
        self._end("inference")
        return self._model.graph.get_outputs()

    def tile_done(self, done: int, _total: int) -> None:
        """For the restorer's progress: a tile is in its place."""
        self._end("decode")
        self.tiles = done

    def _end(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] += now - self._mark
        self._mark = now


def spread(times: Sequence[float]) -> float:
    """How far the p50 of either half of the runs is from the p50 of all, as a fraction of it."""
    whole = float(np.median(times))
    middle = len(times) // 2
    halves = times[:middle], times[middle:]
    return max(abs(float(np.median(half)) - whole) for half in halves if half) / max(whole, 1e-9)


def repeat(once: Callable[[], Run], limit: float) -> Iterator[Run]:
    """Run ``once`` as ``RULE`` says; yields what each counted run returned.

    Args:
        once: one picture; its seconds by stage, ``inference`` among them.
        limit: seconds for everything, warm-up included; one run is counted even when it is over.
    """
    began = time.perf_counter()
    while True:
        once()
        if time.perf_counter() - began >= limit / 20:
            break
    times: list[float] = []
    check = LEAST_RUNS
    while True:
        stages = once()
        times.append(stages["inference"])
        yield stages
        if len(times) >= check:
            if spread(times) <= TOLERANCE:
                return
            check = math.ceil(len(times) * 1.1)
        if time.perf_counter() - began >= limit:
            return


def sustain(once: Callable[[], Run], limit: float) -> Iterator[Run]:
    """Run ``once`` for all of ``limit`` seconds, at least one time; yields what each returned."""
    began = time.perf_counter()
    while True:
        yield once()
        if time.perf_counter() - began >= limit:
            return


def latency(runs: Sequence[Run], threads: int) -> dict[str, Any]:
    """``latency_ms`` of the schema, of inference alone; with ``spread`` where it did not settle."""
    times = [stages["inference"] for stages in runs]
    p50, p90, p99 = (round(float(v) * 1e3, 4) for v in np.percentile(times, (50, 90, 99)))
    out = {"p50": p50, "p90": p90, "p99": p99, "runs": len(times), "threads": threads}
    if len(times) < LEAST_RUNS or spread(times) > TOLERANCE:
        out["spread"] = round(spread(times), 4)
    return out


def peak_rss_bytes() -> int:
    """Most memory that this process has held.

    ``getrusage`` is only the second choice: on Linux a child starts with the figure of the parent
    that spawned it.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def read_picture(restored: Restoration, path: Path) -> Any:
    """The degraded picture to time, as ``write_picture`` left it."""
    with np.load(path, allow_pickle=False) as arrays:
        return restored.unpack(arrays)


def write_picture(restored: Restoration, path: Path, picture: Any) -> None:
    """Leave a degraded picture for the workers, so that their memory holds nothing else."""
    np.savez(path, **restored.pack(picture))  # type: ignore[arg-type]


def samples(
    restored: Restoration, paths: Sequence[Path], low: Sequence[Path], siting: str | None
) -> Iterator[quality.Sample]:
    """Pictures to measure quality on; those that cannot be used are named on stderr.

    Args:
        restored: the task's.
        paths: of photographs; of pairs those in good light.
        low: of pairs those in low light, parallel to them; else empty.
        siting: of degraded photographs; None where the task has none.
    """
    if low:
        return quality.paired(pairs(list(zip(low, paths, strict=True))))
    return quality.degraded(restored, photographs(paths, halved=restored.halved), siting)


def measure(job: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Carry out a job.

    Args:
        job: ``kind`` (model or baseline), ``target`` (file or name), ``threads``, ``limit`` in
            seconds, ``sustained`` (a model's timing takes all of the limit), ``picture`` (file of
            the one to time), ``photographs`` (files), ``low`` (of pairs the files in low light,
            parallel to them; else empty), ``siting`` (None where the task has none) and ``task``.
        progress: told how far it is.

    Returns:
        Keys of a row: ``latency_ms`` (inference), ``picture_ms`` (p50 of all stages together),
        ``peak_rss_bytes``, ``during`` (see ``host.worst``), ``values`` (metric to one value a
        photograph), and of a model ``name``, ``recipe``, ``stages_ms``, ``load_ms``,
        ``first_picture_ms`` and ``tiles``; where sustained ``curve`` and ``sustained_ratio``.

    Raises:
        UserError: a file that cannot be used here.
    """
    threads = int(job["threads"])
    cv2.setNumThreads(threads)
    restored = restoration.of(job["task"])
    picture = read_picture(restored, Path(job["picture"]))
    if job["kind"] == "model":
        out, method, once = _begin_model(job, picture)
    else:
        out, method, once = _begin_baseline(restored, job, picture)
    limit = float(job["limit"])
    sustained = bool(job["sustained"]) and job["kind"] == "model"
    gathered = []
    for bin_ in curve.bins((sustain if sustained else repeat)(once, limit), host.state):
        gathered.append(bin_)
        if sustained:
            progress(min(round(bin_.seconds), round(limit)), round(limit), "seconds")
    runs = [run for bin_ in gathered for run in bin_.runs]
    out["latency_ms"] = latency(runs, threads)
    out["during"] = host.worst(bin_.state for bin_ in gathered) or None
    if sustained:
        # A drift is what this mode is to show, so it is no reason to distrust the rest.
        out["latency_ms"].pop("spread", None)
        out["curve"] = curve.points(gathered)
        out["sustained_ratio"] = curve.sustained_ratio(runs)
    pictures = [sum(run.values()) for run in runs]
    out["picture_ms"] = round(float(np.median(pictures)) * 1e3, 4)
    if job["kind"] == "model":
        out["stages_ms"] = {
            stage: round(float(np.median([run[stage] for run in runs])) * 1e3, 4)
            for stage in STAGES
        }
    # Before quality is measured: metrics need more memory than many a model.
    out["peak_rss_bytes"] = peak_rss_bytes()
    if job["photographs"]:
        paths, low = ([Path(path) for path in job[key]] for key in ("photographs", "low"))
        names, values = quality.evaluate(
            restored,
            samples(restored, paths, low, job["siting"]),
            {"method": method},
            lambda done: progress(done, len(paths), "photographs"),
        )
        if len(names) != len(paths):  # else values would stand for other photographs
            raise UserError("photographs changed while they were measured")
        out["values"] = values["method"]
    return out


_Begun = tuple[dict[str, Any], Method, Callable[[], Run]]


def _begin_model(job: dict[str, Any], picture: Any) -> _Begun:
    path = Path(job["target"])
    package_name()  # imports the interpreter, which is no part of loading a file
    began = time.perf_counter()
    model = TFLiteModel(path, int(job["threads"]))
    loaded = time.perf_counter() - began
    card = model.card.values
    if card["task"] != job["task"]:
        raise UserError(f"{path}: a model of the {card['task']} task, not of {job['task']}")
    clock = StageClock(model)
    # What restores here is timed on the way.
    timed = restorers.of_runner(clock, model.card.task, model.card.name, model.card)

    def once() -> Run:
        clock.start()
        timed.reconstruct(picture, clock.tile_done)
        return clock.seconds

    began = time.perf_counter()
    once()
    out = {
        "name": card.get("preset") or card["model"],
        "recipe": card["recipe"],
        "load_ms": round(loaded * 1e3, 3),
        "first_picture_ms": round((time.perf_counter() - began) * 1e3, 3),
        "tiles": clock.tiles,
    }
    return out, restorers.of_model(model).reconstruct, once


def _begin_baseline(restored: Restoration, job: dict[str, Any], picture: Any) -> _Begun:
    method = restored.baselines()[job["target"]]

    def once() -> Run:
        began = time.perf_counter()
        method(picture)
        return {"inference": time.perf_counter() - began}

    return {}, method, once


def main() -> int:
    """Answer one job."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    job = json.load(sys.stdin)

    def progress(done: int, total: int, unit: str) -> None:
        say({"done": done, "total": total, "unit": unit})

    try:
        say({"result": measure(job, progress)})
    except UserError as error:
        say({"error": str(error)})
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
