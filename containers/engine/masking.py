"""Secrets in environments and command lines, masked before they reach a page or a log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MASK = "••••••"

_SECRET_KEY = re.compile(
    r"pass(?:word|wd|phrase|code)?(?:$|[^a-z])|pwd|secret|token|credential|private|api[_-]?key|access[_-]?key"
    r"|(?:^|[_-])(?:key|auth|pass|pin|salt|dsn|cookie)(?:$|[_-])|signing|encryption",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(?P<start>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE)


def is_secret(key: str) -> bool:
    """Whether a variable or option of this name usually holds a secret. PASSWORD_FILE holds a path."""
    return bool(_SECRET_KEY.search(key)) and not key.upper().endswith("_FILE")


def value(key: str, text: str) -> str:
    """`text` as it may be shown: masked whole under a secret's name, else only passwords inside URLs."""
    if text and is_secret(key):
        return MASK
    return _URL_PASSWORD.sub(rf"\g<start>{MASK}", text)


def environment(pairs: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """ "KEY=value" strings to pairs."""
    split = (pair.partition("=") for pair in pairs)
    return tuple((key, value(key, text)) for key, _, text in split)


def command(argv: Sequence[str], secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """A command line: `KEY=value`, `--key=value`, `--key value`, and every known secret wherever it stands."""
    known = sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True)
    shown, after_secret_option = [], False
    for word in argv:
        masked = MASK if after_secret_option and not word.startswith("-") else _word(word)
        for secret in known:
            masked = masked.replace(secret, MASK)
        shown.append(masked)
        after_secret_option = word.startswith("--") and "=" not in word and is_secret(word[2:])
    return tuple(shown)


def secrets_of(pairs: Iterable[str]) -> tuple[str, ...]:
    """The values of an environment that are masked."""
    split = (pair.partition("=") for pair in pairs)
    return tuple(text for key, _, text in split if text and is_secret(key))


def _word(word: str) -> str:
    key, equals, text = word.partition("=")
    if not equals or " " in key:
        return value("", word)
    if key in {"--env", "--label"}:
        return f"{key}={_word(text)}"
    return f"{key}={value(key.lstrip('-'), text)}"
