"""Does low light judge the light, or know a scene? A mirrored photograph should be as bright.

``python -m studies mirrored FOLDER --models A,B``: photographs in low light through each model, as
they are and mirrored. The table says how far the mean code value of the result differs. Prints it,
and changes no file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from datasets import sources
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.enhance import Enhance
from edge_demo.errors import UserError
from edge_demo.report.tables import markdown

from .command import command_line

THREADS = 2


def differences(restorer: Enhance, photographs: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Of each photograph (H, W, 3) uint8 how much brighter it becomes mirrored, in code values."""
    found = []
    for rgb in photographs:
        mirrored = np.ascontiguousarray(rgb[:, ::-1])
        before, after = (float(restorer.reconstruct(one).mean()) for one in (rgb, mirrored))
        found.append(after - before)
    return np.array(found)


def measure(folder: str, models: Sequence[str]) -> str:
    """The table of several models.

    Raises:
        UserError: no such folder or model, or a model of another task.
    """
    source = sources.open_source(f"folder:{folder}")
    rows = []
    for name in models:
        restorer = restorers.load(name, THREADS)
        if not isinstance(restorer, Enhance):
            raise UserError(f"{name}: is no model of low light")
        apart = np.abs(differences(restorer, (rgb for _, rgb in sources.photographs(source))))
        rows.append([f"`{restorer.name}`", f"{apart.mean():.1f}", f"{apart.max():.1f}"])
    return markdown(["model", f"mean of {source.count}, codes", "most"], rows)


def _measured(options: argparse.Namespace) -> None:
    print(measure(options.folder, options.models.split(",")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="of photographs in low light")
    parser.add_argument(
        "--models",
        metavar="A,B,...",
        default="mirnet,zerodce",
        help="names as edge_demo takes them, or files (default: %(default)s)",
    )
    return cli.run(parser, _measured, arguments)
