"""analyse: visits, order, dates, threads, and no result rather than a wrong one."""

import datetime
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from skinmodel import analysis as module
from skinmodel.alert import AlertLine, AlertTest
from skinmodel.analysis import Analysis, AnalysisFailed, analyse
from skinmodel.bundle import Model
from skinmodel.casemix import CaseMix
from skinmodel.recall import Recall
from skinmodel.series import SeriesPhoto
from skinmodel.sets import SetRule, SetTest
from skinmodel.transforms import Preparation

Photos = tuple[SeriesPhoto, ...]
MakeModel = Callable[..., Model]
DAY = datetime.timedelta(days=1)
START = datetime.date(2025, 1, 10)


def undated(photos: Sequence[SeriesPhoto]) -> list[SeriesPhoto]:
    return [replace(photo, taken_on=None) for photo in photos]


def by_photo(analysis: Analysis) -> dict[str, Any]:
    """Each photo's heat maps, whatever its place."""
    return {p.sha256: analysis.raw_maps[:, i] for i, p in enumerate(analysis.photos)}


def assert_same(a: Analysis, b: Analysis, tolerance: float = 1e-5) -> None:
    for name in ("probabilities", "alone", "malignancy", "malignancy_alone"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=tolerance)
    maps_a, maps_b = by_photo(a), by_photo(b)
    assert maps_a.keys() == maps_b.keys()
    for photo, maps in maps_a.items():
        np.testing.assert_allclose(maps, maps_b[photo], rtol=1e-4, atol=1e-5)


def test_a_series_is_analysed(model: Model, photos: Photos) -> None:
    result = analyse(model, photos)
    assert [visit.photos for visit in result.visits] == [(0,), (1, 2), (3, 4), (5,)]
    assert result.probabilities.shape == result.alone.shape == (4, 8)
    assert result.malignancy.shape == result.malignancy_alone.shape == (4,)
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(result.malignancy, result.probabilities[:, [0, 2, 7]].sum(axis=1))
    assert result.raw_maps.shape == result.maps.shape == (8, 6, 6, 6)
    assert result.maps.min() == 0 and result.maps.max() == 1
    assert result.frames == ((0, 0, 160, 120),) * 6
    assert (result.model_version, result.model_sha256) == (model.version, model.sha256)
    assert result.warnings == result.notes == ()
    assert result.timings["total"] > 0
    with pytest.raises(FrozenInstanceError):
        result.prior = "balanced"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        result.probabilities[0, 0] = 1


def test_up_to_each_visit_is_the_series_so_far(model: Model, photos: Photos) -> None:
    whole = analyse(model, photos)
    for t, count in enumerate((1, 3, 5, 6)):
        part = analyse(model, photos[:count])
        np.testing.assert_allclose(part.probabilities, whole.probabilities[: t + 1], atol=1e-6)
    assert np.abs(np.diff(whole.probabilities, axis=0)).max() > 0.005  # or nothing was compared


def test_each_visit_alone_is_its_photos_alone(model: Model, photos: Photos) -> None:
    whole = analyse(model, photos)
    for t, visit in enumerate(whole.visits):
        part = analyse(model, [photos[i] for i in visit.photos])
        np.testing.assert_allclose(part.probabilities[0], whole.alone[t], atol=1e-6)
        np.testing.assert_allclose(part.alone[0], whole.alone[t], atol=1e-6)


def test_upload_order_changes_nothing(
    model: Model, photos: Photos, times: Callable[[int, int], int]
) -> None:
    expected = analyse(model, photos)
    order, chooser = list(photos), random.Random(0)
    for _ in range(times(10, 200)):
        chooser.shuffle(order)
        found = analyse(model, order)
        assert [v.taken_on for v in found.visits] == [v.taken_on for v in expected.visits]
        assert_same(found, expected)


def test_dates_count_by_their_order_alone(model: Model, photos: Photos) -> None:
    other_days = (0, 1, 1, 3650, 3650, 3651)
    moved = [
        replace(p, taken_on=START + day * DAY) for p, day in zip(photos, other_days, strict=True)
    ]
    assert_same(analyse(model, moved), analyse(model, photos), tolerance=0)


def test_days_count_in_a_model_that_uses_them(make_model: MakeModel, photos: Photos) -> None:
    model = make_model(uses_days=True)
    near = [replace(p, taken_on=START + i * DAY) for i, p in enumerate(photos)]
    far = [replace(p, taken_on=START + i * 300 * DAY) for i, p in enumerate(photos)]
    a, b = analyse(model, near), analyse(model, far)
    assert np.abs(a.probabilities[-1] - b.probabilities[-1]).max() > 1e-4
    np.testing.assert_allclose(a.alone, b.alone, atol=1e-6)  # alone, each is its own first day


@pytest.mark.parametrize("uses_days", [False, True])
def test_photos_without_dates_keep_their_order(
    make_model: MakeModel, photos: Photos, uses_days: bool
) -> None:
    model = make_model(uses_days=uses_days)
    result = analyse(model, undated(photos))
    assert [visit.photos for visit in result.visits] == [(i,) for i in range(6)]
    assert all(visit.taken_on is None for visit in result.visits)
    assert [p.name for p in result.photos] == [p.name for p in photos]
    assert np.isfinite(result.probabilities).all()
    turned = analyse(model, undated(photos)[::-1])
    assert np.abs(turned.probabilities[-1] - result.probabilities[-1]).max() > 1e-5


def test_a_photo_without_date_is_left_out_of_a_dated_series(model: Model, photos: Photos) -> None:
    mixed = [photos[0], replace(photos[2], taken_on=None), *photos[3:]]
    result = analyse(model, mixed)
    assert_same(result, analyse(model, [photos[0], *photos[3:]]))
    assert result.warnings == ("1 photo has no date and is not part of the comparison.",)
    assert [photo.name for photo in result.left_out] == ["photo2.jpg"]
    two = analyse(model, [*undated(photos[:2]), photos[3]])
    assert two.warnings == ("2 photos have no date and are not part of the comparison.",)


def test_a_photo_set_aside_changes_no_number(model: Model, photos: Photos) -> None:
    aside = [photos[0], replace(photos[2], set_aside=True), *photos[3:]]
    result = analyse(model, aside)
    assert_same(result, analyse(model, [photos[0], *photos[3:]]))
    assert result.warnings == ("photo2.jpg was left out of this result.",)
    assert [photo.name for photo in result.left_out] == ["photo2.jpg"]
    with pytest.raises(ValueError, match="at least one photo"):
        analyse(model, [replace(photo, set_aside=True) for photo in photos])


def test_one_photo_has_a_result_and_no_comparison(model: Model, photos: Photos) -> None:
    result = analyse(model, photos[:1])
    assert result.probabilities.shape == (1, 8)
    assert result.notes == ("A comparison needs photos of at least 2 dates.",)


def test_photos_of_one_day_are_one_visit_and_asked_about(model: Model, photos: Photos) -> None:
    result = analyse(model, [replace(photo, taken_on=START) for photo in photos])
    assert len(result.visits) == 1
    assert any("correct the dates" in note for note in result.notes)


def test_the_same_photo_again_changes_little(model: Model, photos: Photos) -> None:
    once = analyse(model, photos[:1])
    day = analyse(model, [replace(photos[0], name=f"copy{i}") for i in range(4)])
    np.testing.assert_allclose(day.probabilities, once.probabilities, atol=1e-6)
    visits = analyse(model, [replace(photos[0], taken_on=START + i * DAY) for i in range(4)])
    np.testing.assert_allclose(visits.alone, np.repeat(once.alone, 4, axis=0), atol=1e-6)
    assert np.ptp(visits.malignancy_alone) < 1e-6


def test_what_is_missing_is_said(model: Model, photos: Photos) -> None:
    days = [replace(photos[i % 6], taken_on=START + i * DAY) for i in range(11)]
    assert analyse(model, days, refused=1).warnings == ("This result is from 11 of 12 photos.",)


def test_a_day_and_ten_years_between_visits_both_give_numbers(
    make_model: MakeModel, photos: Photos
) -> None:
    model = make_model(uses_days=True)
    for gap in (1, 3650):
        pair = [photos[0], replace(photos[1], taken_on=START + gap * DAY)]
        result = analyse(model, pair)
        assert np.isfinite(result.probabilities).all() and np.isfinite(result.raw_maps).all()
        np.testing.assert_allclose(result.probabilities.sum(axis=1), 1)


def test_a_visit_more_looks_at_its_own_photo_alone(
    make_model: MakeModel, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, recall = make_model(), Recall()
    seen: list[int] = []
    whole = model.network.forward_intermediates

    def watch(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(len(batch))
        return whole(batch)

    monkeypatch.setattr(model.network, "forward_intermediates", watch)
    analyse(model, photos[:-1], recall=recall)
    seen.clear()
    found = analyse(model, photos, recall=recall)
    assert seen == [1]
    analyse(replace(model, sha256="another model"), photos, recall=recall)
    assert seen == [1, len(photos)]
    expected = analyse(model, photos)
    assert_same(found, expected)
    assert found.photo_warnings == expected.photo_warnings


@pytest.mark.parametrize("part", [0, 1])
def test_a_result_that_is_not_finite_is_not_recalled(
    make_model: MakeModel, photos: Photos, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    model, recall = make_model(), Recall()
    whole = model.network.forward_intermediates

    def nan(batch: torch.Tensor) -> list[torch.Tensor]:
        return [one * (float("nan") if i == part else 1) for i, one in enumerate(whole(batch))]

    with monkeypatch.context() as broken:
        broken.setattr(model.network, "forward_intermediates", nan)
        with pytest.raises(AnalysisFailed):
            analyse(model, photos, recall=recall)
    assert recall.bytes == 0
    assert analyse(model, photos, recall=recall).probabilities.shape == (4, 8)


def test_two_hundred_photos_go_through_in_small_batches(
    make_model: MakeModel, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    seen: list[int] = []
    whole = model.network.forward_intermediates

    def watch(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(len(batch))
        return whole(batch)

    monkeypatch.setattr(model.network, "forward_intermediates", watch)
    result = analyse(model, [replace(photos[i % 6], taken_on=START + i * DAY) for i in range(200)])
    assert max(seen) <= 16 and sum(seen) == 200
    assert result.probabilities.shape == (200, 8)
    assert result.maps.shape[:2] == (8, 200)


def test_batching_changes_nothing(model: Model, photos: Photos) -> None:
    together = module.extract_features(model, [p.picture for p in photos])
    for photo, *rows in zip(photos, *together, strict=True):
        alone = module.extract_features(model, [photo.picture])
        for one, row in zip(alone, rows, strict=True):
            torch.testing.assert_close(one[0], row, rtol=1e-5, atol=1e-5)


def test_the_same_input_gives_the_same_bits(model: Model, photos: Photos) -> None:
    a, b = analyse(model, photos), analyse(model, photos)
    assert np.array_equal(a.probabilities, b.probabilities)
    assert np.array_equal(a.raw_maps, b.raw_maps)


def test_the_prior_shifts_the_probabilities(model: Model, photos: Photos) -> None:
    mix = np.array(model.calibration.prior_training)
    training, balanced = analyse(model, photos), analyse(model, photos, prior="balanced")
    assert (training.prior, balanced.prior) == ("training", "balanced")
    shifted = balanced.probabilities * mix
    np.testing.assert_allclose(
        training.probabilities, shifted / shifted.sum(axis=1, keepdims=True), atol=1e-9
    )


def test_a_binary_model_says_malignancy_alone(make_model: MakeModel, photos: Photos) -> None:
    result = analyse(make_model(task="binary"), photos)
    assert result.codes == ("MALIGNANT",)
    assert result.probabilities.shape == result.alone.shape == (4, 1)
    np.testing.assert_array_equal(result.malignancy, result.probabilities[:, 0])
    assert result.maps.shape == (1, 6, 6, 6)


def test_heat_maps_can_be_left_out(model: Model, photos: Photos) -> None:
    result = analyse(model, photos, explain=False)
    np.testing.assert_array_equal(result.probabilities, analyse(model, photos).probabilities)
    assert result.maps.shape == (0, 6, 6, 6)


def test_progress_is_told(model: Model, photos: Photos) -> None:
    told: list[tuple[float, str]] = []
    analyse(model, photos * 4, progress=lambda done, text: told.append((done, text)))
    shares = [done for done, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert all(text for _, text in told)


# Eight threads, one model, no lock.


def test_eight_threads_say_what_one_says(
    model: Model, photos: Photos, times: Callable[[int, int], int]
) -> None:
    jobs = [photos, photos[:1], photos[2:5], photos[3:], undated(photos), photos[1:2]]
    serial = [analyse(model, job) for job in jobs]
    rounds = times(12, 100)
    together = threading.Barrier(8)

    def work(thread: int) -> None:
        together.wait()
        for i in range(rounds):
            which = (thread + i) % len(jobs)
            assert_same(analyse(model, jobs[which]), serial[which])

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, thread) for thread in range(8)]:
            future.result()


def test_two_people_at_once_see_only_their_own_maps(
    model: Model, photos: Photos, times: Callable[[int, int], int]
) -> None:
    own = [analyse(model, [photo]) for photo in photos[:2]]
    assert np.abs(own[0].raw_maps - own[1].raw_maps).max() > 1e-3  # or a mix-up would not show
    both = threading.Barrier(2)

    def explain(person: int) -> None:
        both.wait()
        assert_same(analyse(model, [photos[person]]), own[person])

    with ThreadPoolExecutor(2) as pool:
        for _ in range(times(200, 2000)):
            list(pool.map(explain, (0, 1)))


# No result rather than a wrong one.


def break_weights(model: Model) -> None:
    with torch.no_grad():
        model.network.classifier.bias[0] = float("nan")


def raise_in_backbone(model: Model) -> None:
    def fail(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("/secret/path: out of memory")

    model.network.forward_intermediates = fail  # type: ignore[method-assign]


def broken_maps(model: Model) -> None:
    def nan(photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full((len(photos), 12, 6, 6), float("nan")), torch.zeros(len(photos), 8)

    model.network.forward_intermediates = nan  # type: ignore[method-assign]


@pytest.mark.parametrize("breaking", [break_weights, raise_in_backbone, broken_maps])
def test_a_failing_network_gives_no_result(
    make_model: MakeModel, photos: Photos, breaking: Callable[[Model], None]
) -> None:
    model = make_model()
    analyse(model, photos[:2])  # there is an earlier result that must not come back
    breaking(model)
    with pytest.raises(AnalysisFailed) as failure:
        analyse(model, photos[:2])
    assert str(failure.value) == "No result - please try again."


def test_a_failing_heat_map_gives_no_result(
    model: Model, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "heat_maps", lambda *_, **__: np.full((8, 1, 6, 6), np.nan))
    with pytest.raises(AnalysisFailed):
        analyse(model, photos[:1])


def test_no_photo_is_no_series(model: Model) -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        analyse(model, [])


def test_nothing_highlighted_stays_zero(make_model: MakeModel, photos: Photos) -> None:
    model = make_model()
    with torch.no_grad():
        model.network.classifier.weight[3] = 0  # this diagnosis looks at nothing
    # Of one photo: in a series the probabilities of its visits are weighed against each other.
    result = analyse(model, photos[:1])
    assert result.maps[3].max() == 0
    assert not result.highlights(3)
    assert any(result.highlights(k) for k in range(8))


def test_the_frame_follows_the_shape_of_the_photo(make_model: MakeModel) -> None:
    model = replace(make_model(), preparation=Preparation(size=48, scale=40))
    wide = SeriesPhoto(Image.new("RGB", (400, 150), "pink"), "0", "wide.png")
    assert analyse(model, [wide]).frames == ((100, 0, 300, 150),)


def test_the_clinics_mix_moves_the_shown_probabilities_alone(model: Model, photos: Photos) -> None:
    test = SetTest(photos=1, cases=9, contained=8, melanomas=3, melanomas_contained=2)
    counts = AlertTest(
        photos=1, melanomas=3, melanomas_below=1, malignant=5, malignant_below=1, benign=4,
        benign_below=2,
    )  # fmt: skip
    plain = analyse(model, photos, explain=False)
    fitted = replace(
        model,
        calibration=replace(
            model.calibration,
            sets=SetRule(coverage=0.9, thresholds=(0.05,) * 8, tested=(test,)),
            alert=AlertLine(
                sensitivity=0.95, threshold=float(np.median(plain.malignancy)), tested=(counts,)
            ),
        ),
    )
    mix = CaseMix((0.65, *[0.05] * 7))
    training, clinic = (analyse(fitted, photos, prior=p, explain=False) for p in ("training", mix))
    assert (clinic.prior, clinic.case_mix) == ("clinic", mix) and training.case_mix is None
    assert (np.abs(clinic.probabilities - training.probabilities).max(axis=1) > 0.05).all()
    np.testing.assert_array_equal(training.probabilities, plain.probabilities)
    for fixed in ("prediction_sets", "alerts", "set_test", "alert_test"):
        assert getattr(clinic, fixed) == getattr(training, fixed), fixed
    np.testing.assert_array_equal(clinic.alert_scores, training.malignancy)
    assert (clinic.set_test, clinic.alert_test) == (test, counts)
    assert set(training.alerts) == {True, False} and clinic.alert is training.alerts[-1]
    last = training.probabilities[-1]
    assert training.prediction_set[0] == training.codes[last.argmax()]
    assert len(training.prediction_set) == (last >= 0.05).sum()


def test_a_model_without_sets_says_so(model: Model, photos: Photos) -> None:
    result = analyse(model, photos, explain=False)
    assert result.prediction_set == () and result.alert is None
    assert result.set_test is None and result.alert_test is None
