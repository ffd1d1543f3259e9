"""Augmentation keeps the lesion in the picture, and an epoch shows every photo once."""

import dataclasses
from math import nan

import cv2
import numpy as np
import torch

from training.data.visits import in_order, visits_of
from training.learning.augment import augment
from training.learning.batches import Lesions, epoch_batches
from training.learning.dataset import Cache

SKIN, LESION = (215, 170, 150), (70, 40, 30)


def photo(seed: int = 0) -> np.ndarray:
    pixels = np.full((150, 200, 3), SKIN, dtype=np.uint8)
    cv2.circle(pixels, (100, 75), 30 + seed % 5, LESION, -1)
    return pixels


def cache(count: int) -> Cache:
    pixels = np.concatenate([photo(i).ravel() for i in range(count)])
    offsets = tuple(range(0, len(pixels), 150 * 200 * 3))
    return Cache(pixels, offsets, ((150, 200),) * count)


def test_the_lesion_stays_in_the_picture() -> None:
    shares = []
    for seed in range(200):
        changed = augment(photo(), 96, np.random.default_rng(seed))
        assert changed.shape == (96, 96, 3) and changed.dtype == np.uint8
        shares.append((changed.mean(axis=2) < 110).mean())
    whole = (photo().mean(axis=2) < 110).mean()
    assert 1.0 * whole < np.median(shares) < 2.0 * whole  # crops enlarge it
    assert np.mean(np.array(shares) > 0.6 * whole) > 0.95


def test_it_depends_on_its_seed_alone() -> None:
    one, same, other = (augment(photo(), 64, np.random.default_rng(s)) for s in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_without_strength_it_only_mirrors_and_turns_by_quarters() -> None:
    square = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    turned = [np.rot90(side, k) for side in (square, square[:, ::-1]) for k in range(4)]
    seen = set()
    for seed in range(60):
        changed = augment(square, 64, np.random.default_rng(seed), 0.0)
        seen |= {i for i, one in enumerate(turned) if np.array_equal(one, changed)}
        assert any(np.array_equal(one, changed) for one in turned)
    assert len(seen) == 8


def test_more_strength_changes_a_photo_more() -> None:
    def colour(seed: int, strength: float) -> np.ndarray:
        return augment(photo(), 96, np.random.default_rng(seed), strength).mean(axis=(0, 1))

    none, half, whole, double = (
        float(np.mean([np.abs(colour(s, strength) - colour(s, 0.0)) for s in range(40)]))
        for strength in (0.0, 0.5, 1.0, 2.0)
    )
    assert 0 == none < half < whole < double


def test_an_epoch_shows_every_photo_once_on_any_number_of_threads(tiny) -> None:
    members = ((0,), (1, 2), (3, 4, 5), (6,), (7, 8), (9,), (10, 11))
    days = tuple((nan,) * len(photos) for photos in members)
    lesions = Lesions(members, tuple(range(7)), days)
    config = dataclasses.replace(tiny, batch=6)
    one = list(epoch_batches(lesions, cache(12), config, 0, threads=1))
    three = list(epoch_batches(lesions, cache(12), config, 0, threads=3))
    assert all(len(batch.labels) <= 6 for batch in one)
    assert all(torch.equal(a.photos, b.photos) for a, b in zip(one, three, strict=True))
    labels = torch.cat([batch.labels for batch in one])
    expected = torch.tensor([label for label, m in enumerate(members) for _ in m])
    assert torch.equal(labels.sort().values, expected)
    for batch in one:
        for row in batch.series:
            assert batch.labels[row[row >= 0]].unique().numel() == 1
    again = list(epoch_batches(lesions, cache(12), config, 1))
    assert not torch.equal(one[0].labels, again[0].labels)


def test_photos_of_a_day_are_one_visit_in_order_of_days() -> None:
    photos, days = in_order([5, 6, 7], [30.0, 2.0, 30.0])
    assert (photos, days) == ([6, 5, 7], [2.0, 30.0, 30.0])
    assert visits_of(days) == ([0, 1, 1], [0.0, 28.0])
    photos, days = in_order([5, 6], [3.0, nan])
    assert photos == [5, 6] and np.isnan(days).all()
    assert visits_of(days)[0] == [0, 1]
