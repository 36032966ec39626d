"""`flock context …`: other machines' flocks under a name.

Owns what may be a context's name and where its admin key is from. Refuses to reach the machine: a box that is switched
off may be added too. The file is `client/contexts.py`'s. Called through `operations.run`.
"""

from flock.client import address, contexts
from flock.client.contexts import LOCAL, NAME, Contexts, Entry
from flock.contract.contexts import AddContext, FlockContext, ListContexts, RemoveContext, UseContext
from flock.errors import Conflict, UsageError
from flock.local.operations import Here, handles
from flock.paths import short
from flock.text import one_line


@handles(AddContext)
def add_context(op: AddContext, here: Here) -> FlockContext:
    """Remember a machine. Raises UsageError for a name or an address that can be none, Conflict for a name that is
    taken by another address, StorageFailed.
    """
    name = _name(op.name)
    place = address.parse(op.host)
    key, remote_bin = op.key.strip(), op.remote_bin.strip()
    if isinstance(place, address.Ssh):
        _check_remote_bin(remote_bin)
        if key:
            raise UsageError(
                f"{place.url} is reached by ssh, which needs no admin key; the key was not kept",
                hint=f"flock context add {name} {place.url}",
            )
    else:
        from flock.client.web import checked, key_of  # loads TLS

        if remote_bin:
            raise UsageError(
                "--remote-bin is for ssh:// addresses: over HTTP no program is started over there",
                hint=f"flock context add {name} {place.url}",
            )
        key = checked(key, "standard input") if key else key_of(here.environ)[0]
    with contexts.changing(here.home) as known:
        before = known.entries.get(name)
        if before is not None and before.host != place.url:
            raise Conflict(f"{name} is {before.host} already", hint=f"flock context remove {name} --yes")
        known.entries[name] = Entry(place.url, remote_bin, key or (before.key if before else ""))
        if op.use:
            known.current = name
        return _shown(name, known, here)


@handles(UseContext)
def use_context(op: UseContext, here: Here) -> FlockContext:
    """Make a context the current one; `local` is this machine. Raises NotFound, StorageFailed."""
    with contexts.changing(here.home) as known:
        if op.name == LOCAL:
            known.current = ""
        else:
            known.find(op.name)
            known.current = op.name
        return _shown(op.name, known, here)


@handles(ListContexts)
def list_contexts(op: ListContexts, here: Here) -> list[FlockContext]:
    """Return this machine and every context by name. Raises StorageFailed."""
    known = contexts.load(here.home)
    return [_shown(name, known, here) for name in (LOCAL, *sorted(known.entries))]


@handles(RemoveContext)
def remove_context(op: RemoveContext, here: Here) -> FlockContext:
    """Forget a context and its key; where it was the current one, that is this machine again. Raises NotFound."""
    if op.name == LOCAL:
        raise UsageError(f"{LOCAL} is this machine, which is always there", hint="flock context ls")
    with contexts.changing(here.home) as known:
        known.find(op.name)
        shown = _shown(op.name, known, here)
        del known.entries[op.name]
        if known.current == op.name:
            known.current = ""
        return shown


def _name(words: str) -> str:
    if words == LOCAL:
        raise UsageError(f"{LOCAL} is this machine's own name; take another", hint="flock context ls")
    if not NAME.fullmatch(words):
        raise UsageError(
            f"{one_line(words, 70)!r} can be no context's name: that has letters, digits, “.”, “-” and “_”, 64 at "
            "most, and begins with a letter or a digit",
            hint="flock context add studio ssh://ada@studio.lan",
        )
    return words


def _check_remote_bin(words: str) -> None:
    if words and (not words.startswith(("/", "~/")) or not words.isprintable()):
        raise UsageError(
            f"{one_line(words, 100)!r} is no place of a program over there: a path that begins with / or ~/ is",
            hint="flock context add box ssh://ada@box --remote-bin /opt/flock/bin/flock",
        )


def _shown(name: str, known: Contexts, here: Here) -> FlockContext:
    if name == LOCAL:
        return FlockContext(LOCAL, "", not known.current)
    entry = known.entries[name]
    kept = short(here.home.contexts) if entry.key else ""
    return FlockContext(name, entry.host, known.current == name, entry.remote_bin, kept)
