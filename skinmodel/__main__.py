"""The command line: `python -m skinmodel diagnose PHOTO...` and `... predict FOLDER --out FILE`.

Exit codes: 0 all went well, 1 some photo could not be used, 2 the command makes no sense.
"""

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

import settings
from skinmodel import export, predict, sentences
from skinmodel.analysis import Analysis, AnalysisFailed, analyse
from skinmodel.bundle import Model, load_model
from skinmodel.calibration import Prior
from skinmodel.images import InvalidImage
from skinmodel.reading.decoder import Decoder
from skinmodel.registry import Registry
from skinmodel.series import SeriesPhoto
from skinmodel.weights import InvalidModel


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        return code
    except (InvalidModel, predict.InvalidInput) as error:
        print(error, file=sys.stderr)
        return 2
    except AnalysisFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` for one, had enough
        sys.stdout = None
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m skinmodel", description=f"Skin lesion photos. {export.DISCLAIMER}."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("diagnose", help="photos of one lesion, as one series")
    one.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    one.add_argument(
        "--on", nargs="+", type=_date, metavar="DATE", help="when each was taken, as 2025-03-12"
    )
    one.add_argument(
        "--anyway", action="store_true", help="show the numbers of what is not assessed, too"
    )
    one.add_argument("--json", action="store_true", help="print JSON instead of a table")
    one.add_argument("--overlay", type=Path, metavar="FOLDER", help="write heat maps there")
    one.set_defaults(run=_diagnose)
    many = commands.add_parser("predict", help="a folder of photos, in the ISIC challenge's format")
    many.add_argument("folder", type=Path, metavar="FOLDER")
    many.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    many.add_argument("--metadata", type=Path, metavar="ISIC_METADATA.csv")
    many.add_argument("--by-lesion", action="store_true", help="one row per lesion, not per photo")
    many.set_defaults(run=_predict)
    for command, prior in ((one, "training"), (many, "balanced")):
        command.add_argument("--model", type=Path, metavar="FOLDER", help="another model")
        command.add_argument(
            "--prior",
            choices=("balanced", "training"),
            default=prior,
            help="how frequent diagnoses are assumed to be: all equally, or as in the training"
            f" data (default: {prior})",
        )
    return parser


def _diagnose(options: argparse.Namespace) -> int:
    if options.on and len(options.on) != len(options.photos):
        raise predict.InvalidInput(
            f"--on needs one date per photo: {len(options.photos)} photos, {len(options.on)} dates."
        )
    model = _model(options)
    dates = options.on or [None] * len(options.photos)
    series: list[SeriesPhoto] = []
    refused: list[export.Remark] = []
    remarks: list[export.Remark] = []
    with Decoder(workers=1) as decoder:
        read = predict.read_ahead(options.photos, decoder)
        for (path, photo), date in zip(read, dates, strict=True):
            if isinstance(photo, InvalidImage):
                refused.append((path.name, str(photo)))
                print(f"{path.name}: {photo}", file=sys.stderr)
            else:
                day = date if options.on else photo.taken_on
                series.append(SeriesPhoto(photo.picture, photo.sha256, path.name, day))
                remarks += [(path.name, warning) for warning in photo.warnings]
    if not series:
        return 1
    analysis = analyse(model, series, prior=options.prior, refused=len(refused))
    if options.json:
        result = export.to_dict(analysis, remarks=remarks, refused=refused, anyway=options.anyway)
        print(json.dumps(result, indent=2, allow_nan=False))
    else:
        print(_table(analysis, options.anyway))
        for name, text in remarks:
            print(f"{name}: {text}")
    if options.overlay and (analysis.assessed or options.anyway):
        _write_overlays(analysis, options.overlay)
    return 1 if refused else 0


def _table(analysis: Analysis, anyway: bool) -> str:
    lines = []
    if said := export.refusal(analysis):
        lines += [said, ""]
        if not anyway:
            lines += [*analysis.warnings, "--anyway shows the numbers."]
            return "\n".join([*lines, f"Model {analysis.model_version}. {export.DISCLAIMER}."])
    for diagnosis, probability in export.ranked(analysis):
        name = f"{diagnosis.name} ({diagnosis.code})"
        lines.append(f"{name:32}  {diagnosis.behaviour:14} {probability:7.1%}")
    if len(analysis.codes) > 1:
        lines.append(f"{'All malignant diagnoses':48} {analysis.malignancy[-1]:7.1%}")
    if len(analysis.visits) > 1:
        lines += ["", f"{'Malignant, by visit':32}  {'all so far':>14} {'alone':>7}"]
        for t, visit in enumerate(analysis.visits):
            name = f"Visit {t + 1}  {export.long_date(visit.taken_on)}"
            so_far, alone = analysis.malignancy[t], analysis.malignancy_alone[t]
            lines.append(f"{name:32}  {so_far:14.1%} {alone:7.1%}")
    calls = (sentences.prediction_set(analysis), sentences.alert(analysis))
    lines += ["", *(" ".join(call) for call in calls if call)]
    lines += [*analysis.warnings, *analysis.notes, sentences.mix(analysis)]
    lines.append(f"Model {analysis.model_version}. {export.DISCLAIMER}.")
    return "\n".join(lines)


def _write_overlays(analysis: Analysis, folder: Path) -> None:
    code = export.ranked(analysis)[0][0].code
    output = analysis.codes.index(code)
    for i, photo in enumerate(analysis.photos):
        # Numbered in time order: two photos may have one name in two folders.
        path = folder / f"{i + 1:03}_{Path(photo.name).stem}_{code}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(export.overlay_png(analysis, output, i))
        except OSError as error:
            raise predict.InvalidInput(f"{path} cannot be written: {error.strerror}.") from error
    print(f"Heat maps are in {folder}", file=sys.stderr)


def _predict(options: argparse.Namespace) -> int:
    if options.by_lesion != bool(options.metadata):
        raise predict.InvalidInput("--by-lesion and --metadata belong together.")
    if not options.out.absolute().parent.is_dir() or options.out.is_dir():
        raise predict.InvalidInput(f"{options.out} cannot be written: no such folder.")
    photos = predict.find_photos(options.folder)
    lesions = predict.read_lesions(options.metadata) if options.by_lesion else None
    model = _model(options)
    if model.config.task != "multiclass":
        raise predict.InvalidInput("This model knows benign and malignant only, not the eight.")
    prior: Prior = options.prior
    with Decoder() as decoder, tqdm(total=len(photos), unit="photo", file=sys.stderr) as bar:
        scores = predict.score_photos(
            model, photos, prior=prior, lesions=lesions, decoder=decoder, progress=bar.update
        )
    predict.write_csv(options.out, "lesion" if lesions is not None else "image", scores.rows)
    for name, reason in scores.failed:
        print(f"{name}: {reason}", file=sys.stderr)
    what = "lesions" if lesions is not None else "photos"
    if model.unknown is None:
        print("This model does not measure UNK; it is 0.", file=sys.stderr)
    print(f"{len(scores.rows)} {what} scored, model {model.version}.", file=sys.stderr)
    if scores.failed:
        print(f"{len(scores.failed)} of {len(photos)} photos not scored.", file=sys.stderr)
    return 1 if scores.failed else 0


def _model(options: argparse.Namespace) -> Model:
    if options.model:
        return load_model(options.model)
    found = settings.load()
    choice = Registry(found.models_dir, found.own_models_dir).choice()
    if choice.problem:
        print(choice.problem, file=sys.stderr)
    return load_model(choice.folder)


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2025-03-12") from None


if __name__ == "__main__":
    sys.exit(main())
