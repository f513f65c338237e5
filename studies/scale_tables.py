"""Tables of the pages about cleaning, training and scale, from their measured results.

``pages.py`` puts them into the pages. Each function takes what a ``tests/measure_*.py`` wrote
and ``pages.table``.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
Table = Callable[[Sequence[str], Sequence[Sequence[str]], int], str]


def machine(found: Json) -> str:
    """Of a machine what matters for speed, in one line."""
    name = found.get("board") or found.get("cpu") or found["architecture"]
    return f"{name}, {found['cores']} cores, {found['os'].partition(',')[0]}"


def cleaning_recall(found: Json, table: Table) -> str:
    """What is found of each fault, and what is flagged of good photographs."""
    draws = found["draws"]
    cells = []
    for kind in draws[0]["found"]:
        counts = [list(draw["found"][kind].values()) for draw in draws]
        hits = [sum(one for one, _ in each) for each in counts]
        of = [sum(one for _, one in each) for each in counts]
        names = ", ".join(draws[0]["found"][kind])
        worst = min(one / count for one, count in zip(hits, of, strict=True))
        cells.append([f"`{kind}`", names, f"{sum(hits)} of {sum(of)}",
                      f"{sum(hits) / sum(of):.1%}", f"{worst:.0%}"])  # fmt: skip
    parts = [table(["fault", "in these manners", "found", "share", "worst draw"], cells, 2)]
    parts.append("\n" + table(["good photographs", "flagged as", "flagged", "share", "worst draw"],
                              [_good(found), *map(_other, found["others"])], 2))  # fmt: skip
    each = sum(sum(of for _, of in manners.values()) for manners in draws[0]["found"].values())
    parts.append(
        f"\nDraws of {each} faults among the photographs of `{found['data']}`: {len(draws)}.\n"
    )
    return "".join(parts)


def _good(found: Json) -> list[str]:
    good = [draw["good"] for draw in found["draws"]]
    kinds: Counter[str] = Counter()
    for one in good:
        kinds.update(one["kinds"])
    flagged, pictures = (sum(one[key] for one in good) for key in ("flagged", "pictures"))
    worst = max(one["flagged"] / one["pictures"] for one in good)
    return [f"`{found['data']}`", _kinds(kinds), f"{flagged} of {pictures}",
            f"{flagged / pictures:.1%}", f"{worst:.1%}"]  # fmt: skip


def _other(found: Json) -> list[str]:
    share = f"{found['flagged'] / found['pictures']:.1%}"
    return [f"`{found['folder']}`", _kinds(found["kinds"]),
            f"{found['flagged']} of {found['pictures']}", share, share]  # fmt: skip


def _kinds(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{kind} {count / total:.0%}" for kind, count in Counter(counts).most_common())


def cleaning_time(found: Json, table: Table) -> str:
    """How cleaning grows with the number of pictures."""
    cells = [
        [f"{row['pictures']:,}", f"{row['seconds']:.1f}",
         f"{row['seconds'] / row['pictures'] * 1e3:.1f}",
         f"{row['processor_seconds'] / row['pictures'] * 1e3:.1f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["pictures", "seconds", "milliseconds each", "of a processor, each"]
    return (
        f"{table(header, cells, 0)}\n{found['workers']} processes; pictures made from "
        f"`{found['data']}`; on {machine(found['host'])}.\n"
    )


def curves(found: Json, table: Table) -> str:
    """The losses of one fit by two, epoch by epoch."""
    names = list(found["histories"])
    histories = [found["histories"][name] for name in names]
    kinds = [kind for kind in ("loss", "val_loss") if kind in histories[0][0]]
    header = ["epoch"]
    for kind in kinds:
        header += [*(f"{kind}, {name}" for name in names), "ratio"]
    cells = []
    for rows in zip(*histories, strict=True):
        line = [f"{rows[0]['epoch']:.0f}"]
        for kind in kinds:
            one, other = (row[kind] for row in rows)
            line += [f"{one:.4f}", f"{other:.4f}", f"{other / one:.4f}"]
        cells.append(line)
    ratios = [
        abs(rows[1][kind] / rows[0][kind] - 1)
        for rows in zip(*histories, strict=True)
        for kind in kinds
    ]
    return (
        f"{table(header, cells, 0)}\n`{found['model']}` on `{found['data']}`, "
        f"`{' '.join(found['settings'])}`: at most {max(ratios):.2%} apart.\n"
    )


def stages(found: Json, table: Table) -> str:
    """What each stage of the pipeline gives."""
    slow = found["rows"][-1]["per_second"]
    cells = []
    for row in found["rows"]:
        ratios = [rate / one for rate, one in zip(row["per_second"], slow, strict=True)]
        shown = f"{min(ratios):.1f}x to {max(ratios):.1f}x" if row["unit"] == "crops" else ""
        median = statistics.median(row["per_second"])
        cells.append([row["name"], row["unit"], f"{median:.0f}", shown])
    header = ["stage", "of", "a second", "of the generator"]
    return (
        f"{table(header, cells, 2)}\nCrops of {found['patch']} pixels, {found['batch']} a step, "
        f"from `{found['data']}`; medians of {len(slow)} repetitions of {found['rounds']} "
        f"alternating rounds, on {machine(found['host'])}.\n"
    )


def waiting(found: Json, table: Table) -> str:
    """The share of a step that waits for data."""
    cells = [
        [f"`{row['network']}`", row["crops"], f"{row['ms']:.0f}",
         f"{statistics.median(row['shares']):+.1%}",
         f"{min(row['shares']):+.1%} to {max(row['shares']):+.1%}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["network", "crops of a step", "ms a step", "waiting", "least and most"]
    count = len(found["rows"][0]["shares"])
    return (
        f"{table(header, cells, 2)}\n`{found['data']}`; {count} repetitions of {found['rounds']} "
        f"alternating rounds of {found['steps']} steps, on {machine(found['host'])}. Below 0 is "
        "noise.\n"
    )


def precision(found: Json, table: Table) -> str:
    """A step in each precision, with and without XLA."""
    ways = [(way["precision"], way["jit_compile"]) for way in found["rows"][0]["ways"]]
    cells = [
        [f"`{row['model']}-{row['size']}`", f"{row['batch']} x {row['patch']}",
         *(f"{way['ms']:.0f}" for way in row["ways"])]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["network", "crops of a step"]
    header += [f"{kind}{', XLA' if jit == 'on' else ''}, ms" for kind, jit in ways]
    return (
        f"{table(header, cells, 2)}\nMedians of {found['rounds']} alternating rounds of "
        f"{found['steps']} steps on one batch, on {machine(found['host'])}.\n"
    )


TABLES: Mapping[str, Callable[[Json, Table], str]] = {
    "cleaning recall": cleaning_recall,
    "cleaning time": cleaning_time,
    "curves backends": curves,
    "curves workers": curves,
    "pipeline stages": stages,
    "pipeline waiting": waiting,
    "precision": precision,
}
