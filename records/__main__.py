"""The records from the command line: `python -m records backup`, `restore FROM` and others.

Exit codes: 0 all went well, 1 it was refused or something is not whole, 2 the command makes no
sense.
"""

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

import settings
from records import chain
from records.access import accounts, links, passwords
from records.access.actors import CONSOLE, ROLES
from records.database import Database
from records.errors import RecordError
from records.keeping import arrival, backup, dossier, erasure, restore, snapshot, verification
from records.keeping.store import open_store
from records.schema import open_database


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options, settings.load())
        return code
    except (RecordError, settings.InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m records", description="Patients, lesions, photos and accounts."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser(
        "create-admin",
        help="make an account with both roles: the first one, or one to get in again",
    )
    create.add_argument("name", nargs="?", help="asked for if not given")
    create.set_defaults(run=_create_admin)

    make = commands.add_parser("backup", help="back up all records and photos")
    make.add_argument("to", nargs="?", metavar="TO", help="a folder or URL (default: settings')")
    make.set_defaults(run=_backup)

    bring = commands.add_parser(
        "restore", help="bring a backup back; stop the app first, and everything that uses it"
    )
    bring.add_argument("source", metavar="FROM", help="a folder or URL with backups")
    bring.add_argument("--list", action="store_true", help="only name the backups there")
    bring.add_argument("--name", help="one of them (default: the newest)")
    bring.set_defaults(run=_restore)

    check = commands.add_parser("verify", help="check that everything is whole")
    check.add_argument(
        "--head", metavar="SEQ:HASH", help="an audit log's head that was kept elsewhere"
    )
    check.set_defaults(run=_verify)

    export = commands.add_parser("export", help="everything of one patient as a folder")
    export.add_argument("patient", metavar="PATIENT", help="the clinic's id")
    export.add_argument("to", type=Path, metavar="FOLDER", help="a new folder")
    export.add_argument(
        "--originals", action="store_true", help="photos with all that the camera wrote into them"
    )
    export.set_defaults(run=_export)

    erase = commands.add_parser("erase", help="erase a patient for good")
    erase.add_argument("patient", metavar="PATIENT", help="the clinic's id")
    erase.add_argument(
        "--folder",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="runs, data sets or models outside the data folder (may be repeated)",
    )
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.set_defaults(run=_erase)
    return parser


def _open(given: settings.Settings) -> Database:
    keep = snapshot.keep_in(given.backups_url)
    return open_database(given.database_url, before_migration=keep)


def _create_admin(options: argparse.Namespace, given: settings.Settings) -> int:
    database = _open(given)
    try:
        create_admin(database, options.name)
    finally:
        database.close()
    return 0


def _backup(options: argparse.Namespace, given: settings.Settings) -> int:
    database = _open(given)
    try:
        made = backup.make(
            database,
            open_store(given.photos_url),
            actor=CONSOLE,
            to=options.to or given.backups_url,
            passphrase=given.backup_passphrase,
            folder=given.data_dir,
        )
    finally:
        database.close()
    print(made.sentence)
    if not given.backup_passphrase:
        print("It is not encrypted. Set SKIN_BACKUP_PASSPHRASE to seal it.", file=sys.stderr)
    return 0


def _restore(options: argparse.Namespace, given: settings.Settings) -> int:
    if options.list:
        names = restore.snapshots(options.source, actor=CONSOLE, passphrase=given.backup_passphrase)
        print("\n".join(names))
        return 0
    done = restore.restore(
        given.database_url,
        open_store(given.photos_url),
        actor=CONSOLE,
        source=options.source,
        passphrase=given.backup_passphrase,
        name=options.name,
        folder=given.data_dir,
    )
    print(done.sentence)
    return 1 if done.missing or done.pending else 0


def _verify(options: argparse.Namespace, given: settings.Settings) -> int:
    copied = chain.parse(options.head) if options.head else None
    database = _open(given)
    try:
        found = verification.verify(
            database,
            open_store(given.photos_url),
            actor=CONSOLE,
            copied=copied,
            folder=given.data_dir,
        )
    finally:
        database.close()
    for problem in found.problems:
        print(problem)
    whole = "Everything is whole" if found.sound else "Not everything is whole"
    print(f"{whole}: {found.files} files checked, {found.unused} not in use.")
    print(f"Head of the audit log, to be kept elsewhere: {found.head}")
    return 0 if found.sound else 1


def _export(options: argparse.Namespace, given: settings.Settings) -> int:
    database, store = _open(given), open_store(given.photos_url)
    try:
        patient_id = dossier.find(database, actor=CONSOLE, clinic_id=options.patient)
        problems = dossier.export(
            database,
            store,
            actor=CONSOLE,
            patient_id=patient_id,
            to=options.to.absolute(),
            originals=options.originals,
        )
    finally:
        database.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"The patient is in {options.to}.")
    return 1 if problems else 0


def _erase(options: argparse.Namespace, given: settings.Settings) -> int:
    database, store = _open(given), open_store(given.photos_url)
    try:
        patient_id = dossier.find(database, actor=CONSOLE, clinic_id=options.patient)
        question = "This cannot be undone. Type the patient's id again to erase: "
        if not options.yes and _ask(question) != options.patient:
            raise RecordError("Nothing was erased.")
        found = [*arrival.folders(given.data_dir), given.models_dir]
        erased = erasure.erase(
            database,
            store,
            actor=CONSOLE,
            patient_id=patient_id,
            folders=[one for one in (*found, *options.folder) if one.is_dir()],
            caches=[one for one in (given.data_dir / "cache",) if one.is_dir()],
        )
    finally:
        database.close()
    print(erased.sentence)
    return 0


def create_admin(database: Database, name: str | None) -> None:
    """Asks for what is missing, and makes the account."""
    name = name if name is not None else _ask("Name: ")
    password = _ask_unseen(f"New password. {passwords.RULE}\nPassword: ")
    passwords.check_rule(password, name=name)
    if sys.stdin.isatty() and _ask_unseen("Password again: ") != password:
        raise RecordError("The two passwords differ. Nothing was changed.")
    account = accounts.add(database, actor=CONSOLE, name=name, roles=ROLES)
    token = links.for_account(database, actor=CONSOLE, account_id=account.id)
    links.set_password(database, token=token, password=password)
    print(f"{account.name} can sign in as administrator and clinician.")


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _ask_unseen(question: str) -> str:
    # getpass would warn where there is no terminal; then the password comes in a line of its own.
    return getpass.getpass(question) if sys.stdin.isatty() else _ask(question)


if __name__ == "__main__":
    sys.exit(main())
