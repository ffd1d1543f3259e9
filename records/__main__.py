"""The records from the command line: `python -m records create-admin`."""

import argparse
import getpass
import sys
from collections.abc import Sequence

import settings
from records import accounts, links, passwords
from records.actors import CONSOLE, ROLES
from records.database import Database
from records.errors import RecordError
from records.schema import open_database


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 1 with a sentence if it was refused."""
    parser = argparse.ArgumentParser(prog="python -m records", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser(
        "create-admin",
        help="make an account with both roles: the first one, or one to get in again",
    )
    create.add_argument("name", nargs="?", help="asked for if not given")
    given = parser.parse_args(arguments)
    try:
        database = open_database(settings.load().database_url)
        try:
            create_admin(database, given.name)
        finally:
            database.close()
    except RecordError as error:
        print(error, file=sys.stderr)
        return 1
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
