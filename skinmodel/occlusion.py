"""What hides skin in a dermoscopic photo: hair, and the dark corners of a round field of view."""

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

DARK = 45  # grey level of a dermatoscope's frame at most
HAIR_WIDTH = 9  # pixels at a short side of 300
HAIR_CONTRAST = 22  # grey levels
LONGEST_GAP = 3.0  # a hair is at least this many times longer than wide


def hidden(pixels: Pixels) -> Mask:
    """True where skin cannot be seen: hair and dark corners, with a margin; (h, w)."""
    covered = (hair(pixels) | corners(pixels)).astype(np.uint8)
    return cv2.dilate(covered, np.ones((3, 3), np.uint8)).astype(bool)


def hair(pixels: Pixels) -> Mask:
    """Thin dark lines, by black top-hat (DullRazor; Lee et al. 1997), without round dots."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    width = max(3, round(HAIR_WIDTH * min(grey.shape) / 300)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    thin = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel) > HAIR_CONTRAST
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin.astype(np.uint8))
    area = stats[:, cv2.CC_STAT_AREA].astype(float)
    reach = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    # A line of length l and width w has area l*w: l**2 / area is its length over its width.
    long = (reach > 4 * width) & (reach**2 / np.maximum(area, 1) > LONGEST_GAP)
    long[0] = False
    return np.asarray(long[labels])


def corners(pixels: Pixels) -> Mask:
    """Black regions that touch the photo's border."""
    dark = (brightest(pixels) < DARK).astype(np.uint8)
    _, labels = cv2.connectedComponents(dark)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touching = np.unique(edge[edge > 0])
    return np.isin(labels, touching)


def brightest(pixels: Pixels) -> Pixels:
    """The brightest channel of each pixel (h, w); numpy takes ten times longer along an axis."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(np.maximum(np.maximum(red, green), blue))
