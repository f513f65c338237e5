"""The weights of presets as git keeps them: compressed, and shared ones stored once.

Keras writes every weight in full. Here each is compressed without loss, and one that a file of
``backbone_files`` beside it holds is only named, as the frozen layers of colorizers are. What is
unpacked is what Keras wrote, bit for bit, so exports stay what they were.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.files import write_whole

from . import backbone_files

# Attribute of a dataset without values: which file and which of its arrays has them.
_ELSEWHERE = "stored in"
# Bytes below which a dataset costs more when it is compressed, and when it is named instead.
_COMPRESSED, _NAMED = 2048, 256
_WEIGHTS = "model.weights.h5"  # in a .keras file

Array = NDArray[np.generic]
Place = tuple[str, str]  # name of a backbone's file, name of an array in it


def pack(source: Path, target: Path) -> None:
    """Write ``source``, a ``.weights.h5`` or a ``.keras`` of Keras, to ``target``, packed.

    Of a ``.keras``, which Keras has to open by itself, nothing is left out.
    """
    if source.suffix == ".h5":
        write_whole(target, _packed(source.read_bytes(), _known(target.parent)))
        return
    whole = io.BytesIO()
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(whole, "w") as made:
        for name in given.namelist():
            data = given.read(name)
            if name == _WEIGHTS:
                data = _packed(data, {})
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            made.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    write_whole(target, whole.getvalue())


@contextlib.contextmanager
def unpacked(source: Path) -> Iterator[Path]:
    """A packed ``.weights.h5`` as a file that Keras reads: itself, if it is whole.

    Raises:
        UserError: the backbone that it needs is not beside it.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / source.name
        yield whole if _complete(source, whole) else source


def _complete(source: Path, whole: Path) -> bool:
    """Write a file with every value that ``source`` lacks; False where it lacks none."""
    with h5py.File(source) as given:
        found = _datasets(given)
        places = {name: values.attrs.get(_ELSEWHERE) for name, values in found.items()}
        if not any(place is not None for place in places.values()):
            return False
        files = sorted({str(place[0]) for place in places.values() if place is not None})
        try:
            known = {file: backbone_files.read(source.parent / file) for file in files}
        except OSError:
            raise UserError(f"{source} needs {' and '.join(files)} beside it") from None
        with h5py.File(whole, "w") as made:
            _copy_groups(given, made)
            for name, values in found.items():
                place = places[name]
                made[name] = values[()] if place is None else known[place[0]][place[1]]
    return True


def _known(folder: Path) -> dict[bytes, Place]:
    """Every array of the backbones in a folder, by what it holds."""
    return {
        _content(values): (path.name, name)
        for path in sorted(folder.glob("*.npz"))
        for name, values in backbone_files.read(path).items()
    }


def _content(values: Array) -> bytes:
    return repr((values.shape, values.dtype.str)).encode() + values.tobytes()


def _packed(data: bytes, known: Mapping[bytes, Place]) -> bytes:
    """A file of HDF5 with the same groups and values."""
    result = io.BytesIO()
    # The latest layout has by far the smaller groups, of which there is one for each layer.
    with h5py.File(io.BytesIO(data)) as given, h5py.File(result, "w", libver="latest") as made:
        _copy_groups(given, made)
        for name, values in _datasets(given).items():
            array = values[()]
            place = known.get(_content(array)) if array.nbytes >= _NAMED else None
            if place:
                made.create_dataset(name, data=h5py.Empty(array.dtype))
                made[name].attrs[_ELSEWHERE] = place
            elif array.nbytes < _COMPRESSED:
                made.create_dataset(name, data=array)
            else:
                # One chunk; bytes of one rank beside each other, of which the exponents compress.
                made.create_dataset(
                    name, data=array, chunks=array.shape, shuffle=True, compression="gzip",
                    compression_opts=9,
                )  # fmt: skip
    return result.getvalue()


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}

    def look(name: str, entry: h5py.Group | h5py.Dataset) -> None:
        if isinstance(entry, h5py.Dataset):
            found[name] = entry

    file.visititems(look)
    return found


def _copy_groups(given: h5py.File, made: h5py.File) -> None:
    made.attrs.update(given.attrs)

    def copy(name: str, entry: h5py.Group | h5py.Dataset) -> None:
        if isinstance(entry, h5py.Group):
            made.require_group(name).attrs.update(entry.attrs)

    given.visititems(copy)
