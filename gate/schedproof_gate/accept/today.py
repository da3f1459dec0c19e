"""Today's date, which ends the time of an accepted finding."""

from datetime import UTC, date, datetime


def today() -> date:
    """Return the date of today in UTC, so that a CI job and a desk agree."""
    return datetime.now(UTC).date()
