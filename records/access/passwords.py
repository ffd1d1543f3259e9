"""Passwords: which are taken, and how they are kept (Argon2id, never in the clear)."""

import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from records.errors import InvalidRecord

SHORTEST = 12  # characters; length protects, rules about digits and signs do not: NIST SP 800-63B
LONGEST = 200
FEWEST_DIFFERENT = 5  # of "aaaaaaaaaaaa" or "121212121212" the first guesses are made
# The long ones among the passwords that lists of leaked ones begin with. Not a complete list.
COMMON = frozenset(
    (
        "123456789012",
        "1234567890123",
        "12345678901234567890",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "abcdefghijkl",
        "administrator",
        "changemeplease",
        "iloveyou1234",
        "passwordpassword",
        "password1234",
        "password12345",
        "password123456",
        "qwerty123456",
        "qwertyuiop12",
        "qwertyuiop123",
        "qwertyuiop[]",
        "welcome12345",
    )
)
RULE = f"At least {SHORTEST} characters. A few words in a row are easy to keep in mind."

# OWASP's first recommendation for Argon2id: 46 MiB in one pass, on one thread.
_hasher = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1)


def check_rule(password: str, *, name: str) -> None:
    """InvalidRecord with a sentence for a password that is too easy to guess."""
    text = _normal(password)
    plain = text.casefold()
    if len(text) < SHORTEST:
        problem = f"The password needs at least {SHORTEST} characters."
    elif len(text) > LONGEST:
        problem = f"The password can have {LONGEST} characters at most."
    elif plain in COMMON or len(set(plain)) < FEWEST_DIFFERENT:
        problem = "This password is among the first that would be guessed. Choose another."
    elif len(name) > 3 and _normal(name).casefold() in plain:
        problem = "The password must not contain the name of the account."
    else:
        return
    raise InvalidRecord({"password": problem})


def hashed(password: str) -> str:
    """What is kept of a password: its salted Argon2id hash."""
    return _hasher.hash(_normal(password))


def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password; as slow where there is none, so that time tells nothing."""
    if len(password) > LONGEST:
        return False
    try:
        return _hasher.verify(kept or _nobody(), _normal(password)) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(kept)


@cache
def _nobody() -> str:
    """What an unknown name's password is compared with: nobody's."""
    return _hasher.hash(secrets.token_hex())


def _normal(password: str) -> str:
    # The same letters may be typed as different code points on another keyboard.
    return unicodedata.normalize("NFKC", password)
