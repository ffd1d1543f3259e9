"""The end of a run: its candidate, measured beside the model in use, among the clinic's models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skinmodel.weights import InvalidModel
from training.measuring.candidate import make_candidate
from training.data.datasets import data_sets
from training.runs.folder import LAST, Reporter
from training.data.manifest import InvalidData
from training.learning.source import card_of
from training.runs.request import IMAGENET, MODEL, Places, Request
from training.learning.run import Run
from training.measuring.compared import NUMBERS
from training.measuring.versus import compare
from training.runs.beside import Steps
from training.terminal import Stop

MODELS = "models"
TRIES = 3  # versions, should other machines register candidates at the same moment


def finish(
    run: Run,
    request: Request,
    places: Places,
    *,
    init: Path | None,
    report: Reporter,
    stop: Stop,
) -> str:
    """Make the candidate of a trained run, and register it; returns its version.

    The model in use stays the one it is. Stopped as soon as somebody asks: measuring begins anew.
    """
    for _ in range(TRIES):
        made = sorted((run.folder / MODELS).glob("[!.]*"))
        folder = made[-1] if made else run.folder / MODELS / places.registry.next_version()
        with stop.at_once():
            if not made:
                _measure(run, folder, request, places, init=init, report=report, stop=stop)
            _compare(run, folder, request, places, report=report, stop=stop)
        report.at("register")
        try:
            version = places.registry.register(folder)
        except InvalidModel:
            if folder.name not in places.registry.versions():
                raise
            folder.rename(folder.with_name(f".taken-{folder.name}"))
        else:
            (run.folder / LAST).unlink(missing_ok=True)  # nothing goes on from here
            return version
    raise InvalidModel("Other runs took every version that this one asked for. Resume it.")


def _measure(
    run: Run,
    folder: Path,
    request: Request,
    places: Places,
    *,
    init: Path | None,
    report: Reporter,
    stop: Stop,
) -> None:
    """Make the candidate in a folder of the run."""

    def told(done: int, total: int) -> None:
        stop.check()
        report.at("measure", done, total)

    report.at("measure")
    make_candidate(
        run,
        folder,
        version=folder.name,
        about=about(request, places, init),
        command="training run from the browser",
        init=init,
        progress=told,
    )


def _compare(
    run: Run, folder: Path, request: Request, places: Places, *, report: Reporter, stop: Stop
) -> None:
    """Measure the candidate beside the model in use; what cannot be compared is said in the log."""
    if (folder / NUMBERS).exists():
        return
    report.at("compare")
    there = {one.id: one.name for one in data_sets(places.data_sets)}
    try:
        compare(
            folder, places.registry.active(), run.table,
            sets=[there.get(one, one) for one in request.data],
            progress=Steps(report, stop),
        )  # fmt: skip
    except (InvalidData, InvalidModel) as error:
        report.say(f"Not compared with the model in use: {error}")


def about(request: Request, places: Places, init: Path | None) -> Mapping[str, Any]:
    """What the card says of the data and the start."""
    there = {one.id: one for one in data_sets(places.data_sets)}
    used = [there[name] for name in request.data if name in there]
    licences = sorted({one.licence for one in used if one.licence})
    started = {
        MODEL: f"Model {request.version}.",
        IMAGENET: "torchvision's weights for ImageNet.",
    }.get(request.start, "Random weights.")
    before = card_of(init) or {}
    if before.get("licence"):
        licences.append(str(before["licence"]))
    return {
        "name": "Trained in this clinic",
        "data": "; ".join(f"{one.name}: {one.photos:,} photos" for one in used),
        "data_licence": "; ".join(sorted({one.licence for one in used if one.licence})),
        "licence": " ".join(dict.fromkeys(licences)),
        "started_from": started,
        "limits": before.get("limits", []),
        "outside_evidence": before.get("outside_evidence", {}),
    }
