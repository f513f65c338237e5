"""What FFmpeg's filters make of 4:2:0 planes: its scalers, and user shaders in libplacebo.

Shaders run as players run them, but on Mesa's ``llvmpipe``, a processor in a graphics card's
place, so that every machine computes the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.tasks.chroma import Planes

# Mesa's driver for a processor; no other, so that every machine measures the same.
_DRIVER = Path("/usr/share/vulkan/icd.d")
_RANGES = {"full": "pc", "limited": "tv"}
_PARAMETER = re.compile(r"//!PARAM (\w+)\n((?://!.*\n)*)\s*([-+\d.eE]+)[ \t]*\n")


def lacking(filters: tuple[str, ...] = ("libplacebo",)) -> str:
    """What is missing to run these filters; nothing if nothing is."""
    if not shutil.which("ffmpeg"):
        return "ffmpeg is not installed"
    listed = subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True)
    for name in filters:
        if f" {name} " not in listed.stdout:
            return f"this ffmpeg has no filter {name}"
    if "libplacebo" in filters and not list(_DRIVER.glob("lvp_icd.*")):
        return "mesa-vulkan-drivers is not installed"
    return ""


def filtered(
    graph: str, planes: Planes, levels: str, frames: int = 1, vulkan: bool = False
) -> NDArray[np.uint8]:
    """What a chain of filters makes of 4:2:0 planes (uint8).

    Args:
        graph: as FFmpeg's ``-vf`` takes it; ends in ``yuv444p``.
        planes: of even size; of limited range in its codes, where ``levels`` says so.
        levels: ``limited`` or ``full``.
        frames: how often the same frame is given.
        vulkan: whether the chain needs a device.

    Returns:
        YCbCr (H, W, 3) uint8 of the last frame, in the codes of ``planes``.

    Raises:
        UserError: FFmpeg refuses, with what it says.
    """
    height, width = planes.size
    device = ["-init_hw_device", "vulkan=v:0", "-filter_hw_device", "v"] if vulkan else []
    command = [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", *device,
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}",
        "-color_range", _RANGES[levels], "-colorspace", "smpte170m",
        "-chroma_sample_location", planes.siting, "-i", "pipe:0",
        "-vf", graph, "-f", "rawvideo", "pipe:1",
    ]  # fmt: skip
    drivers = ":".join(map(str, sorted(_DRIVER.glob("lvp_icd.*"))))
    plain = [planes.y, planes.cbcr[..., 0], planes.cbcr[..., 1]]
    done = subprocess.run(
        command, input=b"".join(one.tobytes() for one in plain) * frames, capture_output=True,
        env={**os.environ, "VK_ICD_FILENAMES": drivers},
    )  # fmt: skip
    if done.returncode or len(done.stdout) != frames * 3 * height * width:
        raise UserError(f"ffmpeg: {done.stderr.decode(errors='replace').strip()[:300]}")
    last = np.frombuffer(done.stdout, np.uint8).reshape(frames, 3, height, width)[-1]
    return np.ascontiguousarray(last.transpose(1, 2, 0))


def shaded(shader: str, planes: Planes, levels: str, frames: int = 1) -> NDArray[np.uint8]:
    """What libplacebo makes of 4:2:0 planes (uint8) with a user shader.

    Args:
        shader: its text; an empty one is none: libplacebo's own way.
        planes, levels, frames: as ``filtered`` takes them.

    Returns:
        As ``filtered``.

    Raises:
        UserError: FFmpeg refuses, with what it says.
    """
    with tempfile.TemporaryDirectory() as folder:
        hook = ""
        if shader:
            (Path(folder) / "shader.glsl").write_text(shader, encoding="utf-8")
            hook = f":custom_shader_path={folder}/shader.glsl"
        graph = (
            "hwupload,libplacebo=format=yuv444p:colorspace=smpte170m:dithering=-1:"
            f"range={_RANGES[levels]}{hook},hwdownload,format=yuv444p"
        )
        return filtered(graph, planes, levels, frames, vulkan=True)


def without_parameters(shader: str) -> str:
    """A user shader whose parameters are their defaults, for a libplacebo that knows none.

    What follows a ``//!PARAM`` block, up to its value, becomes a definition in every pass.
    """
    defined = "".join(f"#define {name} {value}\n" for name, _, value in _PARAMETER.findall(shader))
    if not defined:
        return shader
    plain = _PARAMETER.sub("", shader)
    # A pass begins with lines of //!; definitions go behind the last of each such group.
    return re.sub(r"((?:^//!.*\n)+)", rf"\1{defined}", plain, flags=re.MULTILINE)
