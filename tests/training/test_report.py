"""`python -m training evaluate`: what counts, what is said, a page that needs nothing else."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from skinmodel.bundle import load_model
from skinmodel.diagnoses import CODES
from skinmodel.unknown import fit_unknown
from tests.tiny import save_tiny_model
from tests.training.conftest import Layout
from training.__main__ import main
from training.data.manifest import InvalidData, read_isic
from training.data.seen import SEEN, fingerprints
from training.data.splits import assign
from training.report import page, svg
from training.report.attention import measure
from training.report.curves import curves
from training.report.mistakes import worst
from training.report.road import REMOVED, _ranks, _removed
from training.report.selection import select
from training.report.subgroups import age_band, by_group, groups


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("training.measuring.evaluate.RESAMPLES", 20)
    monkeypatch.setattr("training.measuring.reliability.SIMULATIONS", 20)
    monkeypatch.setenv("SKIN_DATA_DIR", str(tmp_path / "var"))


@pytest.fixture
def table(isic: Layout) -> pd.DataFrame:
    return assign(read_isic(isic.folder).table)


def evaluate(isic: Layout, model: Path, *more: str) -> int:
    out = isic.folder.parent / "out"
    given = ["--model", str(model), "--data", str(isic.folder), "--out", str(out)]
    return main(["evaluate", *given, *more])


def written(isic: Layout) -> tuple[dict, str]:
    out = isic.folder.parent / "out"
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    return json.loads((out / "evaluation.json").read_text(encoding="utf-8")), page


def with_card(model: Path, **values: object) -> Path:
    card = json.loads((model / "card.json").read_text())
    (model / "card.json").write_text(json.dumps(card | values))
    return model


def test_the_whole_report(isic: Layout, table: pd.DataFrame, tmp_path: Path, capsys) -> None:
    rule = {"coverage": 0.9, "thresholds": [0.05] * 8}
    calibration = {"sets": rule, "alert": {"sensitivity": 0.95, "threshold": 0.3}}
    elsewhere = 50 + torch.randn(60, 12)  # so far from the photos that all are refused
    early = torch.randn(60, 8)
    unknown = fit_unknown(
        elsewhere, early, np.zeros(60), held_out=(elsewhere + 0.1, early), lesions=np.arange(60)
    )
    model = with_card(
        save_tiny_model(tmp_path, unknown=unknown),
        calibration=calibration,
        **{SEEN: fingerprints(table)},
    )
    (isic.folder / "masks").mkdir()
    for image in table["image"]:
        mask = Image.new("1", (96, 72))
        mask.paste(1, (30, 20, 66, 52))
        mask.save(isic.folder / "masks" / f"{image}.png")
    isic.change(isic.metadata, lambda t: t.assign(sex="<b>odd</b>", age_approx="45"))

    assert evaluate(isic, model, "--road", "2", "--card") == 0
    numbers, page = written(isic)
    kept = load_model(model).card["numbers"]["heat_maps"]
    assert (kept["outlines"], kept["road"]) == (numbers["heat_maps"], numbers["road"])
    tested = table[table["split"] == "test"]
    assert numbers["data"]["photos"] == numbers["single_photos"]["cases"] == len(tested)
    assert numbers["data"]["lesions"] == 16 and numbers["data"]["photos_of_lesions_met"] == 0
    assert sum(map(sum, numbers["single_photos"]["confusion"])) == len(tested)
    assert numbers["sets"]["cases"] == numbers["alert"]["cases"] == 16
    assert numbers["refusals"]["share"][0] == 1  # and a refused lesion is below no line
    assert numbers["alert"]["sensitivity_melanoma"]["share"][0] == 1
    assert numbers["heat_maps"]["photos"] == len(tested)
    assert numbers["heat_maps"]["groups"]["all photos"]["area"][0] == pytest.approx(1 / 6, abs=0.01)
    assert numbers["road"]["photos"] + numbers["road"]["without_highlight"] == 2
    assert numbers["several_photos"]["lesions"] > 0

    assert "16 lesions. The folder also holds" in page and "Prediction sets" in page
    # Nothing from elsewhere, nothing that runs, and the folder's words stay words.
    assert not re.search(r"https?://|<script|<link|url\(|@import", page)
    assert "<b>odd" not in page and "&lt;b&gt;odd" in page
    assert page.count("data:image/webp") % 3 == 0 and "data:image/webp" in page
    assert not re.search(r"\b(nan|None)\b", page)
    said = capsys.readouterr().out
    assert "Balanced accuracy 0." in said and "evaluation.html" in said


def test_a_binary_model_and_missing_diagnoses(isic: Layout, tmp_path: Path, capsys) -> None:
    model = save_tiny_model(tmp_path, task="binary")
    isic.change(isic.truth, lambda t: t[t["image"].str.contains("MEL|NV")])
    assert evaluate(isic, model, "--split", "all", "--road", "0") == 0
    numbers, page = written(isic)
    assert numbers["classes"] == ["BENIGN", "MALIGNANT"]
    assert numbers["sets"] is None and numbers["heat_maps"] is None
    assert "chosen by the option --split all" in page

    eight = save_tiny_model(tmp_path / "eight")
    assert evaluate(isic, eight, "--split", "all", "--road", "0") == 0
    numbers, page = written(isic)
    assert numbers["single_photos"]["per_diagnosis"]["DF"]["recall"] is None
    assert numbers["curves"]["DF"] is None and "no such cases" in page


def test_bad_photos_are_named_and_the_rest_is_measured(
    isic: Layout, tmp_path: Path, capsys
) -> None:
    broken = sorted(isic.photos.iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:200])
    model = save_tiny_model(tmp_path)
    assert evaluate(isic, model, "--split", "all", "--road", "0") == 1
    numbers, page = written(isic)
    assert [one["image"] for one in numbers["data"]["refused"]] == [broken.stem]
    assert "could not be read and are in no figure" in page
    assert broken.stem in capsys.readouterr().err


def test_lesions_the_model_has_met_are_announced(
    isic: Layout, table: pd.DataFrame, tmp_path: Path
) -> None:
    model = with_card(save_tiny_model(tmp_path), **{SEEN: fingerprints(table)})
    assert evaluate(isic, model, "--split", "all", "--road", "0") == 0
    assert "flatter the model" in written(isic)[1]


def test_what_cannot_be_used_is_said_in_a_sentence(isic: Layout, tmp_path: Path, capsys) -> None:
    model = save_tiny_model(tmp_path)
    out = isic.folder.parent / "out"
    file = tmp_path / "file"
    file.write_text("")
    for arguments, sentence in (
        (["--model", str(tmp_path / "none"), "--data", str(isic.folder)], "card.json is missing"),
        (["--model", str(model), "--data", str(tmp_path / "none")], "is not a folder"),
        (["--model", str(model), "--data", str(tmp_path)], "GroundTruth.csv"),
        (["--model", str(model), "--data", str(isic.folder), "--road", "-1"], "0 or more"),
        (
            ["--model", str(model), "--data", str(isic.folder), "--card", "--split", "all"],
            "takes no --split",
        ),
    ):
        assert main(["evaluate", *arguments, "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert sentence in said and "Traceback" not in said
        assert not out.exists()
    given = ["--model", str(model), "--data", str(isic.folder), "--out", str(file / "out")]
    assert main(["evaluate", *given]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_it_can_be_stopped(isic: Layout, tmp_path: Path, capsys, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.report.evaluation.several_photos", interrupt)
    assert evaluate(isic, save_tiny_model(tmp_path)) == 1
    assert "no report was written" in capsys.readouterr().err
    assert not (isic.folder.parent / "out").exists()


def test_photos_of_none_of_the_eight_are_left_out(isic: Layout) -> None:
    def mark(truth: pd.DataFrame) -> pd.DataFrame:
        truth.loc[:1, [*CODES]] = "0"
        truth.loc[:1, "UNK"] = "1"
        return truth

    isic.change(isic.truth, mark)
    found = read_isic(isic.folder, without_unknown=True)
    assert "2 photos are marked UNK" in found.notes[0]
    with pytest.raises(InvalidData, match="cannot be trained"):
        read_isic(isic.folder)


def test_small_groups_get_no_figures() -> None:
    random = np.random.default_rng(0)
    count = 300
    labels = random.integers(8, size=count)
    scores = random.dirichlet(np.ones(8), size=count)
    female = np.arange(count) >= 200
    scores[female] = np.eye(8)[labels[female]]  # never wrong in women
    table = pd.DataFrame(
        {
            "sex": np.where(female, "female", "male"),
            "age": np.where(np.arange(count) < 5, "80", "50"),
            "site": ["" if i % 2 else "Nail " for i in range(count)],
        }
    )
    found = groups(table)
    assert [(g.kind, g.name) for g in found] == [
        ("Sex", "female"), ("Sex", "male"), ("Age", "40 to 59"), ("Age", "75 and over"),
        ("Body site", "nail"), ("Body site", "not stated"),
    ]  # fmt: skip
    rows = by_group(found, (scores, scores), labels, np.arange(count))
    women, men, _, old = rows[:4]
    assert women["accuracy"] == [1, 1, 1] and men["accuracy"][0] < 0.5
    assert women["malignancy_auroc_minus_others"][1] > 0
    assert (old["lesions"], old["accuracy"], old["malignancy_auroc"]) == (5, None, None)
    # Enough in the group, too few among the others: a figure, and nothing to compare it with.
    assert rows[2]["accuracy"] and rows[2]["accuracy_minus_others"] is None
    bands = [age_band(text) for text in ("0", "17.5", "40", "85", "", "old", "-1", "nan")]
    assert bands == ["under 18", "under 18", "40 to 59", "75 and over", "", "", "", ""]


def test_a_map_is_measured_against_the_outline() -> None:
    outline = np.zeros((30, 40), dtype=bool)
    outline[:, 20:] = True
    heat = np.zeros((3, 4), dtype=np.float32)
    heat[1, 3] = 1
    found = measure(heat, outline, row=0)
    assert found.area == 0.5 and found.energy > 0.95 and found.pointed
    assert measure(heat[:, ::-1], outline, row=0).pointed is False
    even = measure(np.ones((3, 4), dtype=np.float32), outline, row=0)
    assert even.energy == pytest.approx(0.5)
    assert measure(0 * heat, outline, row=0).energy is None


def test_an_outline_that_does_not_fit_is_counted_not_used(isic: Layout, tmp_path: Path) -> None:
    (isic.folder / "masks").mkdir()
    images = sorted(path.stem for path in isic.photos.iterdir())[:3]
    Image.new("1", (50, 72), 1).save(isic.folder / "masks" / f"{images[0]}.png")
    (isic.folder / "masks" / f"{images[1]}.png").write_bytes(b"no picture")
    Image.new("1", (96, 72)).save(isic.folder / "masks" / f"{images[2]}.png")
    assert evaluate(isic, save_tiny_model(tmp_path), "--split", "all", "--road", "0") == 0
    problems = written(isic)[0]["heat_maps"]["problems"]
    assert sorted(problems.values()) == [1, 1, 1]


def test_removal_takes_exact_shares_even_of_a_map_that_is_mostly_zero() -> None:
    heat = np.zeros((6, 6), dtype=np.float32)
    heat[2, 3] = 1
    ranks = _ranks(heat, torch.zeros(3, 60, 60), np.random.default_rng(0))
    for share in REMOVED:
        assert (ranks >= 1 - share).mean() == pytest.approx(share, abs=0.01)
    assert ranks[25, 35] > 0.99


def test_the_hottest_places_go_first_and_then_the_coldest() -> None:
    photo = torch.randn(3, 48, 48)
    heat = np.arange(36, dtype=np.float32).reshape(6, 6)  # coldest at the top, hottest below
    versions = _removed(photo, heat, np.random.default_rng(0))
    assert len(versions) == 2 * len(REMOVED)
    for place, share in enumerate(REMOVED):
        hot, cold = versions[2 * place : 2 * place + 2]
        assert torch.equal(hot[:, :8], photo[:, :8]) and not torch.equal(hot[:, -8:], photo[:, -8:])
        assert torch.equal(cold[:, -8:], photo[:, -8:])
        changed = (hot != photo).any(dim=0).float().mean().item()
        assert changed == pytest.approx(share, abs=0.01)


def test_each_lesion_is_shown_once_by_its_worst_photo() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    shown = np.full((5, 8), 0.01)
    shown[[0, 1, 2, 4], [1, 1, 2, 4]] = 0.93, 0.91, 0.9, 0.9
    shown[3, 1] = 0.93
    found = worst(shown, labels, np.array([7, 7, 8, 9, 10]))
    # The third is taken for another malignant diagnosis: wrong, but not missed.
    assert [one.row for one in found["missed"]] in ([0], [1])
    assert sorted(one.row for one in found["others"]) == [2, 4]


def test_curves_keep_their_ends_and_say_when_there_is_none() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 500)
    scores = np.stack([random.random(1000) - 0.3 * labels, random.random(1000)], axis=1)
    found = curves(scores, labels, ("A", "B"))
    assert found["A"]["roc"][0] == [0, 0] and found["A"]["roc"][-1] == [1, 1]
    assert found["A"]["precision_recall"][-1] == [1, 0.5] and len(found["A"]["roc"]) <= 100
    assert curves(scores, 0 * labels, ("A", "B")) == {"A": None, "B": None}


def test_a_whisker_stays_on_its_scale() -> None:
    drawn = svg.whisker([0.4, 0.2, 1.0], low=0.5, high=1, mark=0.75)
    assert 'd="M2.0 6H98.0"' in drawn and 'cx="2.0"' in drawn and "M50.0 0" in drawn
    assert svg.whisker(None, low=0, high=1, mark=None) == ""


def test_by_default_only_lesions_never_met_count(table: pd.DataFrame) -> None:
    card = {SEEN: fingerprints(table)}
    found = select(table, card)
    assert found.met == 0 and len(found.table) == (table["split"] == "test").sum()
    assert "16 lesions. The folder also holds" in found.sentence
    foreign = select(table.assign(lesion="elsewhere " + table["lesion"]), card)
    assert len(foreign.table) == len(table) and "has met none" in foreign.sentence
    every = select(table, card, "all")
    assert every.met == (table["split"] != "test").sum() and "--split all" in every.sentence


@pytest.mark.parametrize("card", [{}, {SEEN: None}, {SEEN: "*"}])
def test_a_card_that_does_not_say_leaves_the_test_side(table: pd.DataFrame, card) -> None:
    found = select(table, card)
    assert set(assign(found.table)["split"]) == {"test"} and found.met is None
    assert "does not list" in found.sentence


def test_nothing_to_count_is_said(table: pd.DataFrame) -> None:
    learned = table[table["split"] == "train"]
    with pytest.raises(InvalidData, match="--split all"):
        select(learned, {SEEN: fingerprints(table)})
    with pytest.raises(InvalidData, match="test side"):
        select(learned, {}, "test")


def test_no_probability_is_said_to_be_certain() -> None:
    said = [page._percent(share) for share in (0.0, 0.004, 0.2, 0.994, 0.9951, 0.99999, 1.0)]
    assert said == ["0 %", "under 1 %", "20 %", "99 %", "over 99 %", "over 99 %", "over 99 %"]
