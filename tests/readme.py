"""The README's generated parts: what the command line prints, the model's numbers and limits.

`python -m tests.readme` (or `make readme`, which takes the pictures too) writes them anew from the
model in use. `python -m tests.readme speed` writes what it reads from standard input into the part
of that name. Each part stands between `<!-- name -->` and `<!-- /name -->`.
"""

import contextlib
import io
import json
import math
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import settings
from skinmodel import __main__ as command_line
from skinmodel.bundle import CARD
from skinmodel.changes import HANDS
from skinmodel.diagnoses import CODES, diagnosis
from skinmodel.registry import Registry
from skinmodel.weights import InvalidModel

README = settings.ROOT / "README.md"
EXAMPLES = "assets/examples"
DECIMALS = 4  # of the shown probabilities; the file itself has twelve

MEASURES = {
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "accuracy_at_training_mix": "Accuracy at the training mix",
    "macro_f1": "F1, mean of the diagnoses",
    "macro_auroc": "AUROC, mean of the diagnoses",
    "malignancy_auroc": "AUROC, malignant or not",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error (ECE)",
}

# The card's names of what was shown to the model, for each test lesion or each with so many photos.
CASES = {
    "one_photo": "One photo",
    "two_photos": "Two photos, where there are two",
    "three_or_more_photos": "All photos, where there are three or more",
    "series": "All photos of every lesion",
}

Row = Sequence[str]


def main(names: Sequence[str]) -> int:
    """Rewrites README.md's generated parts; 1 with a sentence where there is no model."""
    if names:
        made = dict.fromkeys(names, sys.stdin.read().strip())
    else:
        try:
            made = from_card(bundled_card()) | from_outline(outline_card()) | from_model()
        except InvalidModel as error:
            print(error, file=sys.stderr)
            return 1
    text = README.read_text(encoding="utf-8")
    for name, content in made.items():
        text = fill(text, name, content)
    README.write_text(text, encoding="utf-8")
    return 0


def bundled_card() -> dict[str, Any]:
    """The card of the model in use."""
    found = settings.load()
    folder = Registry(found.models_dir, found.own_models_dir).active()
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return card


def outline_card() -> dict[str, Any]:
    """The card of the outline model in use."""
    folder = settings.load().outline_dir
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return card


def from_outline(card: Mapping[str, Any]) -> dict[str, str]:
    """The part that stands in an outline model's card, by its marker."""
    return {"outline numbers": outline_numbers(card)}


def from_model() -> dict[str, str]:
    """The parts that the model in use computes, by their markers."""
    return {"diagnose": fenced(diagnose()), "predict": fenced(predict())}


def from_card(card: Mapping[str, Any]) -> dict[str, str]:
    """The parts that stand in a model's card, by their markers."""
    return {
        "model numbers": model_numbers(card),
        "model limits": model_limits(card),
        "model licence": f"The weights: {card['licence']}\n\nThe data: {card['data_source']}",
    }


def fill(text: str, name: str, content: str) -> str:
    """The text with the part between a name's markers replaced; ValueError if it has none."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"README.md has no part, or several, marked <!-- {name} -->.")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def part(text: str, name: str) -> str:
    """What stands between a name's markers."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no part marked <!-- {name} -->.")
    return found[1]


def diagnose() -> str:
    """What `diagnose` prints for the drawn visits."""
    photos = sorted((settings.ROOT / EXAMPLES).glob("*.jpg"))
    return _printed(["diagnose", *map(str, photos)])


def predict() -> str:
    """The file that `predict` writes for the drawn visits, with fewer decimals."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "scores.csv"
        _printed(["predict", str(settings.ROOT / EXAMPLES), "--out", str(out)])
        text = out.read_text(encoding="utf-8").strip()
    return re.sub(r"\d\.\d{12}", lambda found: f"{float(found[0]):.{DECIMALS}f}", text)


def outline_numbers(card: Mapping[str, Any]) -> str:
    """How well outlines and changes agree with what is true, in Markdown."""
    numbers, splits, change = card["numbers"], card["splits"], card["change"]
    withheld = sum(change["withheld"].values())
    unseen = math.expm1(change["measures"]["area"]["limit"])
    real = change["real_pairs"]
    one, both = (change["hands"][name]["measures"]["area"] for name in HANDS)
    return "\n\n".join((
        f"Outline model {card['version']}: trained on {splits['train']:,} photos, measured on"
        f" {numbers['photos']:,} photos of {numbers['lesions']:,} lesions it never saw. Mean Dice"
        f" overlap with the drawn outline {interval(numbers['mean_dice'])}, median"
        f" {numbers['median_dice']:.3f}, 5th percentile {numbers['dice_5th_percentile']:.3f}.",
        f"It calls {numbers['uncertain']} of these outlines uncertain, among them"
        f" {numbers['poor_called_uncertain']} of the {numbers['poor']} with an overlap under"
        f" {numbers['poor_under']}. The mean of the others is"
        f" {numbers['mean_dice_where_sure']:.3f}. Uncertain outlines give no measures.",
        "No public photos show one lesion growing with dates, so change is measured on"
        f" {change['photos']} test lesions photographed again by simulation. Made larger or smaller"
        " by known amounts, a lesion's area is found to change by"
        f" {interval(change['growth']['slope'])} times as much as it did."
        f" Of unchanged lesions, {change['false_alarms']['area']:.1%} seem to change in area; a"
        f" change in area under {unseen:.1%} cannot be seen. {withheld} of the {change['photos']}"
        " are withheld, because the lesion reaches the photo's edge, the outline is uncertain, or"
        " too little skin is in sight to tell growth from a photo taken nearer. Of"
        f" {real['pairs']} real pairs, at other magnifications and on unknown days,"
        f" {real['compared']} can be compared; their areas differ by up to"
        f" {math.expm1(real['measures']['area']['limit']):.1%}.",
        "Outlines drawn by people repeat less well than the network's. A person's outline of one"
        f" photo and the network's of the same lesion photographed again ({one['pairs']} lesions):"
        f" repeat error of the area {math.expm1(one['error']):.1%}, and a change under"
        f" {math.expm1(one['limit']):.1%} cannot be seen. Two real photos of one lesion, each"
        f" outlined by a person ({both['pairs']} lesions): {math.expm1(both['error']):.1%} and"
        f" {math.expm1(both['limit']):.1%}, which is an upper bound, since those photos differ in"
        " more than the drawing. How well one person repeats the own outline is not known.",
    ))


def _printed(arguments: list[str]) -> str:
    printed, progress = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(progress):
        code = command_line.main(arguments)
    if code:
        raise RuntimeError(f"`{arguments[0]}` ended with {code}: {progress.getvalue()}")
    return printed.getvalue().strip()


def model_numbers(card: Mapping[str, Any]) -> str:
    """The card's measurements in Markdown."""
    numbers, splits, training = card["numbers"], card["splits"], card["training"]
    photos, series = numbers["single_photos"], numbers["series"]
    sizes = {name: f"{part['photos']:,} photos of {part['lesions']:,} lesions"
             for name, part in splits.items()}  # fmt: skip
    config = card["config"]
    order = "" if card["uses_days"] else " Dates order the visits and do not enter the network."
    paragraphs = [
        f"Model {card['version']}: {config['backbone']} with an LSTM of {config['lstm_units']}"
        f" units, input {card['preparation']['size']} px, epoch {training['best_epoch']} of"
        f" {training['settings']['epochs']}.{order} Started from: {card['started_from']}",
        f"Data: {card['data']}",
        f"Trained on {sizes['train']}; the epoch chosen on {sizes['validation']}; the"
        f" probabilities scaled on {sizes['calibration']}; measured on {sizes['test']}.",
        "Each value stands with its 95 % interval (bootstrap over lesions; Wilson's for recall,"
        " precision and other shares). Which diagnosis ranks first is decided as if all were"
        " equally frequent, as in the ISIC challenge; log loss, calibration error and accuracy at"
        " the training mix are of the probabilities shown, each lesion counted once.",
        _table(
            ["", f"{photos['cases']:,} single photos", f"{series['cases']:,} lesions as series"],
            [[text, interval(photos[m]), interval(series[m])] for m, text in MEASURES.items()],
        ),
        "Single photos, by diagnosis:",
        _table(
            ["", "Photos", "Recall", "Precision", "F1", "AUROC"],
            [
                [f"{diagnosis(code).name} ({code})", f"{row['cases']:,}"]
                + [interval(row[m]) for m in ("recall", "precision", "f1", "auroc")]
                for code, row in photos["per_diagnosis"].items()
            ],
        ),
        "Single photos, confusion matrix (rows: the truth; columns: what the model ranks first):",
        _table(
            ["", *CODES],
            [
                [f"**{code}**", *(f"{count:,}" for count in row)]
                for code, row in zip(CODES, photos["confusion"], strict=True)
            ],
        ),
        *_probabilities(numbers["calibration"]),
        *_sets(numbers["sets"]),
        *_alerts(numbers["alert"]),
        *_refusals(numbers["unknown"]),
        *_other_routes(numbers),
        *_changes(numbers["robustness"]),
        *_heat_maps(numbers.get("heat_maps")),
        *_head_alone(numbers.get("head_alone")),
    ]
    return "\n\n".join(paragraphs)


def _probabilities(numbers: Mapping[str, Any]) -> list[str]:
    def row(name: str, measured: Mapping[str, Any]) -> Row:
        names = ("calibration_error_before", "calibration_error", "brier_before", "brier")
        before, error, *brier = (interval(measured[one]) for one in names)
        limit = f"{measured['perfect_95']:.3f}"
        return (name, f"{measured['lesions']:,}", before, error, limit, *brier)

    return [
        "How far the shown probabilities can be trusted, each lesion counted once: calibration"
        " error (ECE, 15 bins of equal mass) and Brier score, before scaling and after it. A"
        " perfectly calibrated model with the same confidences would stay below the limit 95 times"
        " of 100.",
        _table(
            ["", "Lesions", "ECE before", "ECE", "Limit", "Brier before", "Brier"],
            [row(name, numbers[key]) for key, name in CASES.items() if key in numbers],
        ),
    ]


def _sets(numbers: Mapping[str, Any]) -> list[str]:
    def row(name: str, measured: Mapping[str, Any]) -> Row:
        melanoma = measured["per_group"]["MEL"]
        shares = interval(measured["coverage"]), _range(measured["expected"])
        of_melanoma = interval(melanoma["share"]), _range(melanoma["expected"])
        size = interval(measured["mean_size"])
        return (name, f"{measured['cases']:,}", *shares, *of_melanoma, size)

    each = numbers["one_photo"]["per_diagnosis"].items()
    return [
        "Prediction sets, meant to hold the diagnosis of 90 % of melanomas, of nevi, and of the"
        " other six. A set always holds the likeliest diagnosis: where that alone is right more"
        " often, as with nevi, more is held, and no larger sets are behind it. The range is where"
        " 95 % of such coverages would lie, at 90 % or at what the likeliest alone came to on the"
        " calibration lesions, the luck of those and of the test lesions included.",
        _table(
            ["", "Sets", "Hold the diagnosis", "Range", "Hold melanoma", "Range", "Mean size"],
            [row(name, numbers[key]) for key, name in CASES.items() if key in numbers],
        ),
        "Of one photo, by diagnosis:",
        _table(
            ["", "Sets", "Hold the diagnosis"],
            [
                [f"{diagnosis(code).name} ({code})", f"{one['cases']:,}", interval(one["share"])]
                for code, one in each
            ],
        ),
    ]


def _alerts(numbers: Mapping[str, Any]) -> list[str]:
    def row(name: str, measured: Mapping[str, Any]) -> Row:
        found = (measured[f"sensitivity_{kind}"]["share"] for kind in ("melanoma", "malignant"))
        others = measured["specificity"], measured["benign_per_malignant"]
        return (name, *map(interval, (*found, *others)))

    return [
        "The alert line, set to keep 95 % of melanomas and 95 % of all malignant lesions; a photo"
        " that is refused as none of the eight is never below it:",
        _table(
            ["", "Melanoma found", "Malignant found", "Specificity", "Benign flagged per found"],
            [row(name, numbers[key]) for key, name in CASES.items() if key in numbers],
        ),
    ]


def _refusals(numbers: Mapping[str, Any]) -> list[str]:
    def told(found: Mapping[str, Any]) -> Row:
        return (f"{found['pictures']:,}", f"{found['refused']:,}", f"{found['auroc']:.3f}")

    every, melanoma = numbers["test"], numbers["per_diagnosis"]["MEL"]
    others = {
        **numbers["other_pictures"]["kinds"],
        "Plain skin beside a lesion": numbers["plain_skin"],
    }
    left_out = ", ".join(
        f"{code} {found['auroc']:.2f}"
        for code, found in numbers["left_out"]["per_diagnosis"].items()
    )
    by = " (all but plain skin with the score of the model before)" if _before(numbers) else ""
    return [
        f"As none of the eight, {every['lesions_refused']} of {every['lesions']} lesions are"
        f" refused, {melanoma['lesions_refused']} of {melanoma['lesions']} melanomas among them."
        f" Pictures that show no lesion, pieces of them included, told from photos of lesions{by}:",
        _table(
            ["", "Pictures", "Refused", "AUROC"],
            [[name[0].upper() + name[1:], *told(found)] for name, found in others.items()],
        ),
        *_refusals_otherwise(numbers),
        "A lesion of another diagnosis is not told from the eight. Measured with each of them left"
        f" out in turn, on features of ImageNet's weights, as AUROC: {left_out}.",
    ]


def _before(numbers: Mapping[str, Any]) -> bool:
    """Whether a card holds what an older score made of other pictures."""
    return "Measured with the score of model" in numbers["other_pictures"]["how"]


def _refusals_otherwise(numbers: Mapping[str, Any]) -> list[str]:
    """Pieces of lesions, and the same pictures made otherwise; a card before them has neither."""
    parts, every = numbers.get("lesion_pieces"), numbers.get("made_otherwise")
    if not parts or not every:
        return []
    as_is, *changed = every.values()

    def most(name: str) -> str:
        counts = [one[f"{name}_refused"] for one in changed]
        return f"{as_is[f'{name}_refused']} of {as_is[name]} ({min(counts)} to {max(counts)})"

    return [
        f"Of pieces as small, but of the lesion itself, {parts['refused']} of"
        f" {parts['pictures']} are refused. In brackets, how many are refused when the same are"
        f" made otherwise ({', '.join(name for name in list(every)[1:])}): of photos of lesions"
        f" {most('photos')}, of plain skin {most('skin')}."
    ]


def _range(pair: Sequence[float] | None) -> str:
    return "-" if pair is None else f"{pair[0]:.3f} to {pair[1]:.3f}"


def _other_routes(numbers: Mapping[str, Any]) -> list[str]:
    route, several = numbers["photos_by_another_route"], numbers["several_photos"]
    arms = several["arms"].items()
    measures = ("balanced_accuracy", "macro_auroc", "log_loss")
    return [
        f"{route['how']} Balanced accuracy {interval(route['balanced_accuracy'])}; the same"
        f" diagnosis first for {100 * route['same_top_diagnosis']:.1f} % of the photos.",
        f"The {several['lesions']:,} test lesions with several photos:",
        _table(
            ["", "Balanced accuracy", "AUROC, mean", "Log loss"],
            [[name, *(interval(arm[m]) for m in measures)] for name, arm in arms],
        ),
    ]


def _changes(numbers: Mapping[str, Any]) -> list[str]:
    found, wanted = numbers["changes"], numbers["wanted"]
    below = [name for name, one in found.items() if one["same_top_diagnosis"] < wanted]
    return [
        f"The same {numbers['photos']:,} test photos, one a lesion, made otherwise. Of each change:"
        " the share that keeps its likeliest diagnosis at the training mix, with Wilson's 95 %"
        f" interval, where {100 * wanted:.0f} % are wanted"
        f" ({'fewer with ' + ', '.join(below) if below else 'all reach it'}), and how far a"
        " probability, and the one that changes most, moves on average.",
        _table(
            ["", "Photos", "Same diagnosis", "Mean change", "Largest, mean"],
            [
                [
                    name[0].upper() + name[1:],
                    f"{one['same']:,} of {numbers['photos']:,}",
                    interval([one["same_top_diagnosis"], *one["interval"]]),
                    f"{one['mean_change']:.4f}",
                    f"{one['moved']:.3f}",
                ]
                for name, one in found.items()
            ],
        ),
    ]


def _heat_maps(numbers: Mapping[str, Any] | None) -> list[str]:
    if numbers is None or not numbers["outlines"]:
        return []
    every, road = numbers["outlines"]["groups"]["all photos"], numbers["road"]
    said = (
        f"The heat maps of the diagnosis shown first, in {every['photos']:,} test photos:"
        f" {interval(every['energy'])} of the heat lies inside the lesion's outline, which is"
        f" {interval(every['area'])} of the photo; the hottest place is inside in"
        f" {interval(every['pointed'])} of them."
    )
    if road:
        said += (
            " Where the coldest places of a photo are removed first, and not the hottest, more"
            f" probability is left: a score of {interval(road['score'])} in {road['photos']}"
            f" photos, of the same maps shuffled {interval(road['shuffled'])}."
        )
    return [said]


def _head_alone(numbers: Mapping[str, Any] | None) -> list[str]:
    if numbers is None:
        return []
    head, whole, apart = (numbers[name] for name in ("head", "whole", "minus_whole"))
    return [
        f"Trained from {numbers['started_from']}, the head alone takes {numbers['seconds']:,.0f}"
        f" seconds of a processor, {numbers['share_of_time']:.1%} of the whole network's"
        f" {numbers['whole_seconds']:,.0f} (a trial of a few steps, times {numbers['whole_epochs']}"
        f" epochs). That costs: balanced accuracy of single photos"
        f" {interval(head['balanced_accuracy'])} instead of"
        f" {interval(whole['balanced_accuracy'])}, a difference of"
        f" {interval(apart['balanced_accuracy'])}; AUROC {interval(head['macro_auroc'])} instead of"
        f" {interval(whole['macro_auroc'])}."
    ]


def model_limits(card: Mapping[str, Any]) -> str:
    """What the card says the model is not for and cannot do, as two lists."""
    lists = (("Not for:", card["not_for"]), ("Limits:", card["limits"]))
    return "\n\n".join(
        "\n".join([head, "", *(f"- {text}" for text in texts)]) for head, texts in lists
    )


def interval(value: Sequence[float | None] | None) -> str:
    """A number with its 95 % interval, as 0.741 (0.712 to 0.768); a dash where undefined."""
    if value is None:
        return "-"
    middle, low, high = ("-" if number is None else f"{number:.3f}" for number in value)
    return f"{middle} ({low} to {high})"


def fenced(text: str) -> str:
    """Text as a code block."""
    return f"```text\n{text}\n```"


def _table(head: Row, rows: Sequence[Row]) -> str:
    """A Markdown table: the first column to the left, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
