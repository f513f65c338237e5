"""Tables of what the public commands measure: evaluate, benchmark, compare and their like.

Each function takes the JSON that a command wrote into ``docs/models`` or ``docs/results``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_demo import tasks
from edge_demo.errors import UserError
from edge_demo.measure.results import METRICS, label
from edge_demo.report.tables import markdown
from export.recipes import RECIPES, Recipe

from . import wording
from .wording import Json

# Most lines of a table of operations.
OPERATIONS = 24


def quality(found: Json) -> str:
    """What a preset's files reach beside the baselines; ``found`` is a table of schema 1."""
    task = tasks.first(found["task"])
    means = [
        (row, {key: value["mean"] for key, value in row["metrics"].items()})
        for row in found["rows"]
    ]
    floor = next(mean for row, mean in means if row["name"] == task.reference)
    headline = task.headline_metric
    measured = {name for _, mean in means for name in mean}
    others = [name for name in METRICS if name in measured and name != headline]

    def shown(mean: Mapping[str, float], metric: str) -> str:
        return f"{mean[metric]:.{METRICS[metric].digits}f}" if metric in mean else ""

    cells = [
        [
            f"`{label(row)}`" if row["kind"] == "model" else label(row),
            shown(mean, headline),
            f"{mean[headline] - floor[headline]:+.2f}",
            *(shown(mean, metric) for metric in others),
        ]
        for row, mean in means
    ]
    header = ["method", METRICS[headline].column, f"over {task.reference}, dB",
              *(METRICS[metric].column for metric in others)]  # fmt: skip
    siting = f", {found['siting']} siting" if "siting" in found else ""
    return (
        f"{markdown(header, cells)}\nMeans over {found['images']} photographs "
        f"(`{wording.data(found)}`){siting}.\n"
    )


def benchmark(found: Json) -> str:
    """Time and memory of the shipped files, and of which machine."""
    cells = []
    for row in found["rows"]:
        if row["kind"] != "model":
            continue
        if row["status"] != "ok":
            raise UserError(f"docs/results/benchmark.json: {label(row)} {row['status']}")
        times = row["latency_ms"]
        cells.append(
            [
                f"`{label(row)}`",
                f"{row['bytes'] / 1024:.0f}",
                *(_milliseconds(times[key]) for key in ("p50", "p90", "p99")),
                f"{row['peak_rss_bytes'] / 2**20:.0f}",
                str(times["threads"]),
            ]
        )
    header = ["file", "KiB", "p50 ms", "p90 ms", "p99 ms", "peak MiB", "threads"]
    timed = found["timed"]
    return (
        f"{markdown(header, cells)}\n"
        f"A picture of {timed['width']}x{timed['height']} on {wording.host(found['host'])}.\n"
    )


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def compare(found: Json) -> str:
    """What each file of a preset costs beside its float32."""
    whole = next(row for row in found["rows"] if row.get("recipe") == "float32")
    metric = tasks.first(found["task"]).headline_metric
    cells = []
    for row in found["rows"]:
        if row["kind"] != "model":
            continue
        if row["status"] != "ok":
            raise UserError(f"docs/results/compare.json: {label(row)} {row['status']}")
        times, drop = row["latency_ms"], row.get("drop")
        cells.append(
            [
                f"`{row['recipe']}`",
                f"{row['bytes'] / 1024:.0f}",
                f"{row['metrics'][metric]['mean']:.2f}",
                *((f"{drop['mean']:.2f}", f"{drop['max']:.2f}", f"{drop['share_over']:.0%}")
                  if drop else ("", "", "")),
                f"{times['p50']:.1f}",
                f"{whole['latency_ms']['p50'] / times['p50']:.1f}x",
                f"{row['peak_rss_bytes'] / 2**20:.0f}",
                f"{row['load_ms']:.0f}",
            ]
        )  # fmt: skip
    limit = f"{found['limit_db']:g}"
    header = ["recipe", "KiB", METRICS[metric].column, "drop, dB", "worst drop, dB",
              f"photographs over {limit} dB", "p50 ms", "speed", "peak MiB", "load ms"]  # fmt: skip
    timed = found["timed"]
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    return (
        f"{markdown(header, cells)}\n"
        f"`{whole['name']}`: quality over {found['images']} photographs ({found['data']}); "
        f"inference on a picture of {timed['width']}x{timed['height']} in {threads} on "
        f"{wording.host(found['host'])}.\n"
    )


def sensitivity(found: Json) -> str:
    """Which operations lose most in 8 bits."""
    lines = found["operations"][:OPERATIONS]
    total = sum(line["macs"] for line in found["operations"])
    cells = [
        [
            f"`{line['name']}`",
            line["kind"],
            # Adding zero makes a rounded -0.0 a 0.0.
            f"{round(line['gain_db'], 3) + 0.0:+.3f}",
            f"{line['snr_db']:.1f}",
            f"{line['macs'] / total:.1%}",
        ]
        for line in lines
    ]
    header = ["layer", "operation", "gain in floats, dB", "signal to error, dB", "share of work"]
    rest = len(found["operations"]) - len(lines)
    others = f"The other {rest} operations gain less. " if rest else ""
    return (
        f"{markdown(header, cells, text_columns=2)}\n{others}"
        f"8 bits lose {found['float_db'] - found['integer_db']:.2f} dB on these {found['tiles']} "
        "calibration tiles.\n"
    )


def pi(found: Json) -> str:
    """How far emulated boards are from x86-64, file by file."""
    boards = {entry["cpu"]: entry["board"] for entry in found["boards"]}
    names = sorted({(row["interpreter"], row["model"]) for row in found["rows"]})
    cells = []
    for interpreter, model in names:
        rows = {
            row["cpu"]: row
            for row in found["rows"]
            if (row["interpreter"], row["model"]) == (interpreter, model)
        }
        excused = any(row.get("wrong") is not None for row in rows.values())
        right = "ok, each operation" if excused else "ok"
        cells.append(
            [
                f"`{model}`",
                interpreter,
                *(f"{rows[cpu]['difference']:.2g}" for cpu in boards),
                "" if excused else f"{max(row['allowed'] for row in rows.values()):.2g}",
                _in_codes([row.get("picture_rms") for row in rows.values()]),
                right if all(row["ok"] for row in rows.values()) else "not ok",
            ]
        )
    header = ["file", "interpreter", *boards.values(), "allowed", "picture, codes", "verdict"]
    return (
        f"{markdown(header, cells, text_columns=2)}\n"
        f"Largest difference of the output, whose range is -1 to 1, and root mean square of the "
        f"picture's, on {len(boards)} boards emulated with {found['emulator']}.\n"
    )


def _in_codes(found: Sequence[float | None]) -> str:
    """The largest of differences of pictures, where they were measured."""
    known = [value for value in found if value is not None]
    return f"{max(known):.2g}" if known else ""


def recipes() -> str:
    """Every recipe of ``export``."""
    cells = [[f"`{recipe.name}`", recipe.summary, _needs(recipe)] for recipe in RECIPES]
    return markdown(["recipe", "what it stores", "needs"], cells, text_columns=3)


def _needs(recipe: Recipe) -> str:
    if recipe.trained:
        return "a run of `fit --qat`"
    return "photographs to calibrate on" if recipe.calibrated else "nothing"
