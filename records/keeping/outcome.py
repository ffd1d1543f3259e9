"""What a restore brought back, and how it is said."""

import datetime
from dataclasses import dataclass

from records.wording import count

NOTHING_BESIDE = (
    "Own models, the case mix and training runs are not in this backup, and a restore leaves them"
    " as they are."
)
# What a restore says of the rest when the records are back, and what the next start makes of it.
PENDING = (
    "Models, the case mix and training runs could not all be brought to their place: the disk is"
    " full, or the folder cannot be written. Mend that, then start DermTrace again: it goes on."
)
SETTLED = "Models, the case mix and training runs are in their place now."


@dataclass(frozen=True)
class Restored:
    """What was brought back; `missing` counts files that the backup did not have whole.

    `put_aside` names the file, or the server's schema, that keeps what was there, and `kept_in` the
    folder with what was there beside the records. `beside` says what of the kind came back, and is
    None where the backup has none because it is of an earlier version; `pending` says that it waits
    on one side for the next start, which brings it to its place.
    """

    made_at: datetime.datetime
    patients: int
    files: int
    missing: int
    erased_again: int
    put_aside: str
    beside: str | None = ""
    kept_in: str = ""
    pending: bool = False

    @property
    def sentence(self) -> str:
        """All of it, in words."""
        patients, files = count(self.patients, "patient"), count(self.files, "file")
        text = f"{patients} and {files} were restored."
        if self.pending:
            text += f" {PENDING}"
        elif self.beside:
            text += f" Restored as well: {self.beside}."
        if self.beside is None:
            text += f" {NOTHING_BESIDE}"
        if self.erased_again:
            text += f" {self.erased_again} patients erased since were erased again."
        if self.missing:
            text += f" {self.missing} files are not whole in the backup; verify names them."
        if self.put_aside:
            text += f" The database that was there is kept as {self.put_aside}."
        return text + kept(self.kept_in)


def kept(folder: str) -> str:
    """Where the clinic's own models lie that were there before, in words; "" if there were none."""
    return f" Models and the case mix that were there are kept in {folder}." if folder else ""
