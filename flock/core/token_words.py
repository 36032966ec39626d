"""What people write for the limits of a key: names, globs, budgets, tags, counts.

Owns how each is read, and the sentence said of one that cannot be. Pure: nothing is stored or asked here. Lengths of
time are policy/spans.py's. Called by core/tokens.py and by whoever makes keys for others (core/invitation.py).
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from flock.errors import InvalidRequest
from flock.policy.keys import globs

WINDOWS = ("day", "week", "month")
# what --budget none takes away
NOTHING = "none"

NAME_LONGEST, NOTE_LONGEST, GLOB_LONGEST = 100, 500, 200
TAGS_MOST, GLOBS_MOST = 50, 200
# a limit larger than this is none; ten digits lie well inside a database's integer
COUNT_MOST = 9_999_999_999
SHARE_MOST = 100
# in dollars; in billionths a sum of many still fits into 64 bits (policy/money.py)
BUDGET_MOST = Decimal(1_000_000_000)

_VENDOR = re.compile(r"[a-z0-9*?][a-z0-9._*?-]{0,99}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,9})?")


def read_name(words: str, what: str = "name") -> str:
    """Return a key's name or owner. Raises InvalidRequest for an empty, long or unprintable one."""
    name = words.strip()
    if not name or len(name) > NAME_LONGEST or not name.isprintable():
        shown = words if len(words) <= NAME_LONGEST else words[:39] + "…"
        raise InvalidRequest(
            f"a key's {what} has 1 to {NAME_LONGEST} printable characters, {shown!r} has not",
            hint="flock token create alice",
        )
    return name


def read_note(words: str) -> str:
    """Return a note: one line of printable characters, or "". Raises InvalidRequest."""
    note = words.strip()
    if len(note) > NOTE_LONGEST or not note.isprintable():
        raise InvalidRequest(
            f"--note is one line of at most {NOTE_LONGEST} printable characters, {note[:39]!r} is not",
            hint="--note 'the build server'",
        )
    return note


def read_count(number: int, option: str) -> int:
    """Return a limit, 0 for none. Raises InvalidRequest for a negative or absurd one, naming the option."""
    if not 0 <= number <= COUNT_MOST:
        raise InvalidRequest(
            f"{option} {number}: a limit is 1 to {COUNT_MOST:,}, and 0 is no limit", hint=f"{option} 60"
        )
    return number


def read_share(number: int) -> int:
    """Return a weight in queues. Raises InvalidRequest."""
    if not 1 <= number <= SHARE_MOST:
        raise InvalidRequest(f"--share {number}: a weight is 1 to {SHARE_MOST}", hint="--share 2")
    return number


def read_vendors(words: str) -> tuple[str, ...]:
    """Return globs of vendors. Raises InvalidRequest for what can be no vendor's name."""
    found = globs(words)
    for word in found:
        if not _VENDOR.fullmatch(word):
            raise InvalidRequest(f"{word!r} can be no vendor's name", hint="flock vendor ls")
    return _few(found, "vendors")


def read_models(words: str) -> tuple[str, ...]:
    """Return ids and globs of models, which may hold "/" and ":". Raises InvalidRequest for what can be no model's."""
    found = globs(words)
    for word in found:
        if len(word) > GLOB_LONGEST or not word.isprintable() or any(c.isspace() for c in word):
            raise InvalidRequest(f"{word[:80]!r} can be no model's id", hint="--models 'qwen3-8b,claude-*'")
    return _few(found, "models")


def read_budgets(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return budgets as (dollars, window), the shortest window first; `none` alone is no budget.

    Raises InvalidRequest for one without an amount or with an unknown window, and for two of one window.
    """
    if [word.strip().lower() for word in words] == [NOTHING]:
        return ()
    found: dict[str, str] = {}
    for word in words:
        usd, window = _budget(word)
        if window in found:
            raise InvalidRequest(
                f"two budgets of one {window}: ${found[window]} and ${usd}; a key has one for each window",
                hint=f"--budget {usd}/{window}",
            )
        found[window] = usd
    return tuple((found[window], window) for window in WINDOWS if window in found)


def _budget(word: str) -> tuple[str, str]:
    amount, slash, window = (part.strip() for part in word.strip().partition("/"))
    number = amount.removeprefix("$").strip()
    window = window.lower()
    if not _AMOUNT.fullmatch(number):
        why = "has no amount in dollars before the slash: digits, and at most nine of them behind the point"
        why = "is less than nothing" if number.startswith("-") else why
        right = window if window in WINDOWS else "day"
        raise InvalidRequest(f"--budget {word!r} {why}", hint=f"--budget 5/{right}")
    if window not in WINDOWS:
        said = f"has the unknown window {window!r}" if slash and window else "has no window"
        raise InvalidRequest(
            f"--budget {word!r} {said}: {', '.join(WINDOWS[:2])} or {WINDOWS[2]}", hint=f"--budget {number}/day"
        )
    usd = Decimal(number)
    if not 0 < usd <= BUDGET_MOST:
        raise InvalidRequest(
            f"--budget {word!r}: a budget is more than $0 and at most ${BUDGET_MOST:,}; what a key may spend nothing "
            "on are vendors it does not have",
            hint=f"--budget 5/{window}",
        )
    return format(usd.normalize(), "f"), window


def read_tags(words: Sequence[str], before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return tags by key: those of `before` with what `words` say of them; "KEY=" takes one away.

    Raises InvalidRequest.
    """
    tags = dict(before or {})
    for word in words:
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals or not _TAG.fullmatch(key) or len(value) > NAME_LONGEST or not value.isprintable():
            raise InvalidRequest(f"--tag {word[:80]!r} is not KEY=VALUE", hint="--tag team=web")
        if value:
            tags[key] = value
        elif before is None:
            raise InvalidRequest(f"--tag {word!r} has no value", hint=f"--tag {key}=web")
        else:
            tags.pop(key, None)
    if len(tags) > TAGS_MOST:
        raise InvalidRequest(f"a key has at most {TAGS_MOST} tags, these are {len(tags)}", hint="--tag team=web")
    return dict(sorted(tags.items()))


def has_tag(tags: Mapping[str, str], wanted: str) -> bool:
    """Say whether tags have KEY, or KEY=VALUE. Raises InvalidRequest for what can be no tag."""
    key, equals, value = (part.strip() for part in wanted.partition("="))
    if not _TAG.fullmatch(key):
        raise InvalidRequest(f"--tag {wanted[:80]!r} is neither KEY nor KEY=VALUE", hint="--tag team=web")
    return key in tags and (not equals or tags[key] == value)


def fits_nothing(found: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the globs that fit none of the `known` ids, prefixes ("openai/") and patterns ("claude-*")."""
    names = list(known)
    return [glob for glob in found if not any(_fits(glob, name) for name in names)]


def _fits(glob: str, name: str) -> bool:
    if fnmatch.fnmatchcase(name, glob) or fnmatch.fnmatchcase(glob, name):
        return True
    return name.endswith("/") and glob.startswith(name)


def _few(found: tuple[str, ...], what: str) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(found))
    if len(unique) > GLOBS_MOST:
        raise InvalidRequest(f"--{what} has {len(unique)} entries, at most {GLOBS_MOST}", hint=f"--{what} '*'")
    return unique
