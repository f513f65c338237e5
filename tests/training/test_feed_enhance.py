"""What low light's runs are fed with, and a run of them from end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from datasets import sources
from datasets.source import Source
from edge_demo.errors import UserError
from edge_demo.pictures.images import read_rgb, write_image
from edge_demo.tasks import enhance, lowlight
from tests.apart import ROUNDING, apart
from training import feeds
from training.config import FitConfig, load
from training.fit import fit
from training.objectives import ZeroReference


@pytest.fixture(scope="module")
def pairs(small_photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five pairs made from photographs."""
    folder = tmp_path_factory.mktemp("lowlight")
    source = sources.open_source(f"folder:{small_photographs}")
    camera = lowlight.Camera(0.08, 0.9, 0.8, 5e-5, 3e-4, 2e-4, 5e-4)
    rng = np.random.default_rng(0)
    for path, rgb in sources.photographs(source):
        low = lowlight.darken(rgb, camera, rng.standard_normal(rgb.shape, np.float32))
        for part, picture in (("low", low), ("high", rgb)):
            (folder / part).mkdir(exist_ok=True)
            write_image(folder / part / f"{path.stem}.png", picture)
    return folder


def small(**changes: object) -> FitConfig:
    base = FitConfig(
        model="enhance_mirnet", size="test", cell=96, batch=2, patch=32, steps=6, epoch_steps=2,
        val_crop=64, warmup_steps=0, precision="float32", picture_every=1,
        progressive=((0.5, 32, 4, 0.5), (0.5, 64, 2, 0.0)),
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def opened(pairs: Path, photographs: Path) -> tuple[list[Source], Source]:
    train = [
        sources.open_source(f"pairs:{pairs}:train"), sources.open_source(f"folder:{photographs}")
    ]  # fmt: skip
    return train, sources.open_source(f"pairs:{pairs}:test")


def test_crops_grow_from_stage_to_stage(pairs: Path, small_photographs: Path) -> None:
    feed = feeds.prepare(small(), *opened(pairs, small_photographs))
    drawn = [p for a, b in ((0, 4), (4, 6)) for p, _ in feed.batches(a, b)]
    assert [tuple(p.shape) for p, _ in drawn] == [(4, 32, 32, 6)] * 4 + [(2, 64, 64, 6)] * 2
    assert {tuple(t.shape[1:]) for _, t in drawn} == {(64, 96, 6)}
    (((picture, thumbnail), truth),) = list(feed.validation)
    assert picture.shape[1:] == (64, 64, 6) and truth.shape[1:] == (64, 64, 3)
    assert thumbnail.shape[1:] == (64, 96, 6)


def test_a_stage_without_photographs_takes_the_pairs_alone(
    pairs: Path, small_photographs: Path
) -> None:
    stages = [
        feeds.prepare(
            small(progressive=((1.0, 32, 2, share),), seed=3), *opened(pairs, small_photographs)
        )
        for share in (0.0, 1.0)
    ]
    alone = feeds.prepare(small(progressive=((1.0, 32, 2, 0.0),), seed=3), *pairs_only(pairs))
    (real, *_), (dark, *_), (same, *_) = (next(iter(f.batches(0, 1)))[0] for f in (*stages, alone))
    assert np.array_equal(real, same)
    assert not np.array_equal(real, dark)


def pairs_only(pairs: Path) -> tuple[list[Source], Source]:
    return [sources.open_source(f"pairs:{pairs}:train")], sources.open_source(f"pairs:{pairs}:test")


def test_each_source_has_its_stated_share(pairs: Path, small_photographs: Path) -> None:
    """All crops of the pairs alone, of a config that leaves the photographs' share out."""
    stage = ((1.0, 32, 4, 0.0),)
    both = feeds.prepare(
        small(progressive=stage, shares=(3.0, 1.0)), *opened(pairs, small_photographs)
    )
    alone = feeds.prepare(small(progressive=stage), *pairs_only(pairs))
    ((mixed, _), _), ((real, _), _) = (next(iter(f.batches(0, 1))) for f in (both, alone))
    same = [any(np.array_equal(one, other) for other in real) for one in mixed]
    # The same cells in the same order, of which the batch takes three.
    assert same == [True, True, True, False]
    with pytest.raises(UserError, match="2 sources"):
        feeds.prepare(small(shares=(1.0,)), *opened(pairs, small_photographs))


def test_pictures_of_the_sources_that_are_named_are_reframed(
    pairs: Path, small_photographs: Path
) -> None:
    """Thumbnails of the second source change, those of the first and all crops do not."""

    def drawn(reframed: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
        config = small(shares=(1.0, 1.0), progressive=(), batch=4, reframed=reframed)
        feed = feeds.prepare(config, *opened(pairs, small_photographs))
        (((picture, thumbnail), _),) = list(feed.batches(0, 1))
        return picture.numpy(), thumbnail.numpy()

    picture, thumbnail = drawn(())
    same, reframed = drawn((0.0, 1.0))
    assert np.array_equal(picture, same)
    changed = np.abs(thumbnail - reframed).max((1, 2, 3)) > 0.02
    assert changed.tolist() == [False, False, True, True]


def test_ranges_of_8_bits_are_chosen_from_dark_whole_pictures(
    pairs: Path, small_photographs: Path
) -> None:
    feed = feeds.prepare(small(), *opened(pairs, small_photographs))
    assert feed.wholes is not None
    wholes = feed.wholes()
    assert wholes.shape[1:] == (192, 288, 6) and len(wholes) > len(small_pictures(pairs))
    assert wholes[..., :3].mean() < 0.3 < wholes[..., 3:].mean() + 0.1


def small_pictures(pairs: Path) -> list[Path]:
    """Of the pairs that are trained on."""
    return list(sources.open_source(f"pairs:{pairs}:train").paths)


def test_pairs_that_all_show_different_things_are_a_mistake(
    pairs: Path, small_photographs: Path, tmp_path: Path
) -> None:
    for side in ("low", "high"):
        (tmp_path / side).mkdir()
    rng = np.random.default_rng(0)
    for file in (pairs / "high").iterdir():
        rgb = np.asarray(read_rgb(file).rgb, np.uint8)
        write_image(tmp_path / "high" / file.name, rgb)
        write_image(tmp_path / "low" / file.name, rng.integers(0, 40, rgb.shape, np.uint8))
    source = sources.open_source(f"pairs:{tmp_path}")
    with pytest.raises(UserError, match="not one pair"):
        feeds.prepare(small(), [source], source)


def test_validation_without_pairs_is_of_darkened_photographs(small_photographs: Path) -> None:
    source = sources.open_source(f"folder:{small_photographs}")
    feed = feeds.prepare(small(val_photographs=2), [source], source)
    (((picture, _), truth),) = list(feed.validation)
    assert len(picture) == 2
    assert (np.mean(picture[..., :3], (1, 2, 3)) < np.mean(truth, (1, 2, 3))).all()


def test_the_picture_shows_truth_input_and_prediction(pairs: Path, small_photographs: Path) -> None:
    feed = feeds.prepare(small(), *opened(pairs, small_photographs))
    given = [keras.Input((None, None, 6)), keras.Input((64, 96, 6))]
    lift = keras.Model(given, keras.layers.Identity(name="enhanced")(given[0][..., 3:]))
    picture = feed.draw(lift)
    side = picture.shape[1] // 3
    truth, low, found = (picture[:side, i * side : (i + 1) * side] for i in range(3))
    assert low.mean() < truth.mean()
    np.testing.assert_allclose(found, enhance.encode(low)["picture"][..., 3:] * 255, atol=1)


@pytest.mark.slow
def test_a_run_in_stages_can_be_stopped_between_any_two_epochs(
    pairs: Path, small_photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = f"pairs:{pairs}:train + folder:{small_photographs}"
    whole = fit(small(), data, f"pairs:{pairs}:test", tmp_path / "whole", "command")

    class Stop(Exception):
        pass

    from training import callbacks

    after = callbacks.Progress.on_epoch_end

    def stop(self: callbacks.Progress, epoch: int, logs: dict[str, float] | None = None) -> None:
        after(self, epoch, logs)
        raise Stop

    out = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Progress, "on_epoch_end", stop)
        for _ in range(2):
            with pytest.raises(Stop):
                fit(small(), data, f"pairs:{pairs}:test", out, "command")
    again = fit(small(), data, f"pairs:{pairs}:test", out, "command")
    assert apart(whole.parent, again.parent) < ROUNDING
    rows = (again.parent / "history.csv").read_text().splitlines()
    assert len(rows) == 4 and "val_psnr" in rows[0]
    assert (again.parent / "curve.png").exists()


def test_curves_are_learnt_without_the_bright_half(
    pairs: Path, small_photographs: Path, tmp_path: Path
) -> None:
    config = replace(
        load("enhance_zerodce"), size="test", cell=96, batch=2, patch=32, steps=4, epoch_steps=2,
        val_crop=64, precision="float32", objective=ZeroReference(),
    )  # fmt: skip
    data, val = f"pairs:{pairs}:train", f"pairs:{pairs}:test"
    first = fit(config, data, val, tmp_path / "one", "command")
    for path in (pairs / "high").iterdir():
        write_image(path, np.zeros_like(read_rgb(path).rgb), overwrite=True)
    second = fit(config, data, val, tmp_path / "two", "command")
    assert apart(first.parent, second.parent) < ROUNDING
