"""Who acts: every record call takes the acting account and checks its role itself."""

from dataclasses import dataclass

from records.errors import NotAllowed

CLINICIAN = "clinician"
ADMIN = "admin"
ROLES = frozenset({CLINICIAN, ADMIN})


@dataclass(frozen=True)
class Actor:
    """An account that acts, with its roles. An account may hold both."""

    account_id: str
    roles: frozenset[str]

    def require(self, *roles: str) -> None:
        """NotAllowed unless the account holds one of these roles."""
        if not self.roles.intersection(roles):
            raise NotAllowed


# Whoever can start a command on the server can read its files as well.
CONSOLE = Actor("console", ROLES)
