"""A candidate beside the model in use, and the gate that reads what came of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from skinmodel.alert import AlertLine
from skinmodel.bundle import load_model, save_model
from skinmodel.calibration import Calibration
from skinmodel.golden import GOLDEN, answers, golden_bytes
from skinmodel.network import CnnLstm, ModelConfig
from skinmodel.sets import SetRule
from skinmodel.transforms import Preparation
from skinmodel.unknown import Unknown, fit_unknown
from training.__main__ import main
from training.data.manifest import InvalidData, read_isic
from training.data.seen import fingerprints
from training.data.splits import assign
from training.measuring import compared, versus
from training.measuring.compared import CANDIDATE, CASES, KINDS, NUMBERS, OTHER
from training.measuring.paired import Pairs
from training.measuring.promotion import Verdict, judge

CALIBRATED = Calibration(
    sets=SetRule(coverage=0.9, thresholds=(0.1,) * 8),
    alert=AlertLine(sensitivity=0.9, threshold=0.3),
)
CONFUSED = {"single_photos": {"confusion": [[1, 1], [0, 2]]}}


def save(folder: Path, seed: int = 0, calibration: Calibration = CALIBRATED, **card: Any) -> Path:
    """A tiny calibrated model with a golden set."""
    torch.manual_seed(seed)
    config = ModelConfig(backbone="conv", filters=(6, 8), lstm_units=8)
    network = CnnLstm(config).eval()
    with torch.no_grad():
        network.classifier.weight.mul_(20)
    preparation = Preparation(size=24, scale=48)
    unknown = _unknown()
    golden = answers(network, preparation, calibration, unknown)
    return save_model(
        folder, network, version=folder.name, preparation=preparation, calibration=calibration,
        unknown=unknown, rest={"numbers": CONFUSED} | card, beside={GOLDEN: golden_bytes(golden)},
    )  # fmt: skip


def _unknown() -> Unknown:
    seen = torch.randn(60, 14, generator=torch.Generator().manual_seed(0)).split([8, 6], dim=1)
    return fit_unknown(*seen, np.arange(60) % 8, held_out=seen, lesions=np.arange(60))


def judged(candidate: Path, other: Path) -> Verdict:
    """The verdict, with the comparisons that were asked for beside the models."""
    return judge(candidate, other, candidate.parent / "kept")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)


def test_two_models_are_measured_on_lesions_that_neither_has_met(
    isic: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = assign(read_isic(isic.folder).table)
    met = table[table["split"] != "calibration"]  # the other has not met these, the candidate has
    candidate = save(tmp_path / "1.1", 1, seen_lesions=fingerprints(table))
    other = save(tmp_path / "1.0", 2, seen_lesions=fingerprints(met))
    assert compared.read(candidate) is None
    asked = ["compare", "--model", str(candidate), "--with", str(other)]
    assert main([*asked, "--data", str(isic.folder)]) == 0
    said = capsys.readouterr().out
    assert "of 16 lesions that neither model has met, 2 melanomas" in said
    assert "model 1.1  model 1.0" in said and "balanced accuracy" in said

    found = compared.read(candidate)
    assert found is not None
    assert found.of(load_model(candidate).sha256, load_model(other).sha256)
    tested = table[table["split"] == "test"]
    rows = found.cases
    assert set(rows.loc[rows["kind"] == "single_photos", "image"]) == set(tested["image"])
    assert (rows["kind"] == "series").sum() == 16
    for side, folder in ((CANDIDATE, candidate), (OTHER, other)):
        numbers = found.numbers["models"][side]
        assert numbers["version"] == folder.name
        for kind in KINDS:
            mine = rows[rows["kind"] == kind]
            for i, truth in enumerate(found.numbers["classes"]):
                ranked = mine.loc[mine["diagnosis"] == truth, f"first_{side}"]
                assert numbers[kind]["confusion"][i] == [
                    int((ranked == code).sum()) for code in found.numbers["classes"]
                ]
        flagged = rows[(rows["kind"] == "series") & (rows["diagnosis"] == "MEL")][f"above_{side}"]
        assert numbers["alert"]["sensitivity_melanoma"]["share"][0] == flagged.mean()
    series = rows[rows["kind"] == "series"]
    lost = ~series[f"above_{CANDIDATE}"] & series[f"above_{OTHER}"] & (series["diagnosis"] == "MEL")
    assert found.numbers["paired"]["melanoma_sensitivity"]["only_other"] == lost.sum()

    verdict = judged(candidate, other)
    assert verdict.faults == () and not verdict.passed
    assert verdict.doubts == ("Too few melanomas to judge (2); 100 are needed.",)
    assert "was compared with model 1.0" in judged(candidate, save(tmp_path / "2.0", 3)).doubts[0]


def test_the_newest_comparison_of_these_two_models_counts(tmp_path: Path) -> None:
    candidate, other = save(tmp_path / "1.1", 1), save(tmp_path / "1.0")
    fake(candidate, save(tmp_path / "0.9", 2), Pairs(500, 0, 0))  # as its run left it
    assert (
        "compared with model 0.9, not with model 1.0 as it is" in judged(candidate, other).doubts[0]
    )
    kept = tmp_path / "kept" / compared.pair("1.1", "1.0")
    for melanomas, doubts in ((99, 1), (200, 0)):
        made = tmp_path / "run" / f"job-{melanomas}"
        made.mkdir(parents=True)
        fake(candidate, other, Pairs(melanomas, 0, 0), made)
        kept.mkdir(parents=True, exist_ok=True)
        compared.keep(made, kept)
        assert len(judged(candidate, other).doubts) == doubts
    assert [one.name for one in kept.iterdir()] == ["job-200"]
    assert judged(other, candidate).doubts == ("Model 1.0 was not compared with model 1.1.",)
    compared.forget("1.0", tmp_path / "kept")
    assert not kept.exists()


def test_models_of_two_kinds_are_not_compared(tmp_path: Path) -> None:
    cards = {"config": {"task": "binary"}}, {"config": {}}
    with pytest.raises(InvalidData, match="malignant and benign only"):
        versus.unmet(pd.DataFrame(), *cards)


def test_models_that_have_met_everything_are_not_compared(isic: Any, tmp_path: Path) -> None:
    table = read_isic(isic.folder).table
    everything = fingerprints(table.assign(split="train"))
    candidate = save(tmp_path / "1.1", 1, seen_lesions=everything)
    with pytest.raises(InvalidData, match="no lesion that neither"):
        versus.compare(candidate, save(tmp_path / "1.0"), table)
    assert compared.read(candidate) is None


def test_a_broken_comparison_is_a_doubt(tmp_path: Path) -> None:
    candidate, other = save(tmp_path / "1.1", 1), save(tmp_path / "1.0")
    assert judged(candidate, other).doubts == ("Model 1.1 was not compared with model 1.0.",)
    for text in ("", "{}", "[]", '{"format": 99}'):
        (candidate / NUMBERS).write_text(text)
        assert "cannot be read" in judged(candidate, other).doubts[0]


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ({"alert": None}, "no alert line"),
        ({"sets": None}, "no prediction sets"),
    ],
)
def test_what_is_not_calibrated_is_refused(
    tmp_path: Path, lacking: dict[str, None], sentence: str
) -> None:
    calibration = Calibration(**{"sets": CALIBRATED.sets, "alert": CALIBRATED.alert} | lacking)
    verdict = judged(save(tmp_path / "1.1", calibration=calibration), save(tmp_path / "1.0"))
    assert any(sentence in fault for fault in verdict.faults)


def test_an_alert_line_that_flags_everything_is_a_doubt(tmp_path: Path) -> None:
    other = save(tmp_path / "1.0")
    line = AlertLine(sensitivity=0.95, threshold=0.0)
    calibration = Calibration(sets=CALIBRATED.sets, alert=line)
    verdict = judged(save(tmp_path / "1.1", calibration=calibration), other)
    assert any("alert line flags every lesion" in doubt for doubt in verdict.doubts)
    assert not any("flags every" in doubt for doubt in judged(save(tmp_path / "1.2"), other).doubts)


def test_damage_and_a_single_diagnosis_are_faults(tmp_path: Path) -> None:
    other = save(tmp_path / "1.0")
    one = save(tmp_path / "1.1", numbers={"single_photos": {"confusion": [[0, 3], [0, 2]]}})
    assert judged(one, other).faults == (
        "The model ranked the same diagnosis first for every test photo.",
    )
    changed = save(tmp_path / "1.2")
    card = json.loads((changed / "card.json").read_text())
    card["preparation"]["mean"] = [0.5, 0.5, 0.5]
    (changed / "card.json").write_text(json.dumps(card))
    assert "prepares photos in another way" in judged(changed, other).faults[0]
    (changed / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    assert judged(changed, other).faults == (
        "The model's weights.safetensors file is not a safe model.",
    )


def fake(folder: Path, other: Path, pairs: Pairs, into: Path | None = None) -> None:
    """A comparison in which so many melanomas were found by one model only."""
    place = into or folder
    numbers = {
        "format": compared.FORMAT,
        "made_on": "2025-03-12",
        "models": {
            side: {"version": one.name, "sha256": load_model(one).sha256}
            for side, one in ((CANDIDATE, folder), (OTHER, other))
        },
        "data": {"melanomas": pairs.cases, "lesions": 300, "photos": 400},
        "classes": [],
        "difference": {},
        "paired": {"melanoma_sensitivity": pairs.to_dict(), "specificity": pairs.to_dict()},
    }
    (place / NUMBERS).write_text(json.dumps(numbers))
    (place / CASES).write_text(",".join([*compared.TEXTS, *compared.VALUES]) + "\n")


@pytest.mark.parametrize(
    ("pairs", "doubt"),
    [
        (Pairs(100, 0, 0), None),
        (Pairs(200, 5, 3), None),
        (Pairs(99, 30, 0), "Too few melanomas to judge (99); 100 are needed."),
        (Pairs(100, 0, 2), "may be lower by 7.0 points; at most 5 are accepted."),
        (Pairs(200, 20, 20), "may be lower by"),
    ],
)
def test_the_gate_asks_for_proof_that_melanomas_are_not_lost(
    tmp_path: Path, pairs: Pairs, doubt: str | None
) -> None:
    candidate, other = save(tmp_path / "1.1", 1), save(tmp_path / "1.0")
    fake(candidate, other, pairs)
    verdict = judged(candidate, other)
    assert verdict.passed == (doubt is None)
    assert all(doubt in sentence for sentence in verdict.doubts) if doubt else not verdict.doubts
    assert verdict.facts[1].startswith("Specificity at the alert line: ")
