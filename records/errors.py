"""Everything a record call can refuse, each with a sentence for the person who asked."""

from collections.abc import Mapping

NOTHING_SAVED = "Nothing was saved."


class RecordError(Exception):
    """Something was not done; the text says why and, where it helps, what to do."""

    sentence = "The records could not be used. Nothing was saved."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)


class NotAllowed(RecordError):
    """The acting account lacks the role."""

    sentence = "Your account does not have the role for this. Nothing was changed."


class NotFound(RecordError):
    """There is no such record. One sentence for missing, deleted and guessed ids alike."""

    sentence = "There is no such record, or it has been deleted."


class InvalidRecord(RecordError):
    """Some fields cannot be saved as given; `fields` has one sentence for each field's name."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


class Conflict(RecordError):
    """Somebody else, or another tab, was faster."""

    sentence = "This was changed by somebody else meanwhile. Nothing was saved. Please reload."


class Unavailable(RecordError):
    """The database cannot be used at all; the app shows a diagnostic page and offers restore."""


class Busy(Unavailable):
    """Others held the database for longer than the patience."""

    sentence = "The records are busy. Nothing was saved. Please try again in a moment."


class DiskFull(Unavailable):
    """No room to write."""

    sentence = "The disk is full. Nothing was saved. Free some space, then try again."


class DatabaseMissing(Unavailable):
    """The database has been there before and is gone. Never made anew on its own."""

    sentence = (
        "The database file is missing. It was not made anew, so that nothing is hidden by an"
        " empty one. Put the file back or restore a backup."
    )


class DatabaseDamaged(Unavailable):
    """The database file is not what was written."""

    sentence = "The database is damaged. Nothing was changed in it. Restore a backup."


class DatabaseReadOnly(Unavailable):
    """The database, or its folder, cannot be written."""

    sentence = (
        "The database can be read but not written. Give the program's account the right to write"
        " the file and its folder."
    )


class DatabaseNewer(Unavailable):
    """The database was written by a newer version of the program."""

    sentence = (
        "The database was written by a newer version of DermTrace. Nothing was changed in it."
        " Update the program."
    )


class Unreachable(Unavailable):
    """The database server does not answer or turned the program away."""

    sentence = "The database server cannot be reached. Nothing was saved. Please try again."
