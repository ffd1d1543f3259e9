"""The same picture under two lesion ids: training never sees what a lesion kept apart holds."""

import io
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.training.conftest import Layout
from training.data.seen import fingerprints, seen
from training.data.splits import Split, split_of
from training.learning.run import Run, open_run
from training.runs.folder import MANIFEST


def opened(isic: Layout, folder: Path, config) -> Run:
    return open_run(
        data=isic.folder, folder=folder, config=config, cache=folder.parent / "cache",
        progress=lambda *_: None,
    )  # fmt: skip


def of_side(isic: Layout, side: Split) -> str:
    """A photo of a lesion on this side."""
    images = sorted(path.stem for path in isic.photos.glob("LESION_NV_*"))
    return next(image for image in images if split_of(image.rsplit("_", 1)[0]) == side)


def add_twin(isic: Layout, image: str, side: Split) -> str:
    """The photo once more, stored anew, as a lesion whose id puts it on this side; its id."""
    twin = next(f"TWIN_{n}" for n in range(100) if split_of(f"TWIN_{n}") == side)
    stored = io.BytesIO()
    Image.open(isic.photos / f"{image}.jpg").save(stored, "JPEG", quality=60)
    (isic.photos / f"{twin}.jpg").write_bytes(stored.getvalue())
    for table in (isic.truth, isic.metadata):
        isic.change(
            table,
            lambda t: pd.concat(
                [
                    t,
                    t[t["image"] == image].assign(
                        image=twin, **{n: twin for n in ("lesion_id",) if n in t}
                    ),
                ]
            ),
        )
    return twin


@pytest.mark.parametrize("side", ["validation", "calibration", "test"])
def test_the_copy_in_training_is_left_out(isic: Layout, tmp_path: Path, tiny, side: Split) -> None:
    before = opened(isic, tmp_path / "before", tiny)
    assert before.notes == ()
    twin = add_twin(isic, of_side(isic, side), "train")
    run = opened(isic, tmp_path / "run", tiny)
    assert twin not in set(run.table["image"])
    assert run.table[["image", "split"]].equals(before.table[["image", "split"]])
    assert "1 photo is left out of training" in run.notes[0]
    kept = pd.read_csv(run.folder / MANIFEST).set_index("image")["split"]
    assert kept[twin] == "left out" and len(kept) == len(run.table) + 1
    assert opened(isic, tmp_path / "run", tiny).notes == run.notes  # taken up again
    # Nobody has met that lesion, and the photos are still those of the cache.
    card = {"seen_lesions": fingerprints(run.table)}
    assert not seen(run.table[:1].assign(lesion=twin), card).any()
    place = {
        path.stem: n for n, path in enumerate(map(Path, pd.read_csv(run.folder / MANIFEST)["path"]))
    }
    assert all(place[run.table["image"][i]] == i for i in run.table.index)


@pytest.mark.parametrize(("one", "other"), [("train", "train"), ("calibration", "test")])
def test_other_twins_stay_where_they_are(
    isic: Layout, tmp_path: Path, tiny, one: Split, other: Split
) -> None:
    twin = add_twin(isic, of_side(isic, one), other)
    run = opened(isic, tmp_path / "run", tiny)
    assert run.notes == () and run.table.set_index("image")["split"][twin] == other


def test_a_run_ends_with_the_photos_it_began_with(isic: Layout, tmp_path: Path, tiny) -> None:
    twin = add_twin(isic, of_side(isic, "test"), "train")
    run = opened(isic, tmp_path / "run", tiny)
    whole = pd.read_csv(run.folder / MANIFEST, dtype=str, keep_default_na=False)
    whole.assign(split=whole["split"].replace("left out", "train")).to_csv(
        run.folder / MANIFEST, index=False
    )  # as a version that knew nothing of twins began it
    again = opened(isic, tmp_path / "run", tiny)
    assert twin in set(again.table["image"]) and again.notes == ()
