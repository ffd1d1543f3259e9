"""What is fast and what is not, as rows of a report."""

from collections.abc import Callable, Iterator

from benchmarks.row import Row


def decode() -> Iterator[Row]:
    """12-megapixel photos read."""
    from benchmarks import decode

    result = decode.measure()
    rate = result["per_second"]
    for arm, name in (("read_photo", "in this process"), ("Decoder", "in the decoder's process")):
        figures = f"{rate[arm]:.1f} against {rate['plain Pillow']:.1f} photos a second"
        ratio = result["ratios"][arm]
        yield Row(
            f"12-megapixel JPEG read {name}: speed, of plain Pillow's",
            ratio,
            figures,
            f"at least {decode.LIMIT}x",
            ratio >= decode.LIMIT,
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
            ratio, limit = result["ratios"][arm], diagnose.LIMITS[photo]
            yield Row(
                f"{photo} to differential{', ' * (arm != 'differential')}"
                f"{arm.removeprefix('differential')}: time, of a plain script's",
                ratio,
                f"{seconds * 1000:.0f} against {base * 1000:.0f} ms",
                f"at most {limit}x",
                ratio <= limit,
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


def sessions() -> Iterator[Row]:
    """Reruns of the page."""
    from benchmarks import sessions

    result = sessions.measure()
    rate = result["per_second"]
    ratio = result["ratios"]["as it is"]
    yield Row(
        f"Reruns with {result['sessions']} sessions: speed, of the app's with Streamlit's own"
        " garbage collection",
        ratio,
        f"{rate['as it is']:.1f} against {rate['without gc.freeze']:.1f} a second",
        f"at least {sessions.LIMIT:g}x",
        ratio >= sessions.LIMIT,
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


SPEEDS: dict[str, Callable[[], Iterator[Row]]] = {
    one.__name__: one
    for one in (
        decode,
        explain,
        diagnose,
        train,
        pipeline,
        sessions,
        records,
        visit,
        neighbours,
        beside,
    )
}
