"""Days as people read them: 12 Mar 2025, whatever the computer's language."""

import datetime

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def long_date(day: datetime.date) -> str:
    """A day as 12 Mar 2025."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
