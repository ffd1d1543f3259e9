"""Whether the photos of two visits were taken alike enough for their sizes to be compared."""

from records.clinic.visits import VisitFields

WITHHELD = "Sizes are not compared."


def differences(before: VisitFields, after: VisitFields) -> tuple[str, ...]:
    """How the two visits' photos were taken differently, each in a sentence; none if alike.

    What is not known of either visit is taken to be alike.
    """
    found = []
    scales = before.magnification, after.magnification
    if scales[0] and scales[1] and scales[0] != scales[1]:
        found.append(f"Another magnification: {scales[0]:g} x, then {scales[1]:g} x.")
    for name in ("polarisation", "contact"):
        ways = getattr(before, name), getattr(after, name)
        if "unknown" not in ways and ways[0] != ways[1]:
            found.append(f"Photographed otherwise: {ways[0]}, then {ways[1]}.")
    devices = before.device.strip(), after.device.strip()
    if all(devices) and devices[0].casefold() != devices[1].casefold():
        found.append(f"Another device: {devices[0]}, then {devices[1]}.")
    return tuple(found)
