"""Every photo of a folder through the network once, as the clinic would score it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from skinmodel.analysis import BATCH, extract_features
from skinmodel.bundle import Model
from skinmodel.diagnoses import CODES
from skinmodel.images import InvalidImage, read_photo
from training.data.manifest import InvalidData
from training.learning.run import label_of
from training.measuring.evaluate import Labels, Scored
from training.measuring.scoring import head_logits
from training.report.attention import Attention, attend

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Scores:
    """N readable photos of L lesions: `table` (N rows), `pooled` (N, F), `early` (N, E).

    `rows` and `days` are each lesion's photos, as rows, and their days; `series` its logits after
    its last photo (L, K); `diagnoses` (L,) places among the eight; `attention` what the heat maps
    of photos with an outline show. `refused` are the photos that could not be read, and why.
    """

    table: pd.DataFrame
    pooled: Tensor
    early: Tensor
    rows: list[list[int]]
    days: list[list[float]]
    photos: Scored
    series: Scored
    diagnoses: Labels
    attention: tuple[Attention, ...]
    refused: tuple[tuple[str, str], ...]


def score(model: Model, table: pd.DataFrame, *, masks: Path | None, progress: Progress) -> Scores:
    """Scores the photos of a table in the manifest's form; InvalidData if none can be read.

    `masks` is the folder with the lesions' outlines, `progress` is told photos done and in all.
    """
    readable: list[int] = []
    refused: list[tuple[str, str]] = []
    pooled: list[Tensor] = []
    early: list[Tensor] = []
    attention: list[Attention] = []
    for start in range(0, len(table), BATCH):
        batch: list[tuple[int, Image.Image]] = []
        for place in range(start, min(start + BATCH, len(table))):
            try:
                data = Path(table["path"].iloc[place]).read_bytes()
                batch.append((place, read_photo(data).picture))
            except InvalidImage as error:
                refused.append((table["image"].iloc[place], str(error)))
            except OSError:
                refused.append((table["image"].iloc[place], "This file cannot be opened."))
        if batch:
            features, means = extract_features(model, [picture for _, picture in batch])
            early.append(means)
            for (place, picture), maps in zip(batch, features, strict=True):
                readable.append(place)
                pooled.append(maps.mean(dim=(-2, -1)))
                outline = masks and masks / f"{table['image'].iloc[place]}.png"
                if outline and outline.is_file():
                    attention.append(attend(model, maps, picture, outline, row=len(readable) - 1))
        progress(min(start + BATCH, len(table)), len(table))
    if not readable:
        raise InvalidData(["None of the photos can be read."])
    known = table.iloc[readable].reset_index(drop=True)
    seen = torch.stack(pooled), torch.cat(early)
    return _scores(model, known, seen, tuple(attention), tuple(refused))


def _scores(
    model: Model,
    table: pd.DataFrame,
    seen: tuple[Tensor, Tensor],
    attention: tuple[Attention, ...],
    refused: tuple[tuple[str, str], ...],
) -> Scores:
    pooled, early = seen
    owner, lesions = pd.factorize(table["lesion"], sort=True)
    rows = [[int(i) for i in np.flatnonzero(owner == lesion)] for lesion in range(len(lesions))]
    day = [float(text) if text else nan for text in table["day"]]
    days = [[day[i] for i in members] for members in rows]
    labels = np.array([label_of(code, model.config.task) for code in table["diagnosis"]])
    alone = head_logits(model.network, pooled, [[row] for row in range(len(table))])
    in_time = head_logits(model.network, pooled, rows, days)
    first = np.array([members[0] for members in rows])
    count = np.array([len(members) for members in rows])
    return Scores(
        table=table,
        pooled=pooled,
        early=early,
        rows=rows,
        days=days,
        photos=Scored(alone, labels, owner.astype(np.int64)),
        series=Scored(in_time, labels[first], np.arange(len(rows)), count),
        diagnoses=np.array([CODES.index(table["diagnosis"].iloc[row]) for row in first]),
        attention=attention,
        refused=refused,
    )
