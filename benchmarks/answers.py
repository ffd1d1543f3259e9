"""How good answers and warnings are on real photos, as rows of a report."""

import sys
from collections.abc import Callable, Iterator

from benchmarks.row import Row

UNTOUCHED = 0.02  # of untouched photos a warning may come to


def robustness() -> Iterator[Row]:
    """The same photos made otherwise, on real ones."""
    from benchmarks import robustness

    folder = robustness.data_folder()
    if not (folder / "isic2019").is_dir():
        print(f"robustness: no isic2019 in {folder} (set SKIN_TEST_DATA)", file=sys.stderr)
        return
    result = robustness.measure(folder)
    wanted = result["wanted"]
    for name, found in result["changes"].items():
        share = found["same_top_diagnosis"]
        yield Row(
            f"Same top diagnosis, {name}",
            share,
            f"{found['same']} of {result['photos']} photos; a probability moves by"
            f" {found['mean_change']:.3f}, the most changed by {found['moved']:.3f} on average",
            f"at least {wanted:.0%}",
            share >= wanted,
            share=True,
        )


def strange() -> Iterator[Row]:
    """Pictures that show no lesion, told from real photos."""
    from benchmarks import robustness, strange
    from skinmodel.images import InvalidImage
    from skinmodel.predict import InvalidInput
    from skinmodel.weights import InvalidModel

    folder = robustness.data_folder()
    if not all((folder / name).is_dir() for name in ("isic2019", "not_skin")):
        wanted = f"no isic2019 and not_skin in {folder} (set SKIN_TEST_DATA)"
        print(f"strange: {wanted}", file=sys.stderr)
        return
    try:
        result = strange.measure(folder)
    except (InvalidImage, InvalidInput, InvalidModel) as error:
        sys.exit(f"strange: {error}")
    for name, found in result["kinds"].items():
        yield Row(
            f"AUROC against test photos, {name}",
            found["auroc"],
            f"{found['refused']} of {found['pictures']} pictures refused;"
            f" {result['lesions_refused']} of {result['lesions']} photos of lesions",
            f"at least {strange.WANTED:.0%}",
            found["auroc"] >= strange.WANTED,
            share=True,
        )


def quality() -> Iterator[Row]:
    """Warnings about photos, on real ones."""
    from benchmarks import quality, robustness

    folder = robustness.data_folder() / "isic2019"
    if not folder.is_dir():
        print(f"quality: no photos at {folder} (set SKIN_TEST_DATA)", file=sys.stderr)
        return
    photos = quality.photos(folder)
    untouched = quality.said(photos)
    for warning in quality.WORDS:
        value, low, high = quality.share(untouched, warning)
        figures = f"{len(photos)} photos, {low:.1%} to {high:.1%}"
        yield Row(
            f"Warned of {warning}, untouched",
            value,
            figures,
            f"at most {UNTOUCHED:.0%}",
            value <= UNTOUCHED,
            share=True,
        )
    for what, (warning, make) in quality.WORSE.items():
        value, low, high = quality.share(quality.said(photos, make), warning)
        figures = f"{len(photos)} photos, {low:.1%} to {high:.1%}"
        yield Row(f"Warned of {warning}, {what}", value, figures, share=True)


ANSWERS: dict[str, Callable[[], Iterator[Row]]] = {
    one.__name__: one for one in (robustness, strange, quality)
}
