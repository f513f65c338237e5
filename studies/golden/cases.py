"""What is run: public command lines, and requests to the studio.

``IN`` stands for the folder of the inputs, ``OUT`` for a case's own folder of outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .inputs import FLOAT_FILES

# One integer file of each preset.
PRESETS = (
    "chroma_bitrate-s.r2.int8",
    "chroma_gan-s.r1.int8",
    "chroma_merged-m.r1.int8",
    "chroma_merged-s.r2.int8",
    "chroma_residual-s.r1.qat",
    "chroma_residual-xs.r2.int8",
    "colorize_unet-lite0.r3.int8",
    "enhance_mirnet-lite.r6.int8",
    "enhance_zerodce-lite.r2.int8",
)
MERGED = "chroma_merged-s.r2.int8"
COLOUR = "colorize_unet-lite0.r3.int8"
MIRNET = "enhance_mirnet-lite.r6.int8"
CURVES = "enhance_zerodce-lite.r2.int8"


@dataclass(frozen=True)
class Case:
    """A command line.

    Attributes:
        name: of its folder.
        arguments: behind ``python -m``.
        masked_rows: of a video that it writes, rows from the top that tell times.
        timed: whether what it says tells times everywhere.
    """

    name: str
    arguments: tuple[str, ...]
    masked_rows: int = 0
    timed: bool = False


@dataclass(frozen=True)
class Request:
    """A request to the studio.

    Attributes:
        name: of its file.
        path: of the address.
        fields: a form's texts; None: a GET.
        files: field to the inputs that are sent.
    """

    name: str
    path: str
    fields: dict[str, str] | None = None
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)


def commands() -> list[Case]:
    """Every command line, in an order that never changes what one does."""
    found = [*_pictures(), *_mistakes(), *_videos(), *_measured()]
    assert len({case.name for case in found}) == len(found)
    return found


def _run(name: str, source: str, target: str, *options: str, model: str | None = None) -> Case:
    chosen = ("--model", model) if model else ()
    return Case(name, ("edge_demo", "run", f"IN/{source}", f"OUT/{target}", *chosen, *options))


def _pictures() -> Iterator[Case]:
    for name in ("q12", "q50", "q75", "q90", "q98", "even", "odd", "progressive", "large", "tiny1",
                 "tiny2", "tiny3", "tiny17", "unchanging", "turned3", "turned6", "turned7",
                 "cosited", "profile", "dusk"):  # fmt: skip
        yield _run(f"usual-{name}", f"{name}.jpg", "out.png")
    for name in ("lossy.webp", "alpha.webp"):
        yield _run(f"usual-{name}", name, "out.png")
    for kind in ("jpg", "webp", "tif"):
        yield _run(f"usual-to-{kind}", "turned6.jpg", f"out.{kind}")
        yield _run(f"alpha-to-{kind}", "alpha.webp", f"out.{kind}")
    for name in ("plain.png", "alpha.png", "p.png", "deep.png", "lossless.webp", "plain.tif",
                 "plain.bmp", "full.jpg", "half.jpg"):  # fmt: skip
        yield _run(f"resample-{name}", name, "out.png", "--resample")
    yield _run("resample-deep-to-tif", "deep.png", "out.tif", "--resample", model=MERGED)
    for preset in PRESETS:
        for source in _sources(preset):
            yield _run(f"preset-{preset}-{source}", source, "out.png", model=preset)
    yield _run("bare-preset", "odd.jpg", "out.png", model="chroma_residual-s.r1")
    for file in FLOAT_FILES:
        yield _run(f"float-{file}", _sources(file)[0], "out.png", model=f"IN/{file}")
    yield from _optional()
    for name, model in (("usual", None), ("colorize", COLOUR), ("enhance", CURVES)):
        yield _run(f"folder-{name}", "mixed", "out", model=model)
    yield _run("folder-recursive", "mixed", "out", "--recursive")
    yield _run("tasks", "dark.jpg", "out.png", "--task", "enhance,chroma")
    yield _run("task", "grey.jpg", "out.png", "--task", "colorize")
    yield _run("threads", "large.jpg", "out.png", "--threads", "1")
    yield _run("dump", "odd.jpg", "out.png", "--dump", "OUT/dump")


def _sources(model: str) -> tuple[str, ...]:
    if model.startswith("chroma"):
        return "q75.jpg", "large.jpg"
    return ("grey.jpg", "odd.jpg") if model.startswith("colorize") else ("dark.jpg", "night.png")


def _optional() -> Iterator[Case]:
    for detail in ("0", "0.4"):
        yield _run(f"detail-{detail}", "q75.jpg", "out.png", "--detail", detail, model=MERGED)
    for model in (MIRNET, CURVES):
        for option, value in (("strength", "0"), ("strength", "0.5"), ("brightness", "1.5")):
            yield _run(f"{option}-{value}-{model}", "dark.jpg", "out.png",
                       f"--{option}", value, model=model)  # fmt: skip
        yield _run(f"bright-{model}", "q75.jpg", "out.png", model=model)
        yield _run(f"deep-{model}", "deep_dark.png", "out.png", model=model)
        yield _run(f"render-{model}", "dark.jpg", "out.png", "--render-size", "96", model=model)
    usual: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
        ("strength", "grey.jpg", "out.png", ("--strength", "0.4")),
        ("deep", "deep_grey.tif", "out.png", ()),
        ("alpha", "alpha.png", "out.webp", ()),
        ("render", "grey.jpg", "out.png", ("--render-size", "128")),
        ("fade", "grey.jpg", "out.png", ("--fade", "20")),
    )
    for name, source, target, options in usual:
        yield _run(f"{name}-{COLOUR}", source, target, *options, model=COLOUR)
    hinted = {
        "hints": ("--hints", "IN/hints.json"),
        "average": ("--average", "#8a6040"),
        "reference": ("--reference", "IN/reference.png"),
        "hints-and-average": ("--hints", "IN/hints.json", "--average", "#406a8a", "--fade", "10"),
        "hints-and-reference": ("--hints", "IN/hints.json", "--reference", "IN/red.jpg",
                                "--strength", "0.7"),
    }  # fmt: skip
    for name, options in hinted.items():
        yield _run(name, "grey.jpg", "out.png", *options, model=COLOUR)
    yield _run("hints-on-large", "large.jpg", "out.jpg", "--hints", "IN/hints.json", model=COLOUR)


def _mistakes() -> Iterator[Case]:
    for name in ("grey.jpg", "full.jpg", "half.jpg", "plain.png", "cut.jpg", "empty.jpg",
                 "text.jpg", "cmyk.jpg", "missing.jpg"):  # fmt: skip
        yield _run(f"refused-{name}", name, "out.png")
    yield _run("refused-kind", "q75.jpg", "out.gif")
    yield _run("refused-name", "q75.jpg", "out.png", model="chroma_residul-s.r1")
    yield _run("refused-file", "q75.jpg", "out.png", model="IN/broken.tflite")
    for name, model, options in (
        ("strength", None, ("--strength", "0.5")),
        ("strength-range", CURVES, ("--strength", "1.5")),
        ("detail", "chroma_residual-s.r1", ("--detail", "0.5")),
        ("detail-range", MERGED, ("--detail", "-1")),
        ("resample", CURVES, ("--resample",)),
        ("fade", CURVES, ("--fade", "20")),
        ("fade-range", COLOUR, ("--fade", "-2")),
        ("hints", MIRNET, ("--hints", "IN/hints.json")),
        ("hints-outside", COLOUR, ("--hints", "IN/outside.json")),
        ("hints-unknown", COLOUR, ("--hints", "IN/unknown.json")),
        ("reference", MIRNET, ("--reference", "IN/reference.png")),
        ("reference-grey", COLOUR, ("--reference", "IN/grey.jpg")),
        ("reference-average", COLOUR, ("--reference", "IN/red.jpg", "--average", "#406a8a")),
        ("average", COLOUR, ("--average", "blue")),
        ("render", MERGED, ("--render-size", "128")),
        ("render-range", CURVES, ("--render-size", "20")),
        ("video-option", None, ("--temporal", "0.5")),
    ):
        yield _run(f"refused-{name}", "q75.jpg", "out.png", *options, model=model)
    yield _run("refused-video-full", "full.mkv", "out.mkv")
    yield _run("refused-video-hints", "left.mp4", "out.mkv", "--hints", "IN/hints.json",
               model=COLOUR)  # fmt: skip


def _videos() -> Iterator[Case]:
    for name in ("left.mp4", "center.mkv", "topleft.mkv", "bt601.mov", "wide.mp4", "deep.mkv"):
        yield _run(f"video-{name}", name, "out.mkv")
    for model in PRESETS:
        source = "dark.mp4" if model.startswith("enhance") else "left.mp4"
        yield _run(f"video-{model}", source, "out.mkv", model=model)
    for strength in ("0", "0.5"):
        yield _run(f"video-temporal-{strength}", "left.mp4", "out.mkv", "--temporal", strength)
        yield _run(f"video-temporal-{strength}-colour", "left.mp4", "out.mkv",
                   "--temporal", strength, model=COLOUR)  # fmt: skip
    yield _run("video-detail", "left.mp4", "out.mkv", "--detail", "0.3", model=MERGED)
    yield _run("video-strength", "dark.mp4", "out.mkv", "--strength", "0.5", model=CURVES)
    yield _run("video-colour", "left.mp4", "out.mkv", "--strength", "0.5", "--fade", "20",
               model=COLOUR)  # fmt: skip
    yield _run("video-average", "left.mp4", "out.mkv", "--average", "#8a6040", model=COLOUR)
    yield _run("video-h264", "left.mp4", "out.mp4", "--threads", "1")
    yield _run("video-mov", "left.mp4", "out.mov", "--crf", "20", "--threads", "1")
    yield _run("video-hevc", "left.mp4", "out.mkv", "--codec", "hevc", "--threads", "1")
    for model in (CURVES, MERGED, COLOUR):
        source = "dark.mp4" if model == CURVES else "left.mp4"
        # The speed is written on top of each picture.
        yield Case(f"camera-{model}", ("edge_demo", "camera", "--camera", f"IN/{source}", "--model",
                   model, "--out", "OUT/out.mkv", "--codec", "ffv1"), masked_rows=30)  # fmt: skip


def _measured() -> Iterator[Case]:
    yield Case("selftest", ("edge_demo", "selftest", *PRESETS))
    written = ("--json", "OUT/out.json", "--html", "OUT/out.html")
    quick = ("--seconds", "0.2", "--size", "160x120", "--threads", "2", "--each", *written)
    chosen = {
        "chroma": ("chroma_residual-s.r1.qat", MERGED, "--images", "IN/photographs",
                   "--siting", "left"),
        "bitrate": ("chroma_bitrate-s.r2.int8", "--images", "IN/photographs"),
        "colorize": (COLOUR, "--images", "IN/photographs"),
        "enhance": (CURVES, MIRNET, "--images", "IN/pairs"),
    }  # fmt: skip
    for name, options in chosen.items():
        yield Case(f"benchmark-{name}", ("edge_demo", "benchmark", *options, *quick), timed=True)
    shipped = "edge_demo/models"
    for name, file, options in (
        ("chroma", "chroma_residual-s.r1.qat", ("--siting", "topleft")),
        ("bitrate", "chroma_bitrate-s.r2.int8", ("--quality", "40")),
        ("merged", MERGED, ("--detail", "0.5")),
        ("colorize", COLOUR, ()),
        ("enhance", CURVES, ()),
    ):
        data = "pairs:IN/pairs" if name == "enhance" else "folder:IN/photographs"
        yield Case(f"evaluate-{name}", ("training", "evaluate", f"{shipped}/{file}.tflite",
                   "--data", data, *options, *written))  # fmt: skip
    for name, file in (("chroma", MERGED), ("colorize", COLOUR), ("enhance", CURVES)):
        yield Case(f"evaluate-video-{name}", ("training", "evaluate", f"{shipped}/{file}.tflite",
                   "--data", "video:IN/left.mp4", *written, "--plot", "OUT/out.png"))  # fmt: skip
    yield Case("evaluate-preset", ("training", "evaluate", "chroma_residual-xs.r2",
               "--data", "folder:IN/photographs", "--json", "OUT/out.json"))  # fmt: skip


def requests() -> list[Request]:
    """What the studio is asked, one after the other."""
    found = [
        Request("page", "/"),
        Request("description", "/openapi.json"),
        Request("models", "/models"),
        Request("no-camera", "/camera"),
        Request("sample", "/sample/enhance"),
    ]

    def ask(name: str, path: str, image: str | tuple[str, ...], **fields: str) -> None:
        images = (image,) if isinstance(image, str) else image
        reference = fields.pop("reference", None)
        files = {"image": images, **({"reference": (reference,)} if reference else {})}
        found.append(Request(name, path, fields, files))

    ask("process", "/process", "q75.jpg")
    ask("process-again", "/process", "q75.jpg")
    ask("process-detail", "/process", "odd.jpg", model=MERGED, detail="0.5", format="webp")
    ask("process-exif", "/process", "turned6.jpg", format="jpeg", quality="80",
        keep_metadata="true")  # fmt: skip
    ask("process-resample", "/process", "plain.png", resample="true")
    ask("process-colorize", "/process", "grey.jpg", mode="colorize")
    ask("process-hints", "/process", "grey.jpg", mode="colorize", fade="10",
        hints='{"hints": [{"x": 120, "y": 90, "color": "#4a7bc8"}]}')  # fmt: skip
    ask("process-average", "/process", "grey.jpg", model=COLOUR, average="#8a6040", strength="0.8")
    ask("process-reference", "/process", "grey.jpg", model=COLOUR, reference="red.jpg")
    ask("process-enhance", "/process", "dark.jpg", mode="enhance", strength="0.9")
    ask("process-brightness", "/process", "dark.jpg", mode="enhance", brightness="0.5")
    ask("process-render", "/process", "dark.jpg", model=CURVES, render_size="96")
    ask("process-many", "/process", ("q75.jpg", "plain.png", "odd.jpg", "cut.jpg"))
    ask("refused-model", "/process", "q75.jpg", model="nobody")
    ask("refused-mode", "/process", "q75.jpg", model=COLOUR, mode="chroma")
    ask("refused-option", "/process", "q75.jpg", mode="chroma", fade="10")
    ask("refused-picture", "/process", "text.jpg")
    ask("refused-grey", "/process", "grey.jpg", mode="chroma")
    ask("process-chain", "/process", "dark.jpg", mode="chroma,enhance")
    ask("process-auto", "/process", "grey.jpg")
    ask("look", "/look", "dark.jpg")
    ask("compare", "/compare", "q75.jpg", model_a=MERGED, model_b="chroma_residual-xs.r2.int8")
    ask("palette", "/palette", "grey.jpg", x="100", y="80", k="6")
    ask("refused-palette", "/palette", "grey.jpg", x="100", y="80", model=CURVES)
    ask("colors", "/colors", "red.jpg", k="4")
    return found
