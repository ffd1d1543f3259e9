"""Accounts: who may sign in, with which roles; new ones, locked ones, and one-time links."""

from collections.abc import Callable
from urllib.parse import urlsplit

import streamlit as st

from pages.components.frame import guard, serving
from pages.components.frame.words import ROLE_NAMES, count, markdown
from records.access import accounts, links
from records.access.accounts import Account
from records.access.actors import ADMIN, CLINICIAN, Actor
from records.errors import RecordError
from skinmodel.export import long_date

ROLES_HELP = (
    "Clinicians examine lesions and see patients. Administrators manage accounts, models and the"
    " audit log. An account can hold both."
)


def page(actor: Actor) -> None:
    """Adding first, then everybody by name."""
    st.title("Accounts", anchor=False)
    add(actor)
    everyone = accounts.everyone(serving.database(), actor=actor)
    st.header(count(len(everyone), "account"), anchor=False)
    for account in everyone:
        one(actor, account)


def add(actor: Actor) -> None:
    """A new account; its one-time link follows at once."""
    with st.form("add", clear_on_submit=True, width=560):
        st.markdown("**Add an account**")
        name = st.text_input("Name", max_chars=accounts.LONGEST_NAME, autocomplete="off")
        roles = st.pills(
            "Roles",
            list(ROLE_NAMES),
            format_func=ROLE_NAMES.__getitem__,
            selection_mode="multi",
            default=[CLINICIAN],
            help=ROLES_HELP,
        )
        asked = st.form_submit_button("Add", type="primary")
    if not asked:
        return
    made: list[Account] = []

    def make() -> None:
        made.append(accounts.add(serving.database(), actor=actor, name=name, roles=roles))

    if done(make):
        show_link(actor, made[0])


def one(actor: Actor, account: Account) -> None:
    """An account with what can be done about it."""
    words = [ROLE_NAMES[role] for role in ROLE_NAMES if role in account.roles]
    state = " · **Disabled**" if account.disabled else ""
    with st.expander(f"{markdown(account.name)} · {', '.join(words)}{state}"):
        st.caption(
            f"Added on {long_date(account.made_at.astimezone().date())}. {signs_in(account)}"
        )
        roles = st.pills(
            "Roles",
            list(ROLE_NAMES),
            format_func=ROLE_NAMES.__getitem__,
            selection_mode="multi",
            default=[role for role in ROLE_NAMES if role in account.roles],
            key=f"roles-{account.id}-{'-'.join(sorted(account.roles))}",
            disabled=account.vouched,
            help=ROLES_HELP,
        )
        with st.container(horizontal=True):
            if not account.vouched:
                changed = frozenset(roles) != account.roles
                save = st.button("Save roles", key=f"save-{account.id}", disabled=not changed)
                link = st.button("New one-time link", key=f"link-{account.id}")
            word = "Enable" if account.disabled else "Disable"
            switch = st.button(f"{word} this account", key=f"switch-{account.id}")
        if switch:
            change(
                lambda: accounts.set_disabled(
                    serving.database(),
                    actor=actor,
                    account_id=account.id,
                    disabled=not account.disabled,
                )
            )
        if account.vouched:
            return
        if save:
            change(
                lambda: accounts.set_roles(
                    serving.database(), actor=actor, account_id=account.id, roles=roles
                )
            )
        if link:
            show_link(actor, account)


def signs_in(account: Account) -> str:
    """How this person gets in."""
    if account.vouched:
        return "The clinic's own sign-in vouches for this person and gives the roles."
    if account.has_password:
        return "Signs in with a password."
    return "No password yet: make a one-time link."


def show_link(actor: Actor, account: Account) -> None:
    """A fresh link, shown once."""
    tokens: list[str] = []

    def make() -> None:
        tokens.append(links.for_account(serving.database(), actor=actor, account_id=account.id))

    if not done(make):
        return
    here = urlsplit(str(st.context.url))
    st.info(
        f"Give this link to {markdown(account.name)} and to nobody else. Whoever opens it chooses"
        " the password. It works once, for two days, and is not shown again."
    )
    st.code(
        f"{here.scheme}://{here.netloc}/signin/password?token={tokens[0]}",
        language=None,
        wrap_lines=True,
    )


def change(deed: Callable[[], object]) -> None:
    """Does it and draws the list anew."""
    if done(deed):
        st.rerun()


def done(deed: Callable[[], object]) -> bool:
    """Does it; says why where it was refused."""
    try:
        deed()
    except RecordError as error:
        st.warning(str(error))
        return False
    return True


page(guard.require(ADMIN).actor)
