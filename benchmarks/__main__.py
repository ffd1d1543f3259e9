"""All benchmarks, each in a process of its own: `python -m benchmarks [NAME ...] [--markdown]`.

Exit code: 1 if something is slower than it may be.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """One ratio: what is compared with what, and in figures; `wanted` is empty without a limit."""

    what: str
    ratio: float
    figures: str
    wanted: str = ""
    met: bool = True
    share: bool = False  # of photos, and no ratio


def decode() -> Iterator[Row]:
    """12-megapixel photos read."""
    from benchmarks import decode

    result = decode.measure()
    rate = result["per_second"]
    for arm, name in (("read_photo", "in this process"), ("Decoder", "in the decoder's process")):
        figures = f"{rate[arm]:.1f} against {rate['plain Pillow']:.1f} photos a second"
        yield Row(
            f"12-megapixel JPEG read {name}: speed, of plain Pillow's",
            result["ratios"][arm],
            figures,
        )


def explain() -> Iterator[Row]:
    """Heat maps, at the cost of forward passes."""
    from benchmarks import explain

    for photos, limits in explain.LIMITS.items():
        seconds = explain.measure(photos, rounds=25)
        visits = "1 photo" if photos == 1 else f"{photos} visits"
        for name, limit in zip(("one", "eight"), limits, strict=True):
            ratio = seconds[name] / seconds["bare"]
            library = seconds[f"library {name}"] / seconds["bare"]
            yield Row(
                f"{visits}, prediction and {name} map{'s' * (name != 'one')}: time,"
                " of a bare forward pass's",
                ratio,
                f"{seconds[name] * 1000:.0f} ms; grad-cam's default use {library:.2f}x",
                f"at most {limit}x",
                ratio <= limit,
            )


def diagnose() -> Iterator[Row]:
    """A file to a differential."""
    from benchmarks import diagnose

    for photo, result in diagnose.measure().items():
        for arm in ("differential", "with all heat maps"):
            seconds, base = result["seconds"][arm], result["seconds"][diagnose.BASE]
            yield Row(
                f"{photo} to differential{', ' * (arm != 'differential')}"
                f"{arm.removeprefix('differential')}: time, of a plain script's",
                result["ratios"][arm],
                f"{seconds * 1000:.0f} against {base * 1000:.0f} ms",
            )


def train() -> Iterator[Row]:
    """Training."""
    from benchmarks import train

    for backbone, limit in train.LIMITS.items():
        result = train.measure(backbone, rounds=train.ROUNDS[backbone])
        for other, wanted in (("textbook", limit), ("network alone", train.OF_NETWORK)):
            rate, base = result["per_second"]["ours"], result["per_second"][other]
            ratio = result["ratios"][other]
            yield Row(
                f"Training {backbone}: speed, of the {other}'s",
                ratio,
                f"{rate:.1f} against {base:.1f} images a second",
                f"at least {wanted}x",
                ratio >= wanted,
            )


def pipeline() -> Iterator[Row]:
    """Photos prepared for training."""
    from benchmarks import pipeline

    rate = pipeline.measure()
    base = rate["network alone"]
    for size in pipeline.SIZES:
        prepared, decoded = rate[f"prepare {size}"], rate[f"decode {size}"]
        ratio = prepared / base
        yield Row(
            f"Training photos prepared, {size}: speed, of mobilenet_v2's alone",
            ratio,
            f"{prepared:.1f} against {base:.1f} images a second",
            f"at least {pipeline.OF_NETWORK}x",
            ratio >= pipeline.OF_NETWORK,
        )
        yield Row(
            f"Training photos decoded into the cache, once, {size}: speed, of mobilenet_v2's alone",
            decoded / base,
            f"{decoded:.1f} against {base:.1f} images a second",
        )


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


def sessions() -> Iterator[Row]:
    """Reruns of the page."""
    from benchmarks import sessions

    result = sessions.measure()
    rate = result["per_second"]
    yield Row(
        f"Reruns with {result['sessions']} sessions: speed, of the app's without gc.freeze",
        result["ratios"]["as it is"],
        f"{rate['as it is']:.1f} against {rate['without gc.freeze']:.1f} a second",
    )


def records() -> Iterator[Row]:
    """Pages of the records, in a large clinic."""
    from benchmarks import records

    for action, result in records.measure().items():
        yield Row(
            f"100,000 lesions, {action}: time, of 1,000 lesions'",
            result["ratio"],
            f"{result['milliseconds']:.1f} ms",
            f"at most {records.LIMIT}x",
            result["ratio"] <= records.LIMIT,
        )


def visit() -> Iterator[Row]:
    """A lesion's next visit."""
    from benchmarks import visit

    result = visit.measure()
    seconds, share = result["seconds"], result["ratios"]["one more"]
    yield Row(
        f"A {visit.VISITS}th visit with all heat maps: time, of analysing all visits anew",
        share,
        f"{1000 * seconds['one more']:.0f} against {1000 * seconds[visit.BASE]:.0f} ms",
        f"at most {visit.LIMIT}x",
        share <= visit.LIMIT,
    )


def neighbours() -> Iterator[Row]:
    """Similar confirmed cases found."""
    from benchmarks import neighbours

    result = neighbours.measure()
    milliseconds = 1000 * result["seconds"]["index"]
    yield Row(
        "Similar cases among 100,000 lesions: time, of cosines of the whole features",
        result["ratios"]["index"],
        f"{milliseconds:.1f} against {1000 * result['seconds'][neighbours.WHOLE]:.1f} ms",
        f"at most {neighbours.LIMIT_MS:g} ms",
        milliseconds <= neighbours.LIMIT_MS,
    )


def beside() -> Iterator[Row]:
    """Analyses while a training run goes on."""
    from benchmarks import beside

    result = beside.measure()
    yield Row(
        "Analyses beside a training run: 95th percentile, of an idle machine's",
        result["ratio"],
        f"{result['beside'] * 1000:.0f} against {result['alone'] * 1000:.0f} ms",
        f"at most {beside.LIMIT:g}x",
        result["ratio"] <= beside.LIMIT,
    )


BENCHMARKS: dict[str, Callable[[], Iterator[Row]]] = {
    one.__name__: one
    for one in (
        decode,
        explain,
        diagnose,
        train,
        pipeline,
        sessions,
        robustness,
        strange,
        quality,
        records,
        visit,
        neighbours,
        beside,
    )
}
UNASKED = {"robustness", "strange", "quality"}  # what needs photos
SPEEDS = [name for name in BENCHMARKS if name not in UNASKED]
UNTOUCHED = 0.02  # of untouched photos a warning may come to


def machine() -> str:
    """The machine and the versions, in one line."""
    try:
        load = f"load average {os.getloadavg()[0]:.1f} at the start"
    except (AttributeError, OSError):  # Windows
        load = "load unknown"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()},"
        f" Python {platform.python_version()}, torch {version('torch')};"
        f" {load}; one core used, by sessions all"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> int:
    """Run what was asked for and print a report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}")
    parser.add_argument("--markdown", action="store_true", help="print a table for the README")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # the child's part
    options = parser.parse_args()
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"There is no benchmark {sorted(unknown)[0]}.")
    if options.here:
        _run_here(options.names[0])
        return 0
    about = machine()
    print(about, flush=True)
    if options.markdown:
        print("\n| What | Ratio | Figures | Limit |\n| --- | --: | --- | --- |", flush=True)
    sound = True
    for name in options.names or SPEEDS:
        for row in _in_a_child(name):
            sound &= row.met
            print(_table_row(row) if options.markdown else _text(row), flush=True)
    return 0 if sound else 1


def _run_here(name: str) -> None:
    if name not in {"sessions", "beside"}:  # which measure several processes at once
        from benchmarks.sidebyside import pin

        pin()
    for row in BENCHMARKS[name]():
        print(json.dumps(asdict(row)), flush=True)


def _in_a_child(name: str) -> Iterator[Row]:
    """The rows as they come; what one benchmark leaves in memory does not slow the next."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", name, "--here"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout
        for line in child.stdout:
            yield Row(**json.loads(line))
    if child.returncode:
        yield Row(f"{name} failed (exit code {child.returncode})", float("nan"), "", met=False)


def _text(row: Row) -> str:
    missed = "" if row.met else "   MISSED"
    wanted = f"   ({row.wanted})" if row.wanted else ""
    return f"{_value(row):>8}  {row.what}\n          {row.figures}{wanted}{missed}"


def _value(row: Row) -> str:
    return f"{row.ratio:.1%}" if row.share else f"{row.ratio:.2f}x"


def _table_row(row: Row) -> str:
    wanted = row.wanted if row.met else f"{row.wanted}: missed"
    return f"| {row.what} | {_value(row)} | {row.figures} | {wanted} |"


if __name__ == "__main__":
    sys.exit(main())
