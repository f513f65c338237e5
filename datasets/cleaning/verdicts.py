"""What makes a picture unfit: thresholds, and the verdicts that follow from scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from . import near
from .scores import Scores

# In the order in which they are reported.
KINDS = {
    "corrupt": "cannot be decoded whole",
    "small": "too few pixels to train on",
    "duplicate": "the same file as another, or the same picture",
    "monochrome": "grey, or toned with one colour",
    "skewed": "all of one colour, far too colourful, or without one of red, green and blue",
    "blurry": "no detail at the size of its pixels",
    "subsampled": "its chroma was stored at half resolution before",
}


def _limit(value: float, flag: str, text: str) -> float:
    out: float = field(default=value, metadata={"flag": flag, "help": text})
    return out


@dataclass(frozen=True)
class Thresholds:
    """Beyond which values a picture is unfit.

    ``studies/cleaning.py`` prints what the defaults were chosen from. Each field's metadata
    is its flag and what that says in ``--help``.
    """

    side: float = _limit(64, "--min-side", "pixels of the shorter side")
    bits: float = _limit(
        8, "--duplicate-bits", f"of 64 that may differ between copies, 0 to {near.MOST_BITS}"
    )
    spread: float = _limit(1.2, "--min-spread", "spread of colours of one lightness, Lab units")
    tint: float = _limit(0.6, "--max-tint", "tint of the least tinted pixels, share of lightness")
    ends: float = _limit(38.0, "--max-ends", "colour of blacks and whites, Lab units")
    clipped: float = _limit(
        0.38, "--max-clipped", "share with a channel at its end, another far off"
    )
    channel: float = _limit(0.16, "--min-channel", "contrast of the weakest of R, G, B, relative")
    blur: float = _limit(0.61, "--max-blur", "0 is crisp, 1 is without detail")
    period: float = _limit(0.12, "--max-period", "trace of 4:2:0 in chroma, dB")
    gap: float = _limit(24.0, "--max-gap", "how empty chroma's upper half band is, dB")


@dataclass(frozen=True)
class Verdict:
    """One reason against a picture.

    Attributes:
        kind: of ``KINDS``.
        why: the measure that decided, for people.
        of: of a duplicate the path of the picture that is kept in its place, else empty.
    """

    kind: str
    why: str
    of: str = ""


@dataclass(frozen=True)
class Judged:
    """A picture with its scores and every verdict, in the order of ``KINDS``."""

    scores: Scores
    verdicts: tuple[Verdict, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its verdicts."""
        return tuple(verdict.kind for verdict in self.verdicts)


def alone(scores: Scores, limits: Thresholds) -> list[Verdict]:
    """The verdicts that need no other picture."""
    if scores.problem:
        return [Verdict("corrupt", scores.problem)]
    out = []
    if min(scores.width, scores.height) < limits.side:
        out.append(Verdict("small", f"{scores.width}x{scores.height}"))
    found = scores.measures
    monochrome = found["spread"] < limits.spread
    blurry = found["blur"] > limits.blur
    if monochrome:
        out.append(Verdict("monochrome", f"spread {found['spread']:.1f}"))
    if why := _skewed(scores, limits):
        out.append(Verdict("skewed", why))
    if blurry:
        out.append(Verdict("blurry", f"blur {found['blur']:.2f}"))
    # The chroma of a toned picture is made from its luma, and that of a grey one is noise.
    if not monochrome and found.get("period", -1.0) > limits.period:
        out.append(Verdict("subsampled", f"period {found['period']:.2f} dB"))
    elif not monochrome and not blurry and found.get("gap", 0.0) > limits.gap:
        # A blurred picture has an empty band, too, in luma and chroma alike.
        out.append(Verdict("subsampled", f"gap {found['gap']:.0f} dB"))
    return out


def _skewed(scores: Scores, limits: Thresholds) -> str:
    found = scores.measures
    if found["channel"] < limits.channel:
        return f"weakest channel {found['channel']:.2f}"
    if found["clipped"] > limits.clipped:
        return f"clipped {found['clipped']:.0%}"
    if found["tint"] > limits.tint:
        return f"tint {found['tint']:.2f}"
    if found["ends"] > limits.ends:
        return f"blacks and whites {found['ends']:.0f}"
    return ""


# From hashes and the most bits that may differ to the pairs of near ones.
Near = Callable[[Iterable[int], int], Iterable[near.Pair]]


def judge(
    scored: Sequence[Scores], limits: Thresholds, find: Near = near.near_pairs
) -> list[Judged]:
    """Every picture's verdicts, in the order of ``scored``.

    Of copies the best is kept: one without another fault, with most pixels, most bytes, and of
    equals the first by name.

    Args:
        scored: pictures of different paths.
        limits: thresholds.
        find: how near pairs are found, which makes no difference to what is found.
    """
    verdicts = [alone(scores, limits) for scores in scored]

    def rank(index: int) -> tuple[bool, int, int, str]:
        scores = scored[index]
        return bool(verdicts[index]), -scores.width * scores.height, -scores.bytes, scores.path

    order = sorted((i for i, scores in enumerate(scored) if not scores.problem), key=rank)
    hashes = [scored[i].hash_value for i in order]
    pairs = find({value for value in hashes if value is not None}, int(limits.bits))
    for copy, best in near.copies(hashes, [scored[i].sha256 for i in order], pairs).items():
        one, other = scored[order[copy]], scored[order[best]]
        same = one.sha256 == other.sha256
        bits = (int(one.hash, 16) ^ int(other.hash, 16)).bit_count()
        why = "the same file" if same else f"{bits} of {near.BITS} bits differ"
        verdicts[order[copy]].append(Verdict("duplicate", why, other.path))
    kinds = list(KINDS)
    return [
        Judged(scores, tuple(sorted(found, key=lambda verdict: kinds.index(verdict.kind))))
        for scores, found in zip(scored, verdicts, strict=True)
    ]
