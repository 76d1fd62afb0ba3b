"""Takes secrets, paths and names of this machine out of what is published, and says how many of each there were.

What it knows: keys of known forms, private keys, passwords in addresses, values given to names that say secret, the
values of this process's environment variables with such names, home directories, this user's and this host's name.
A secret without a known form that is in no variable here it cannot know.
"""

import getpass
import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS(?:WORD|WD|PHRASE)?|CREDENTIAL|COOKIE|SESSION_ID|PRIVATE|AUTH", re.I)
_PLAIN_VALUES = re.compile(r"(?i)true|false|yes|no|none|null|on|off|\d{1,7}|[./~].*")
_SHORTEST = 8  # of an environment variable's value that is looked for everywhere
_COMMON_NAMES = frozenset(
    {"root", "nobody", "user", "users", "admin", "ubuntu", "debian", "runner", "agent", "daemon", "home", "test",
     "tests", "guest", "main", "python", "localhost", "build", "worker", "container", "docker", "sandbox", "assay",
     "data", "www"}
)  # fmt: skip
_FORMS: tuple[tuple[str, str], ...] = (
    ("private key", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"),
    ("key", r"\bsk-(?:ant-|proj-|or-|live-|test-)?[A-Za-z0-9_-]{16,}"),
    ("key", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})"),
    ("key", r"\b(?:hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{20,}|dckr_pat_[A-Za-z0-9_-]{20,})"),
    ("key", r"\b(?:AKIA|ASIA|AGPA|AROA)[0-9A-Z]{16}\b"),
    ("key", r"\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_-]{20,}"),
    ("key", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    ("key", r"\bwandb_v1_[A-Za-z0-9_]{20,}|\bnvapi-[A-Za-z0-9_-]{20,}|\bgsk_[A-Za-z0-9]{20,}|\br8_[A-Za-z0-9]{20,}"),
    ("token", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}"),
)
_BEARER = re.compile(
    r"(?i)(authorization['\"]?\s{0,3}[:=]\s{0,3}['\"]?(?:bearer|basic|token)|\bbearer)(\s{1,3})([A-Za-z0-9._~+/=-]{16,})"
)
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://)([^/\s:@'\"<>]{0,100}):([^/\s@'\"<>]{1,200})@")
_GIVEN = re.compile(
    r"(?i)\b((?:[a-z0-9]+[_-]){0,6}(?:api_?key|access_?key|secret(?:_?key)?|auth_?token|token|passwd|password|passphrase|"
    r"credentials?)(?:[_-][a-z0-9]+){0,3})(['\"]?\s{0,3}(?:=|:)\s{0,3})(['\"]?)([A-Za-z0-9_+/=.~-]{12,})"
)
_HOMES = re.compile(r"(?:/home|/Users|/var/home|[A-Za-z]:\\{1,2}Users)(?:/|\\{1,2})([A-Za-z0-9._-]{1,64})")
_ROOT = re.compile(r"(?<![\w./-])/root(?=[/\s'\":;,)\]]|$)")


class Redactor:
    """Replaces what should not be published. `counts` says what was replaced how often."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        home: str | None = None,
        users: Iterable[str] = (),
        hosts: Iterable[str] = (),
        paths: Mapping[str, str] | None = None,
        words: Iterable[str] = (),
    ) -> None:
        """Take the environment, home, user and host of this process; `users`, `hosts` and `paths` come on top.

        `words` are taken out wherever they stand, short ones too.
        """
        given = os.environ if environment is None else environment
        home = str(Path.home()) if home is None else home
        self.counts: Counter[str] = Counter()
        literal: dict[str, tuple[str, str]] = {}
        for path, shown in (paths or {}).items():
            if len(path) > 4:
                literal[path] = (shown, "path")
        if len(home) > 4 and home not in ("/root", "/home", "/nonexistent"):
            literal[home] = ("~", "home directory")
        for name, value in given.items():
            secret = _SECRET_NAME.search(name) and not name.endswith(("_FILE", "_PATH", "_DIR", "SOCK"))
            if secret and len(value) >= _SHORTEST and not _PLAIN_VALUES.fullmatch(value):
                literal[value] = (f"[redacted: ${name}]", "environment variable")
        literal |= {word: ("[redacted]", "word") for word in words if word}
        ordered = sorted(literal, key=len, reverse=True)
        self._literal = literal
        self._literals = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        named = {name: "[user]" for name in [*users, *_user()]} | {name: "[host]" for name in [*hosts, *_host()]}
        self._named = {n: sign for n, sign in named.items() if len(n) >= 3 and n.lower() not in _COMMON_NAMES}
        words = "|".join(re.escape(name) for name in sorted(self._named, key=len, reverse=True))
        self._names = re.compile(rf"(?<![A-Za-z0-9_])(?:{words})(?![A-Za-z0-9_])") if words else None
        self._forms = [(what, re.compile(form, re.DOTALL)) for what, form in _FORMS]

    def text(self, text: str) -> str:
        """Return a text without what should not be published."""
        if self._literals is not None:
            text = self._sub(self._literals, lambda m: self._literal[m[0]], text)
        for what, form in self._forms:
            text = self._sub(form, lambda m, what=what: (f"[redacted {what}]", what), text)  # type: ignore[misc]
        text = self._sub(_ADDRESS, lambda m: (f"{m[1]}[redacted]@", "password in an address"), text)
        text = self._sub(_BEARER, _bearer, text)
        text = self._sub(_GIVEN, _given, text)
        text = self._sub(_HOMES, lambda m: ("~", "home directory"), text)
        text = self._sub(_ROOT, lambda m: ("~", "home directory"), text)
        if self._names is not None:
            text = self._sub(self._names, lambda m: (self._named[m[0]], "name of a user or host"), text)
        return text

    def _sub(self, form: re.Pattern[str], new: Callable[[re.Match[str]], tuple[str, str]], text: str) -> str:
        def counted(match: re.Match[str]) -> str:
            sign, what = new(match)
            if sign != match[0]:
                self.counts[what] += 1
            return sign

        return form.sub(counted, text)

    def known_in(self, text: str) -> str:
        """Return what should not be published and stands in a text word for word, in words; "" for nothing."""
        if self._literals is not None and (found := self._literals.search(text)):
            shown, what = self._literal[found[0]]
            return f"the {what} that is shown as {shown}"
        return next((f"a {what} of a known form" for what, form in self._forms if form.search(text)), "")

    def value(self, value: T) -> T:
        """Return plain data with every text in it redacted, names of fields that are texts too."""
        if isinstance(value, str):
            return self.text(value)  # type: ignore[return-value]
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}  # type: ignore[return-value]
        if isinstance(value, list | tuple):
            return type(value)(self.value(each) for each in value)
        return value

    def noun(self, noun: Model) -> Model:
        """Return a noun with every text in it redacted."""
        plain = noun.model_dump(mode="json")
        redacted = self.value(plain)
        return noun if redacted == plain else type(noun).model_validate(redacted)


def _bearer(match: re.Match[str]) -> tuple[str, str]:
    if match[3].isalpha():  # words of a sentence: "token classification"
        return match[0], ""
    return f"{match[1]}{match[2]}[redacted]", "token"


def _given(match: re.Match[str]) -> tuple[str, str]:
    value = match[4]
    if not re.search(r"\d", value) or value.startswith(("os.", "self.", "http")) or "[redacted" in value:
        return match[0], ""
    return f"{match[1]}{match[2]}{match[3]}[redacted]", "value given to a secret's name"


def _user() -> list[str]:
    try:
        return [getpass.getuser()]
    except (KeyError, OSError):
        return []


def _host() -> list[str]:
    name = socket.gethostname()
    return [name, name.split(".")[0]] if name else []
