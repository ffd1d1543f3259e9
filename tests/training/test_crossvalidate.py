"""Cross-validation: folds that share no lesion, numbers of lesions never met, stops between."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file

from skinmodel.bundle import save_model
from skinmodel.calibration import Calibration
from skinmodel.diagnoses import CODES
from skinmodel.network import CnnLstm
from tests.training.conftest import Layout
from training.__main__ import main
from training.data.manifest import InvalidData, read_isic
from training.data.seen import SEEN, fingerprints
from training.data.splits import assign
from training.learning.config import InvalidConfig
from training.learning.crossvalidate import METRICS, PHOTOS, RESULT, cross_validate
from training.learning.folds import assign_folds, unseen
from training.learning.run import open_run
from training.runs.folder import HISTORY


def lesions(counts: dict[str, int], patients: int = 0) -> pd.DataFrame:
    """Two photos of each lesion; the first so many lesions of each diagnosis have one patient."""
    rows = [
        {
            "diagnosis": code,
            "lesion": f"{code}{i}",
            "patient": f"patient {i}" if i < patients else "",
        }
        for code, count in counts.items()
        for i in range(count)
        for _ in range(2)
    ]
    return pd.DataFrame(rows)


def test_folds_share_no_lesion_and_no_patient_and_have_every_diagnosis() -> None:
    table = lesions({"MEL": 30, "NV": 200, "DF": 6}, patients=6)
    fold = assign_folds(table, 5, seed=0)
    assert set(fold) == {1, 2, 3, 4, 5}
    assert fold.groupby(table["lesion"]).nunique().eq(1).all()
    known = table["patient"] != ""
    assert fold[known].groupby(table["patient"][known]).nunique().eq(1).all()
    counts = pd.crosstab(fold, table["diagnosis"])
    assert (counts > 0).all(axis=None)
    assert counts["NV"].max() - counts["NV"].min() <= 20
    assert assign_folds(table, 5, seed=0).equals(fold)
    assert not assign_folds(table, 5, seed=1).equals(fold)


def test_too_few_lesions_are_named() -> None:
    with pytest.raises(InvalidData, match=r"5 folds need as many lesions.*DF \(4\)"):
        assign_folds(lesions({"NV": 20, "DF": 4}), 5, seed=0)


@pytest.fixture
def start(tiny, tmp_path: Path) -> Path:
    path = tmp_path / "backbone.safetensors"
    save_file(CnnLstm(tiny.model).backbone.state_dict(), path)
    return path


@pytest.mark.parametrize("learns", ["head", "all"])
def test_every_lesion_outside_the_locked_test_is_tested_once(
    isic: Layout, tmp_path: Path, tiny, start: Path, learns: str
) -> None:
    config = dataclasses.replace(tiny, learns=learns, views=1, epochs=1)
    run = open_run(
        data=isic.folder,
        folder=tmp_path / "run",
        config=config,
        cache=tmp_path / "cache",
        progress=lambda *_: None,
    )
    result = cross_validate(run, folds=2, init=start, log=lambda _: None, stop=lambda: False)
    free = run.table[run.table["split"] != "test"]
    tables = [pd.read_csv(run.folder / f"fold-{fold}" / PHOTOS) for fold in (1, 2)]
    assert sorted(pd.concat(tables)["image"]) == sorted(free["image"])
    assert result["learns"] == learns and "ImageNet's weights" in result["encoder"]["unseen"]
    assert json.loads(json.dumps(result)) == json.loads((run.folder / RESULT).read_text())

    confusion = np.array(result["confusion"]["single_photos"])
    assert confusion.sum(axis=1).tolist() == [(free["diagnosis"] == c).sum() for c in CODES]
    assert np.array(result["confusion"]["series"]).sum() == free["lesion"].nunique()
    for fold, table in zip(result["folds"], tables, strict=True):
        right = table[list(CODES)].idxmax(axis=1) == table["label"]
        assert fold["single_photos"]["accuracy"] == pytest.approx(right.mean())
        recalls = right.groupby(table["label"]).mean()
        assert fold["single_photos"]["balanced_accuracy"] == pytest.approx(recalls.mean())
    first, second = (fold["single_photos"]["macro_auroc"] for fold in result["folds"])
    mean, spread = result["mean_and_sd"]["single_photos"]["macro_auroc"]
    assert mean == pytest.approx((first + second) / 2)
    assert spread == pytest.approx(abs(first - second) / 2**0.5)
    assert set(result["mean_and_sd"]["series"]) == set(METRICS)


def test_a_stopped_one_goes_on_fold_by_fold(isic: Layout, tmp_path: Path, tiny, start) -> None:
    config = dataclasses.replace(tiny, learns="head", views=1, epochs=2)

    def validate(name: str, stop_after: int | None) -> dict | None:
        run = open_run(
            data=isic.folder,
            folder=tmp_path / name,
            config=config,
            cache=tmp_path / "cache",
            progress=lambda *_: None,
        )
        said: list[str] = []

        def stop() -> bool:
            return stop_after is not None and said.count("epoch") >= stop_after

        def log(line: dict) -> None:
            said.append(line["stage"])

        return cross_validate(run, folds=3, init=start, log=log, stop=stop)

    whole = validate("whole", None)
    assert validate("cut", 3) is None  # in the second fold
    first = (tmp_path / "cut" / "fold-1" / HISTORY).read_text()
    assert validate("cut", None) == whole
    assert (tmp_path / "cut" / "fold-1" / HISTORY).read_text() == first


def test_a_model_that_met_the_lesions_is_refused(isic: Layout, tmp_path: Path, tiny) -> None:
    table = assign(read_isic(isic.folder).table)
    free = table[table["split"] != "test"]

    def saved(name: str, rest: dict) -> Path:
        return save_model(
            tmp_path / name,
            CnnLstm(tiny.model),
            version=name,
            preparation=tiny.preparation,
            calibration=Calibration(1.0, (0.125,) * 8),
            rest=rest,
        )

    with pytest.raises(InvalidConfig, match="Model met has met 48 of these 48 lesions"):
        unseen(free, saved("met", {SEEN: fingerprints(table)}))
    elsewhere = table.assign(lesion="other " + table["lesion"])
    assert "none of these" in unseen(free, saved("apart", {SEEN: fingerprints(elsewhere)}))
    assert "may not be unseen" in unseen(free, saved("silent", {}))
    assert "random weights" in unseen(free, None)


def test_the_command_prints_a_table_and_guards_its_folder(
    isic: Layout, tmp_path: Path, tiny, start: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "var"))
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({**tiny.to_dict(), "epochs": 1, "views": 1}))
    given = ["cross-validate", "--data", str(isic.folder), "--out", str(tmp_path / "run")]
    given += ["--init", str(start), "--config", str(settings), "--learns", "head"]
    assert main([*given, "--folds", "2"]) == 0
    said = capsys.readouterr().out
    assert "fold 2/2: " in said and "The head alone learnt in each fold." in said
    assert "mean ± sd" in said and "balanced accuracy" in said
    assert main([*given, "--folds", "3"]) == 2
    assert "other folds" in capsys.readouterr().err
    assert main([*given, "--folds", "1"]) == 2
    assert "at least 2" in capsys.readouterr().err
