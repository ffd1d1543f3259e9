"""Numbers with their nouns, for the records' own sentences."""


def count(number: int, noun: str) -> str:
    """1 file, 3 files."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
