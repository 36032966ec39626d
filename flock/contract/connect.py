"""Connecting tools: their configuration for this flock, written and taken back; and inviting people."""

from dataclasses import dataclass, field

from flock.contract.op import Op, Risk, Scope, Where, arg, flag, inner, operation

# How an invitation may be written
FORMATS = ("markdown", "text", "json")


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A tool that can be connected. `support` is write (flock edits its file), print (there is something to set by
    hand), or none (there is no known way, `note` says what is known). `state` is connected, installed or absent.
    """

    id: str
    name: str
    protocol: str
    support: str
    state: str
    version: str
    file: str
    note: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One file that is, or would be, changed. `diff` is a unified diff with the key left out; `backup` where the
    original lies, "" for none. `state` is printed, written, removed, unchanged, or left (see `problem`). `problem` is
    why it was left alone, or what was no longer as flock wrote it and stays.
    """

    path: str
    state: str
    diff: str
    fragment: str
    backup: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a tool needs, or how it is taken off flock. `support` is write, print or none, `state` connected, installed
    or absent (see ClientRow). `environment` are variables: enough by themselves where `alone`, else needed beside the
    file. `edits` are its files, `paste` texts that are put somewhere by hand, by the words that say where. `commands`
    are for a shell, `steps` by hand, in words; `undo` says how to take it back; `notes` what to look out for;
    `warnings` what does not fit here and now. Where the key is spelled out they are meant to be pasted: in
    `environment`, `paste`, `commands`, `steps` and fragments of edits. `exit_code` is the tool's, null where none ran.
    """

    client: str
    name: str
    base_url: str
    model: str
    environment: dict[str, str] = field(default_factory=dict[str, str])
    alone: bool = False
    edits: tuple[Edit, ...] = ()
    paste: dict[str, str] = field(default_factory=dict[str, str])
    commands: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    verified: str = ""
    support: str = ""
    state: str = ""
    warnings: tuple[str, ...] = ()
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A key for somebody and what to do with it; `token` is shown here and never again.

    `card` is the text to paste into a chat; `snippets` are by client, in the order of `clients_order`.
    """

    name: str
    token_id: str
    token: str
    scope: Scope
    base_url: str
    model: str
    quota_daily: int | None
    created_at: str
    expires_at: str | None
    clients_order: tuple[str, ...]
    snippets: dict[str, str]
    card: str
    warnings: tuple[str, ...] = ()


@operation(
    "connect.ls",
    "connect ls",
    where=Where.LOCAL,
    aliases=("connect --list",),
    examples=("connect ls", "connect ls --json"),
)
class ListClients(Op[list[ClientRow]]):
    """List the tools flock knows, which are on this machine, and which are connected."""

    connected: bool = flag("only those that flock wrote into", default=False)


@operation(
    "connect.client",
    "connect",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=(
        "connect claude-code",
        "connect codex-cli --model qwen3-8b --write",
        "connect opencode --run -- run 'say hello'",
    ),
)
class ConnectClient(Op[Connection]):
    """Print what a tool needs to use this flock; write it into the tool's file, or run the tool with it.

    The key is --token's, else FLOCK_TOKEN's, else that of this machine's admin.
    """

    client: str = arg("the tool, from `flock connect ls`")
    words: tuple[str, ...] = arg("with --run: what the tool is given, behind --", default=(), many=True)
    model: str = flag("the model it asks for", default="auto")
    base_url: str = flag("flock's URL, without /v1; empty: the setting external_url, else where it listens", default="")
    token: str = flag("the key to use; `-` reads it from standard input", default="")
    write: bool = flag("show the difference and write it into the tool's file", default=False)
    run: bool = flag("start the tool with this in its environment; no file is touched", default=False)
    starting: bool = inner(False)  # what --run asks first: what is wrong beside variables that it replaces anyway


@operation(
    "connect.undo",
    "disconnect",
    where=Where.LOCAL,
    risk=Risk.CHANGE,
    examples=("disconnect claude-code", "disconnect claude-code --write"),
)
class DisconnectClient(Op[Connection]):
    """Say how a tool is taken off flock; with --write, take out exactly what `flock connect --write` put in."""

    client: str = arg("the tool, from `flock connect ls --connected`")
    write: bool = flag("take it out of the tool's file", default=False)


@operation(
    "invite.create",
    "invite",
    "POST /admin/v1/invite",
    risk=Risk.CHANGE,
    examples=("invite alice", "invite bob --quota 200000 --clients claude-code,cursor --format markdown"),
)
class Invite(Op[Invitation]):
    """Create a key for somebody and a card to paste into a chat: the URL, the key, and what their tools need."""

    name: str = arg("whose key this is")
    clients: str = flag("tools between commas, from `flock connect ls`; empty: the usual ones", default="")
    format: str = flag("markdown, text or json", default="markdown", choices=FORMATS)
    base_url: str = flag("the URL they reach flock by; empty: the setting external_url", default="")
    model: str = flag("the model their tools ask for", default="auto")
    ttl: str = flag("how long the key is good for, such as 7d; empty: for ever", default="")
    models: str = flag("models the key may ask for, ids and globs between commas; empty: all", default="")
    vendors: str = flag("paid vendors it may use, globs between commas", default="")
    rpm: int = flag("requests a minute; 0: no limit", default=0)
    tpm: int = flag("tokens a minute; 0: no limit", default=0)
    quota: int = flag("tokens a day (UTC); 0: no limit", default=0)
    budget: tuple[str, ...] = flag("dollars in a day, week or month, such as 5/day", default=())
