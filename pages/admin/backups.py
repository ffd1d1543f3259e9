"""Backups: the last, how often, brought back; and a patient taken away or erased."""

import threading

import streamlit as st

from pages.components.frame import guard, restoring, saves, serving
from pages.components.frame.words import count, markdown
from pages.components.patient import departing
from records import preferences
from records.access.actors import ADMIN, Actor
from records.errors import RecordError
from records.keeping import backup, rehearsal, upkeep, verification
from records.keeping.backup import Backup
from records.preferences import BACKUP_HOURS
from skinmodel.export import long_date

SCHEDULES = {0: "Never", 6: "Every 6 hours", 12: "Every 12 hours", 24: "Every day", 168: "Weekly"}
KEPT = """
**In each backup:** patients, lesions, visits, photos, heat maps, assessments, findings and plans;
accounts, preferences and the audit log; the clinic's own models and which one is in use; the case
mix; training runs with their settings, curves, logs, figures and candidates; what data sets are and
which photos they list.

**Not in it:** the photos of data sets (fetch them or bring them in again; this clinic's own are
made anew from the records); what an interrupted run would go on from, so that it begins again; the
inbox and caches; who is signed in, and one-time links; the server's settings, its certificate and
the passphrase of the backups.
"""
LOOK = 2.0  # seconds between two looks at a backup that is being made


def page(actor: Actor) -> None:
    """The state first, then what can be done about it."""
    st.title("Backups", anchor=False)
    with st.container(width=760):
        state(actor)
        schedule(actor)
        check(actor)
        restoring.show(actor)
    departing.show(actor)
    earlier(actor)


def state(actor: Actor) -> None:
    """The last complete backup, looked at again and again while one is being made."""
    every = LOOK if upkeep.running(serving.database()) else None
    st.fragment(last, run_every=every)(actor, looking=every is not None)


def last(actor: Actor, *, looking: bool) -> None:
    """What is kept, what has failed since, and the button for a backup now."""
    database = serving.database()
    complete = backup.last_success(database, actor=actor)
    newest = next(iter(backup.history(database, actor=actor, limit=1)), None)
    running = upkeep.running(database)
    if looking and not running:
        st.rerun()
    if complete:
        st.markdown(f"Last complete backup: **{_moment(complete)}**. {complete.sentence}")
    else:
        st.warning("There is no complete backup yet.")
    if newest and not newest.ok and not running:
        st.warning(f"The last try, on {_moment(newest)}, failed. {markdown(newest.sentence)}")
    found = serving.limits()
    sealed = (
        "Backups are encrypted with the passphrase of the server's settings. Keep it elsewhere too:"
        " without it nobody can open them."
        if found.backup_passphrase
        else "Backups are not encrypted. Set SKIN_BACKUP_PASSPHRASE on the server to encrypt them."
    )
    st.caption(f"Kept at {markdown(_plain_address())}. {sealed} Keep a copy on another machine.")
    with st.expander("What a backup holds"):
        st.markdown(KEPT)
    if running:
        st.button("A backup is being made", disabled=True, icon=":material/hourglass_empty:")
    elif st.button("Back up now", type="primary", icon=":material/backup:"):
        who, ours = guard.require(ADMIN).actor, serving.upkeep()
        work = threading.Thread(target=_make, args=(ours, who), name="backup", daemon=True)
        work.start()
        work.join(timeout=LOOK)  # by then it is over, or seen to be running
        st.rerun()


def _make(ours: upkeep.Upkeep, actor: Actor) -> None:
    """Makes a backup; why one failed stands in the records, where the page reads it."""
    try:
        ours.back_up(actor)
    except RecordError as error:
        upkeep.log.error("%s", error)
    except Exception:
        upkeep.log.exception("A backup failed")


def schedule(actor: Actor) -> None:
    """How often a backup is made by itself."""
    st.header("Schedule", anchor=False)
    now = int(preferences.get(serving.database(), actor=actor, name=BACKUP_HOURS))
    choices = SCHEDULES if now in SCHEDULES else {now: f"Every {now} hours"} | SCHEDULES

    def change() -> None:
        preferences.change(
            serving.database(),
            actor=guard.require(ADMIN).actor,
            name=BACKUP_HOURS,
            value=int(st.session_state["backup-hours"]),
        )

    st.selectbox(
        "A backup by itself",
        list(choices),
        index=list(choices).index(now),
        format_func=choices.__getitem__,
        key="backup-hours",
        on_change=change,
        width=260,
    )
    if not now:
        st.warning("No backup is made by itself.")


def check(actor: Actor) -> None:
    """Whether the backup could be restored, and whether the records themselves are whole."""
    st.header("Check", anchor=False)
    st.write(
        "A rehearsal restores the newest backup to one side and opens each of its files. The check"
        " of the records walks every photo, the audit log and the clinic's own models. Neither"
        " changes anything."
    )
    with st.container(horizontal=True):
        rehearse = st.button("Rehearse a restore")
        verify = st.button("Check the records")
    found = serving.limits()
    if rehearse:
        bar = st.progress(0.0, "Opening the newest backup")
        done = saves.attempt(
            lambda: rehearsal.rehearse(
                serving.database(),
                actor=actor,
                source=found.backups_url,
                passphrase=found.backup_passphrase,
                progress=bar.progress,
            )
        )
        bar.empty()
        if done:
            say = st.warning if done.missing else st.info
            made = done.made_at.astimezone()
            say(f"The backup of {long_date(made.date())}, {made:%H:%M}: {done.sentence}")
    if verify:
        bar = st.progress(0.0, "Checking the database")
        findings = saves.attempt(
            lambda: verification.verify(
                serving.database(),
                serving.store(),
                actor=actor,
                folder=found.data_dir,
                progress=bar.progress,
            )
        )
        bar.empty()
        if findings:
            for problem in findings.problems:
                st.warning(markdown(problem))
            whole = "Everything is whole" if findings.sound else "Not everything is whole"
            st.info(f"{whole}: {count(findings.files, 'file')} checked.")
            st.caption("Head of the audit log. Kept elsewhere, it proves that nothing was cut off:")
            st.code(str(findings.head), language=None, wrap_lines=True)


def earlier(actor: Actor) -> None:
    """The backups tried last."""
    found = backup.history(serving.database(), actor=actor)
    if not found:
        return
    st.header("Tried last", anchor=False)
    st.dataframe(
        {
            "When": [_moment(one) for one in found],
            "Result": ["Complete" if one.ok else "Failed" for one in found],
            "What": [one.sentence for one in found],
        },
        hide_index=True,
        width="stretch",
    )


def _moment(one: Backup) -> str:
    at = one.begun_at.astimezone()
    return f"{long_date(at.date())}, {at:%H:%M}"


def _plain_address() -> str:
    """Where backups are kept, without what a URL may hold of passwords."""
    address = serving.limits().backups_url
    before, sign, after = address.partition("://")
    return f"{before}{sign}{after.rpartition('@')[2]}" if sign else address


page(guard.require(ADMIN).actor)
