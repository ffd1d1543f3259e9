"""How the making of data sets ended, for the audit log."""

from collections.abc import Mapping

from sqlalchemy import select

from records import audit
from records.database import Database
from records.models.leases import WORKER

INTAKE = "intake"  # names an ending in an entry's detail


def note_ended(
    database: Database,
    *,
    what: str,
    data_set: str,
    account_id: str,
    token: str,
    detail: Mapping[str, audit.Value],
) -> None:
    """Notes that the making of a data set ended and by whose will, "" where by nobody's.

    The same `token` twice is one entry: whoever notes may be killed before it knows that it did.
    """
    kind = f"data set {what}"
    wanted = select(audit.AuditRow.detail).where(
        audit.AuditRow.object_id == data_set, audit.AuditRow.kind == kind
    )
    with database.write() as session:
        if any(values.get(INTAKE) == token for values in session.scalars(wanted)):
            return
        audit.append(
            session,
            at=database.now(),
            account_id=account_id or WORKER,
            kind=kind,
            object_id=data_set,
            detail={**detail, INTAKE: token},
        )
