"""Fill the marked tables of the pages from measured results: ``python -m studies pages``.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. NAME is a preset, with a
siting where its task has such; ``benchmark``, ``compare``, ``pi``, ``quantisation``,
``sensitivity`` or ``tiles``, of chroma or followed by another task; ``video`` or ``colour``,
followed by what was measured; or ``recipes``. What it shows is read from ``docs/models``,
``docs/results`` and ``export/recipes.py``; nobody types a figure.


``sensitivity`` or ``tiles``, of chroma or followed by another task; ``video`` followed by what was
measured; ``web``; one of ``scale_tables.TABLES``; or ``recipes``. What it shows is read from
``docs/models``, ``docs/results`` and ``export/recipes.py``; nobody types a figure.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_demo import tasks
from edge_demo.errors import UserError
from edge_demo.measure.results import METRICS, label
from export.recipes import RECIPES, Recipe

from . import scale_tables
from .command import ROOT, command_line

Json = Mapping[str, Any]

# Most lines of a table of operations.
_OPERATIONS = 24
BLOCK = re.compile(r"(<!-- table: ([^>]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def pages(root: Path) -> list[Path]:
    """The pages that people write; ``docs/models`` is generated whole."""
    written = sorted((root / "docs").glob("*.md"))
    return [root / "README.md", *written, root / "edge_demo" / "README.md"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """A Markdown table; all columns but the first few are aligned on the right."""
    rule = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, rule, *rows))


def quality(found: Json) -> str:
    """What a preset's files reach beside the baselines; ``found`` is a table of schema 1."""
    task = tasks.record(found["task"])
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
    source = found["data"].partition(":")[2] or found["data"]
    siting = f", {found['siting']} siting" if "siting" in found else ""
    return (
        f"{table(header, cells)}\nMeans over {found['images']} photographs (`{source}`){siting}.\n"
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
        f"{table(header, cells)}\n"
        f"A picture of {timed['width']}x{timed['height']} on {host(found['host'])}.\n"
    )


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def host(found: Json) -> str:
    """A machine in one line."""
    name = found.get("board") or found.get("cpu") or found["architecture"]
    governor = f", governor {found['governor']}" if "governor" in found else ""
    system = found["os"].partition(",")[0]  # without the kernel's version
    return (
        f"{name}, {found['cores']} cores{governor}, {system}, Python {found['python']}, "
        f"{found['interpreter']}"
    )


def quantisation(found: Json) -> str:
    """What 8 bits cost, by who quantises and how."""
    whole = found["rows"][0]["chroma_psnr"]
    cells = [
        [row["kind"], f"{row['chroma_psnr']:.2f}", f"{row['chroma_psnr'] - whole:+.3f}"]
        for row in found["rows"]
    ]
    used = found["calibration"]
    return (
        f"{table(['network', 'chroma PSNR, dB', 'against float32, dB'], cells)}\n"
        f"`{found['preset']}`: means over {found['images']} photographs ({found['data']}), "
        f"calibrated on {used['tiles']} tiles of {used['photographs']} others.\n"
    )


def compare(found: Json) -> str:
    """What each file of a preset costs beside its float32."""
    whole = next(row for row in found["rows"] if row.get("recipe") == "float32")
    metric = tasks.record(found["task"]).headline_metric
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
        f"{table(header, cells)}\n"
        f"`{whole['name']}`: quality over {found['images']} photographs ({found['data']}); "
        f"inference on a picture of {timed['width']}x{timed['height']} in {threads} on "
        f"{host(found['host'])}.\n"
    )


def sensitivity(found: Json) -> str:
    """Which operations lose most in 8 bits."""
    lines = found["operations"][:_OPERATIONS]
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
        f"{table(header, cells, text_columns=2)}\n{others}"
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
        cells.append(
            [
                f"`{model}`",
                interpreter,
                *(f"{rows[cpu]['difference']:.2g}" for cpu in boards),
                f"{max(row['allowed'] for row in rows.values()):.2g}",
                "ok" if all(row["ok"] for row in rows.values()) else "not ok",
            ]
        )
    header = ["file", "interpreter", *boards.values(), "allowed", "verdict"]
    return (
        f"{table(header, cells, text_columns=2)}\n"
        f"Largest difference of the output, whose range is -1 to 1, on {len(boards)} boards "
        f"emulated with {found['emulator']}.\n"
    )


def tiles(found: Json) -> str:
    """How long a picture takes at each size of tile."""
    cells = [[str(row["tile"]), f"{row['picture_ms']:.0f}"] for row in found["rows"]]
    width, height = found["size"]
    return (
        f"{table(['tile, pixels a side', 'ms a picture'], cells, text_columns=0)}\n"
        f"A picture of {width}x{height}, `{found['model']}`, {found['threads']} threads, "
        f"encoding and decoding included, on {host(found['host'])}.\n"
    )


def bitrate(found: Json) -> str:
    """Chroma PSNR of each method on JPEGs of each quality; models as gains over bilinear."""
    names = list(found["rows"][0]["chroma_psnr"])
    floor, others = names[0], names[1:]
    cells = []
    for row in found["rows"]:
        psnr = row["chroma_psnr"]
        gains = [f"{psnr[name] - psnr[floor]:+.2f}" for name in others]
        cells.append([str(row["quality"]), f"{psnr[floor]:.2f}", *gains])
    header = ["quality", f"{floor}, dB", *(f"`{n}`" if "." in n else n for n in others)]
    source = found["data"].partition(":")[2]
    return (
        f"{table(header, cells, text_columns=0)}\nChroma PSNR of {floor}, and what others have "
        f"over it, dB; means over {found['images']} photographs (`{source}`).\n"
    )


def detail(found: Json) -> str:
    """How far from the truth, and how sharp, at each amount of detail."""
    rows = found["rows"]
    floor = rows[0]["metrics"]["chroma_psnr"]["mean"]
    shown = ("chroma_psnr", "chroma_ssim", "chroma_sharpness")
    cells = []
    for row in rows:
        mean = {metric: row["metrics"][metric]["mean"] for metric in shown}
        cells.append([
            f"`{label(row)}`" if row["kind"] == "model" else label(row),
            f"{row['detail']:g}" if "detail" in row else "",
            f"{mean['chroma_psnr']:.2f}",
            f"{mean['chroma_psnr'] - floor:+.2f}",
            f"{mean['chroma_ssim']:.4f}",
            f"{mean['chroma_sharpness']:.3f}",
        ])  # fmt: skip
    header = ["method", "detail", "chroma PSNR, dB", f"over {rows[0]['name']}, dB",
              METRICS["chroma_ssim"].column, METRICS["chroma_sharpness"].column]  # fmt: skip
    source = found["data"].partition(":")[2]
    return (
        f"{table(header, cells)}\nMeans over {found['images']} photographs (`{source}`), "
        f"{found['siting']} siting.\n"
    )


def video(found: Json) -> str:
    """What was measured on video: an evaluation, or a part of ``video.py``."""
    if "what" not in found:
        return _video_quality(found)
    shown: dict[str, Callable[[Json], str]] = {
        "filters": _video_filters,
        "coding": _video_coding,
        "sizes": _video_sizes,
        "speed": _video_speed,
    }
    return shown[found["what"]](found)


def _video_quality(found: Json) -> str:
    """Methods on a video; ``found`` is a table of schema 1."""
    rows = found["rows"]
    floor = rows[0]["metrics"]["chroma_psnr"]["mean"]
    cells = []
    for row in rows:
        measured = row["metrics"]
        psnr = measured["chroma_psnr"]
        name = f"`{label(row)}`" if row["kind"] == "model" else label(row)
        others = ("rgb_psnr", "chroma_ssim", "rgb_ssim", "flicker", "change_ratio")
        cells.append(
            [
                name,
                *(f"{psnr[key]:.2f}" for key in ("mean", "min", "max")),
                f"{psnr['mean'] - floor:+.2f}",
                *(f"{measured[one]['mean']:.{METRICS[one].digits}f}" for one in others),
            ]
        )
    header = ["method", "chroma PSNR, dB", "least", "most", f"over {rows[0]['name']}, dB",
              "RGB PSNR, dB", "chroma SSIM", "RGB SSIM", "flicker", "change"]  # fmt: skip
    source = found["data"].partition(":")[2]
    return (
        f"{table(header, cells)}\n{found['images']} frames of `{source}`, halved; "
        f"{found['siting']} siting, filter {found['temporal']:g}.\n"
    )


def _video_filters(found: Json) -> str:
    """Filters over time, side by side for each video."""
    clips = found["clips"]
    cells = [
        [
            rows[0]["name"],
            *(
                text
                for row in rows
                for text in (f"{row['chroma_psnr']:.2f}", f"{row['flicker']:.3f}",
                             f"{row['change_ratio']:.3f}")
            ),
        ]
        for rows in zip(*(clip["rows"] for clip in clips), strict=True)
    ]  # fmt: skip
    header = ["filter"]
    for clip in clips:
        header += [f"{clip['name']}: chroma PSNR, dB", "flicker", "change"]
    frames = ", ".join(f"{clip['frames']} of {clip['name']}" for clip in clips)
    return f"{table(header, cells)}\n`{found['model']}`; frames: {frames}.\n"


def _video_coding(found: Json) -> str:
    """How the network does on planes that are coded as video's are."""
    cells = [
        [row["name"], f"{row['bilinear']:.2f}", f"{row['model']:.2f}",
         f"{row['model'] - row['bilinear']:+.2f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["planes", "bilinear, dB", "model, dB", "gain, dB"]
    source = found["data"].partition(":")[2] or found["data"]
    return (
        f"{table(header, cells)}\n`{found['model']}`: chroma PSNR against unrounded truth, means "
        f"over {found['images']} photographs (`{source}`), left siting.\n"
    )


def _video_sizes(found: Json) -> str:
    """How large a network a board can be given; what is no measurement is called an estimate."""
    cells = [
        [f"`{row['name']}`", f"{row['giga_macs']:.1f}", f"{row['chroma_psnr']:.2f}",
         f"{1e3 / row['ms']:.1f}", f"{row['fps_pi_4']:.1f}", f"{row['fps_pi_5']:.1f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["graph", "GMAC a frame", "chroma PSNR, dB", "frames a second here",
              "Raspberry Pi 4, estimate", "Raspberry Pi 5, estimate"]  # fmt: skip
    width, height = found["size"]
    return (
        f"{table(header, cells)}\nThe graphs alone. A frame of {width}x{height}, "
        f"{found['threads']} threads, medians of {found['rounds']} alternating rounds, on "
        f"{host(found['host'])}; chroma PSNR on `{found['rows'][0]['data']}`.\n"
    )


def _video_speed(found: Json) -> str:
    """Frames a second, and where the time goes."""
    stages = ("read", "network", "filter", "rest", "write")
    cells = [
        [row["name"], f"{row['fps']:.2f}", f"{row['ms']['all']:.0f}",
         *(f"{row['ms'][key] / row['ms']['all']:.0%}" for key in stages), f"{row['ms']['cpu']:.0f}"]
        for row in found["rows"]
    ]  # fmt: skip
    graph = found["graph_ms"]
    cells.append(["the graph alone", f"{1e3 / graph['all']:.2f}", f"{graph['all']:.0f}",
                  "", "100%", "", "", "", f"{graph['cpu']:.0f}"])  # fmt: skip
    header = ["written as", "frames a second", "ms a frame", *stages, "processor ms a frame"]
    width, height = found["size"]
    return (
        f"{table(header, cells)}\nA frame of {width}x{height}, `{found['model']}`, "
        f"{found['threads']} threads, medians of {found['rounds']} alternating rounds of "
        f"{found['frames']} frames, on {host(found['host'])}.\n"
    )


def colour(found: Json) -> str:
    """What was measured on colour: a table of schema 1, or a part of ``colour.py``."""
    if "what" not in found:
        return quality(found)
    return _colour_wanted(found) if found["what"] == "wanted" else _colour_large(found)


def _colour_wanted(found: Json) -> str:
    """What global hints bring."""
    plain = found["rows"][0]["ab_psnr"]
    cells = [
        [row["name"], f"{row['ab_psnr']:.2f}", f"{row['ab_psnr'] - plain:+.2f}",
         f"{row['colorfulness_ratio']:.3f}", f"{row['delta_e_2000']:.2f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["of the whole picture is told", METRICS["ab_psnr"].column, "gain, dB",
              METRICS["colorfulness_ratio"].column, METRICS["delta_e_2000"].column]  # fmt: skip
    source = found["data"].partition(":")[2] or found["data"]
    return (
        f"{table(header, cells)}\n`{found['model']}`, means over {found['images']} photographs "
        f"(`{source}`).\n"
    )


def _colour_large(found: Json) -> str:
    """How long a large photograph takes, and how much memory."""
    cells = [
        [f"`{row['name']}`",
         *(f"{row[kind][key]:.2f}" for kind in ("processor_s", "wall_s")
           for key in ("best", "median")),
         f"{row['peak_rss_bytes'] / 1e6:.0f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["file", "processor s, best", "median", "wall s, best", "median", "peak MB"]
    width, height = found["size"]
    busy = found["host"].get("load_average")
    load = f" at a load average of {busy:.1f}" if busy is not None else ""
    return (
        f"{table(header, cells)}\nA JPEG of {width}x{height}, from the start of the process to its "
        f"end, {found['threads']} threads, {found['rounds']} rounds, on "
        f"{host(found['host'])}{load}.\n"
    )


def web(found: Json) -> str:
    """What the studio's server was put through."""
    load, memory, overload = found["load"], found["memory"], found["overload"]
    fuzz, api, hints = found["fuzz"], found["api"], found["hints"]

    def counted(statuses: Mapping[str, int]) -> str:
        return ", ".join(f"{number} times {status}" for status, number in statuses.items())

    sizes = list(memory["mib"].values())
    answers = sum(sum(one.values()) for one in api["statuses"].values())
    cells = [
        [
            "`load`",
            f"{load['requests']} requests of {load['size']} from {load['clients']} clients, "
            "six models, no cache",
            f"{load['lost']} lost, {load['wrong']} not the command line's; "
            f"{load['requests_per_second']:g} a second, p50 {load['p50_ms']:.0f} ms, "
            f"p99 {load['p99_ms']:.0f} ms",
        ],
        [
            "`memory`",
            f"{memory['requests']:,} requests, three sizes, six models",
            f"{sizes[-1]:.0f} MiB; within {memory['spread']:.1%} after the first fifth",
        ],
        [
            "`overload`",
            f"{overload['clients']} clients for {overload['places']} places",
            f"{counted(overload['statuses'])}; refused within "
            f"{overload['refusal_p50_ms']:.0f} ms (p50), {overload['refusal_max_ms']:.0f} ms "
            f"(max); a thread that slept beside woke up to "
            f"{overload['sleeper_late_max_ms']:.0f} ms late",
        ],
        [
            "`hints`",
            f"recolouring {hints['size']} after a hint, up to {hints['hints']} of them",
            f"p50 {hints['recolour_p50_ms']:.0f} ms, p99 {hints['recolour_p99_ms']:.0f} ms; "
            f"a palette {hints['palette_p50_ms']:.0f} ms",
        ],
        [
            "`fuzz`",
            f"{fuzz['pictures']} damaged pictures",
            f"{counted(fuzz['statuses'])}; {fuzz['faults']} faults",
        ],
        [
            "`api`",
            f"{answers:,} requests that the description allows, or just not",
            f"{api['failures']} answers that it does not describe",
        ],
    ]  # fmt: skip
    busy = max(found[name]["load_average_before"] for name in ("load", "overload", "hints"))
    beside = (
        f", which other programs kept busy (load average {busy:.0f})"
        if busy > 0.5 * found["host"]["cores"]
        else ""
    )
    return f"{table(['measure', 'what', 'result'], cells, 3)}\nOn {host(found['host'])}{beside}.\n"


def recipes() -> str:
    """Every recipe of ``export``."""
    cells = [[f"`{recipe.name}`", recipe.summary, _needs(recipe)] for recipe in RECIPES]
    return table(["recipe", "what it stores", "needs"], cells, text_columns=3)


def _needs(recipe: Recipe) -> str:
    if recipe.trained:
        return "a run of `fit --qat`"
    return "photographs to calibrate on" if recipe.calibrated else "nothing"


def content(name: str, root: Path) -> str:
    """What belongs into the block of a name.

    Raises:
        UserError: no results of that name.
    """
    results: dict[str, Callable[[Json], str]] = {
        "benchmark": benchmark,
        "colour": colour,
        "bitrate": bitrate,
        "compare": compare,
        "detail": detail,
        "pi": pi,
        "quantisation": quantisation,
        "sensitivity": sensitivity,
        "tiles": tiles,
        "video": video,
        "web": web,
    }
    if name == "recipes":
        return recipes()
    first, _, second = name.partition(" ")
    file = f"{first}.{second}.json" if second else f"{first}.json"
    if name in scale_tables.TABLES:
        return scale_tables.TABLES[name](_read(root / "docs" / "results" / file), table)
    if first in results:
        return results[first](_read(root / "docs" / "results" / file))
    return quality(_read(root / "docs" / "models" / file))


def _read(path: Path) -> Json:
    if not path.is_file():
        raise UserError(f"{'/'.join(path.parts[-3:])} is not there; measure it first")
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def filled(text: str, root: Path) -> str:
    """A page with each of its blocks rewritten; UserError as ``content`` raises it."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{content(found[2], root)}\n{found[4]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the pages; one whose results are missing is left as it is."""
    parser = command_line(__name__, __doc__)
    parser.parse_args(arguments)
    code = 0
    for page in pages(ROOT):
        name, text = page.relative_to(ROOT), page.read_text(encoding="utf-8")
        try:
            new = filled(text, ROOT)
        except UserError as error:
            print(f"{parser.prog}: left {name} as it is: {error}", file=sys.stderr)
            code = 2
            continue
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {name}")
    return code
