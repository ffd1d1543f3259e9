"""Whether the photos of two visits were taken alike enough for their sizes to be compared."""

from records.clinic.visits import VisitFields

WITHHELD = "Sizes are not compared."


def differences(
    before: VisitFields, after: VisitFields, *, scaled: bool = False
) -> tuple[str, ...]:
    """How the two visits' photos were taken differently, each in a sentence; none if alike.

    What is not known of either visit is taken to be alike. Another magnification is no such
    difference where both photos' scales are known (`scaled`).
    """
    found = []
    if not scaled and (said := magnified(before, after)):
        found.append(said)
    for name in ("polarisation", "contact"):
        ways = getattr(before, name), getattr(after, name)
        if "unknown" not in ways and ways[0] != ways[1]:
            found.append(f"Photographed otherwise: {ways[0]}, then {ways[1]}.")
    devices = before.device.strip(), after.device.strip()
    if all(devices) and devices[0].casefold() != devices[1].casefold():
        found.append(f"Another device: {devices[0]}, then {devices[1]}.")
    return tuple(found)


def magnified(before: VisitFields, after: VisitFields) -> str:
    """That two visits' magnifications differ, in a sentence; "" if they do not."""
    powers = before.magnification, after.magnification
    if not powers[0] or not powers[1] or powers[0] == powers[1]:
        return ""
    return f"Another magnification: {powers[0]:g} x, then {powers[1]:g} x."
