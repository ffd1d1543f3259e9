"""The audit log: who did and looked at what, and when; filtered, exported, and checked."""

import datetime
from typing import Any

import streamlit as st

from pages.components.frame import guard, serving
from records import audit, chain
from records.access import accounts
from records.access.actors import ADMIN, Actor
from records.audit import Entry
from records.errors import RecordError
from skinmodel.export import long_date

PER_PAGE = 100
EXPORTED = 1_000_000  # entries in one file, a little less than a spreadsheet's rows


def page(actor: Actor) -> None:
    """What the log holds, newest first."""
    st.title("Audit log", anchor=False)
    st.write("Who did and who looked at what. No names or data of patients are in it.")
    names = accounts.names(serving.database(), actor=actor)
    wanted = choose(actor, names)
    audit.looked(serving.database(), actor=actor, kind="audit log viewed", object_id="")
    entries = audit.entries(serving.database(), actor=actor, limit=PER_PAGE + 1, **wanted)
    st.download_button(
        "Export as CSV",
        lambda: export(actor, names, wanted),
        f"dermtrace-audit-{datetime.date.today()}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    whole(actor)
    table(entries[:PER_PAGE], names)
    if len(entries) > PER_PAGE:
        st.caption(f"The newest {PER_PAGE} are shown. Narrow the days, or export them all.")


def choose(actor: Actor, names: dict[str, str]) -> dict[str, Any]:
    """The filter, as `audit.entries` takes it."""
    people = sorted(names, key=lambda one: names[one].casefold())
    with st.container(horizontal=True):
        account = st.selectbox(
            "Account", people, index=None, format_func=names.__getitem__, placeholder="All"
        )
        kind = st.selectbox(
            "What",
            audit.kinds(serving.database(), actor=actor),
            index=None,
            format_func=str.capitalize,
            placeholder="Everything",
        )
        first = st.date_input("From", value=None, format="DD/MM/YYYY")
        last = st.date_input("To", value=None, format="DD/MM/YYYY")
    return {
        "account_id": account,
        "kind": kind,
        "since": midnight(first) if first else None,
        "until": midnight(last + datetime.timedelta(days=1)) if last else None,
    }


def midnight(day: datetime.date) -> datetime.datetime:
    """The start of a day where the server stands."""
    return datetime.datetime.combine(day, datetime.time()).astimezone()


def table(entries: list[Entry], names: dict[str, str]) -> None:
    """The entries; ids are shortened, the export has them whole."""
    if not entries:
        st.info("No entry matches.")
        return
    st.dataframe(
        {
            "When": [when(entry.at) for entry in entries],
            "Account": [who(entry.account_id, names) for entry in entries],
            "What": [entry.kind.capitalize() for entry in entries],
            "Of": [names.get(entry.object_id, entry.object_id[:8]) for entry in entries],
            "Detail": [
                ", ".join(f"{name}: {plain(value)}" for name, value in sorted(entry.detail.items()))
                for entry in entries
            ],
            "Entry": [entry.seq for entry in entries],
        },
        hide_index=True,
        height="content",
    )


def when(at: datetime.datetime) -> str:
    """A moment where the server stands."""
    local = at.astimezone()
    return f"{long_date(local.date())}, {local:%H:%M:%S}"


def plain(value: audit.Value) -> str:
    """Yes and no for what is either."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def who(account_id: str, names: dict[str, str]) -> str:
    """An account's name; the console and visitors have none."""
    if not account_id:
        return "Nobody signed in"
    return names.get(account_id, account_id.capitalize())


def whole(actor: Actor) -> None:
    """The head of the log to keep elsewhere, and the check of the chain against one kept before."""
    with st.expander("Was anything changed or cut off?"), st.container(width=760):
        st.write(
            "Each entry covers the one before it, so a changed entry is noticed. Entries cut off at"
            " the end are noticed by whoever kept the log's head: copy it now and then to a place"
            " away from the server."
        )
        st.caption("Head of the log now")
        st.code(str(chain.head(serving.database(), actor=actor)), language=None, wrap_lines=True)
        kept = st.text_input(
            "A head that was kept elsewhere (optional)",
            placeholder="Number:hash",
            max_chars=200,
            key="kept-head",
            autocomplete="off",
        )
        if not st.button("Check the log"):
            return
        try:
            copied = chain.parse(kept) if kept.strip() else None
        except RecordError as error:
            st.warning(f"{error} Copy the whole line.")
            return
        verdict = chain.verify(serving.database(), actor=actor, copied=copied)
        say = st.info if verdict.sound else st.error
        say(verdict.sentence)


def export(actor: Actor, names: dict[str, str], wanted: dict[str, Any]) -> bytes:
    """All entries of the filter; that they were taken is an entry, too."""
    entries = audit.entries(serving.database(), actor=actor, limit=EXPORTED, **wanted)
    audit.looked(serving.database(), actor=actor, kind="audit log exported", object_id="")
    return audit.to_csv(entries, names=names).encode()


page(guard.require(ADMIN).actor)
