"""Photos of 12 megapixels to the network's input scale: read_photo against plain Pillow.

`read_photo` is our border in this process, `Decoder` the same in its child as the page and the
command line use it; both also check the file and hand over a 600-pixel working picture. The plain
arms are what a script does: open, convert, resize.
"""

import io
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.sidebyside import pin, ratios, side_by_side
from skinmodel.images import read_photo
from skinmodel.reading.decoder import Decoder

INPUT = (299, 224)  # short side 224, as most networks take
PHOTOS = 3
LIMIT = 1.5  # times plain Pillow's speed: such a JPEG is not decoded in full


def photograph(seed: int) -> bytes:
    """A drawn 4000 x 3000 JPEG of about 3 MB: smooth colour and fine grain, as cameras write."""
    chance = np.random.default_rng(seed)
    picture = Image.fromarray(chance.integers(60, 200, (15, 20, 3)).astype(np.uint8))
    picture = picture.resize((4000, 3000), Image.Resampling.BICUBIC)
    grain = chance.normal(0, 4, (3000, 4000, 1))
    pixels = (np.asarray(picture) + grain).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def measure(rounds: int = 15, seed: int = 0) -> dict[str, Any]:
    """Photos per second of each arm, and how many times plain Pillow's speed that is."""
    photos = [photograph(seed + number) for number in range(PHOTOS)]

    def plain() -> None:
        for data in photos:
            with Image.open(io.BytesIO(data)) as image:
                image.convert("RGB").resize(INPUT, Image.Resampling.BILINEAR)

    def ours() -> None:
        for data in photos:
            read_photo(data).picture.resize(INPUT, Image.Resampling.BILINEAR)

    with Decoder(workers=1) as decoder:

        def child() -> None:
            for data in photos:
                decoder.read(data).picture.resize(INPUT, Image.Resampling.BILINEAR)

        arms = {"plain Pillow": plain, "read_photo": ours, "Decoder": child}
        medians = side_by_side(arms, rounds=rounds, seed=seed)
    slower = ratios(medians, base="plain Pillow")
    return {
        "megabytes": sum(map(len, photos)) / PHOTOS / 1e6,
        "per_second": {name: PHOTOS / seconds for name, seconds in medians.items()},
        "ratios": {name: 1 / ratio for name, ratio in slower.items()},
    }


def main() -> None:
    """Print the rates and the ratios."""
    pin()
    result = measure()
    print(f"12-megapixel JPEG ({result['megabytes']:.1f} MB) to {INPUT[0]} x {INPUT[1]}, one core")
    for name, rate in result["per_second"].items():
        print(f"  {name:<13} {rate:5.1f} a second   {result['ratios'][name]:.2f}x")


if __name__ == "__main__":
    main()
