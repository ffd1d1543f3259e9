"""Brings a backup back from the browser: asked for here, carried out when the server starts."""

import datetime

import streamlit as st

from pages.components.frame import guard, restarting, saves, serving
from pages.components.frame.words import count, markdown
from records.access.actors import ADMIN, Actor
from records.keeping import outcome, rehearsal, restore, staging
from records.keeping.rehearsal import Contents
from skinmodel.export import long_date

WORD = "RESTORE"
SHOWN = 200  # backups, newest first
WHAT = """
All records go back to where they were: what was entered since is not in them. So do the case mix,
the clinic's own models and the choice of the one in use; training runs and data sets of today stay.
All that is there now is backed up first, so that you can come back here and restore that. Patients
erased since are erased again. Accounts, roles and passwords will be as they were then, and
everybody is signed out.
"""
LATER = (
    "It is carried out when DermTrace is started the next time. Ask whoever looks after the server"
    " to start it again. What is entered until then is not in the restored records."
)


def show(actor: Actor) -> None:
    """What became of the last restore, or the choice of a backup to bring back."""
    st.header("Restore", anchor=False)
    folder, found = serving.limits().data_dir, serving.limits()
    staged = saves.attempt(lambda: staging.look(serving.database(), folder, actor=actor))
    if staged and staged.waits:
        _waiting(staged)
        return
    if staged and staged.ended_at:
        at = _moment(staged.ended_at)
        say = st.info if staged.state == staging.DONE else st.warning
        say(f"{at}: {markdown(staged.sentence)}")
    names = saves.attempt(
        lambda: restore.snapshots(
            found.backups_url, actor=actor, passphrase=found.backup_passphrase
        )
    )
    if not names:
        st.write("As soon as there is a backup, it can be brought back here.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Backup", names[::-1][:SHOWN], format_func=_label, key="restore-name", width=260
        )
        opened = st.button("Restore this backup")
    if opened:
        with st.spinner("Opening the backup"):
            contents = saves.attempt(
                lambda: rehearsal.look(
                    actor=actor,
                    source=found.backups_url,
                    passphrase=found.backup_passphrase,
                    name=chosen,
                )
            )
        if contents:
            confirm(contents)


@st.dialog("Restore a backup")
def confirm(contents: Contents) -> None:
    """Says what will be lost and what not, and wants a word typed before it begins."""
    person = guard.require(ADMIN)
    st.write(
        f"The backup of **{_moment(contents.made_at)}** holds {count(contents.patients, 'patient')}"
        f" and {count(len(contents.files), 'file')}"
        f"{f', {contents.beside}' if contents.beside else ''}."
    )
    if contents.beside is None:
        st.write(outcome.NOTHING_BESIDE)
    st.write(WHAT)
    names = ", ".join(markdown(name) for name in sorted(contents.admins.values()))
    if person.account.id not in contents.admins:
        st.warning(f"You will not be an administrator any more. These were: {names or 'nobody'}.")
    typed = st.text_input(f"Type {WORD} to confirm", key="restore-word", autocomplete="off")
    possible = restarting.possible()
    label = "Restore and restart" if possible else "Restore at the next start"
    if not st.button(label, type="primary"):
        return
    if typed.strip() != WORD:
        st.warning(f"Nothing was done: type {WORD}, in capitals.")
        return
    found = serving.limits()
    asked = saves.attempt(
        lambda: staging.ask(
            serving.database(),
            found.data_dir,
            actor=person.actor,
            source=found.backups_url,
            passphrase=found.backup_passphrase,
            name=contents.name,
        )
    )
    if asked and possible:
        st.info(
            "DermTrace restarts now and restores the backup. With many photos that takes minutes."
            " The sign-in page opens when it is done."
        )
        restarting.begin()
    elif asked:
        st.rerun()


def _waiting(staged: staging.Staged) -> None:
    st.warning(f"The backup of {_label(staged.name)} is going to be restored. {LATER}")
    if st.button("Do not restore it"):
        person = guard.require(ADMIN)
        folder = serving.limits().data_dir
        saves.attempt(lambda: staging.withdraw(serving.database(), folder, actor=person.actor))
        st.rerun()


def _label(name: str) -> str:
    moment, _, _ = name.partition("Z")
    try:
        made = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%S%f")
    except ValueError:
        return name
    return _moment(made.replace(tzinfo=datetime.UTC))


def _moment(at: datetime.datetime) -> str:
    at = at.astimezone()
    return f"{long_date(at.date())}, {at:%H:%M}"
