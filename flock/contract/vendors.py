"""Vendors: who answers for money, with whose keys, and what they have."""

from dataclasses import dataclass

from flock.contract.op import Op, Risk, arg, flag, operation, secret

# What a vendor may speak
DIALECTS = ("openai", "anthropic", "responses", "gemini")


@dataclass(frozen=True, slots=True)
class VendorKey:
    """One of the team's keys for a vendor: where it is from, never its value.

    `name` is the environment variable, or "stored key 1"; `state` is ready, resting (it was refused, for
    `resting_seconds` more) or unread.
    """

    name: str
    state: str
    resting_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class VendorUse:
    """What all of flock used of a vendor in this `window` (day, week from Monday, month; UTC), as flock counted it.

    `cost_usd` is null where no price was known; `unpriced` counts the requests that are in no sum of dollars.
    """

    window: str
    requests: int
    tokens: int
    cost_usd: str | None
    unpriced: int


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor. `state` is on or off, `note` says why it is off; `dialects` are those it speaks natively.

    `prefixes` stand before its models' ids; `patterns` are ids that are its own without one. `models` counts those of
    its list, null while it has not been asked. `source` says why it is known: "catalog", "added" or "plug-in". `used`
    is what flock used of it, told by `vendor show` only.
    """

    name: str
    title: str
    state: str
    url: str
    keys: tuple[VendorKey, ...]
    dialects: tuple[str, ...]
    prefixes: tuple[str, ...]
    patterns: tuple[str, ...]
    models: int | None
    tags: tuple[str, ...]
    own_credentials: bool
    source: str
    docs: str = ""
    note: str = ""
    used: tuple[VendorUse, ...] = ()


@dataclass(frozen=True, slots=True)
class VendorModel:
    """A model of a vendor: the id to ask flock for, and its name over there.

    `context` is its window in tokens and the prices are dollars for a million tokens; null where they are unknown.
    """

    id: str
    name: str
    kind: str
    context: int | None
    input_price: str | None
    output_price: str | None


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What a vendor said of one key. `outcome` is ok, refused, unreachable, failed, or unknown where no question tells.

    `url` was asked, `status` answered (null for none); `models` counts those of the list, where the list was asked.
    """

    vendor: str
    key: str
    url: str
    outcome: str
    status: int | None
    models: int | None
    message: str


@operation("vendor.ls", "vendor ls", "GET /admin/v1/vendors", examples=("vendor ls", "vendor ls --all"))
class ListVendors(Op[list[Vendor]]):
    """List the vendors that are on, and where their keys are from."""

    all: bool = flag("also those without a key", default=False)


@operation("vendor.show", "vendor show", "GET /admin/v1/vendors/{name}", examples=("vendor show groq",))
class ShowVendor(Op[Vendor]):
    """Show one vendor: its URL, its keys and which of them rest, what is known of it, and what was used of it."""

    name: str = arg("the vendor's name, from `flock vendor ls --all`")


@operation(
    "vendor.test", "vendor test", "GET /admin/v1/vendors/{name}/test", examples=("vendor test groq",), watch=False
)
class CheckVendor(Op[list[KeyCheck]]):
    """Ask a vendor whether it takes each key: a question that costs nothing, never a generation."""

    name: str = arg("the vendor's name, from `flock vendor ls`")


@operation(
    "vendor.models",
    "vendor models",
    "GET /admin/v1/vendors/{name}/models",
    examples=("vendor models openrouter",),
    watch=False,
)
class ListVendorModels(Op[list[VendorModel]]):
    """List the models that a vendor says it has."""

    name: str = arg("the vendor's name, from `flock vendor ls`")
    fresh: bool = flag("ask the vendor again, whatever is known", default=False)


@operation(
    "vendor.add",
    "vendor add",
    "POST /admin/v1/vendors",
    risk=Risk.CHANGE,
    examples=(
        "vendor add groq < key.txt",
        "vendor add openai-compatible-box --url https://llm.example.com/v1 < key.txt",
        "vendor add azure --url https://NAME.openai.azure.com --deployment gpt-4o=prod < key.txt",
    ),
)
class AddVendor(Op[Vendor]):
    """Give flock a key for a vendor, or one more; from then on its models answer, for money.

    On a terminal, without a name, flock asks for everything. Several keys, one a line, are used in turn. Beside the
    known vendors there is openai-compatible-NAME and anthropic-compatible-NAME; "-responses" behind a name has flock
    speak Responses to it.
    """

    name: str = arg(
        "a known vendor, openai-compatible-NAME, anthropic-compatible-NAME, or any name with --url", default=""
    )
    url: str = flag("its base URL, with or without /v1, where it is not the known one", default="")
    dialect: str = flag("what it speaks: openai, anthropic, responses or gemini", default="", choices=DIALECTS)
    api_version: str = flag("Azure: the date that the URLs carry", default="")
    deployment: tuple[str, ...] = flag("Azure: MODEL=DEPLOYMENT, where they are not called alike", default=())
    tag: tuple[str, ...] = flag("a word to pick vendors by", default=())
    own_credentials: bool = flag("callers may bring a credential of their own for it", default=False)
    test: bool = flag("ask the vendor about the key before it is kept", default=True)
    key: str = secret("its API key, from standard input or FLOCK_VENDOR_KEY")


@operation(
    "vendor.remove",
    "vendor remove",
    "DELETE /admin/v1/vendors/{name}",
    risk=Risk.REMOVE,
    examples=("vendor remove groq",),
)
class RemoveVendor(Op[Vendor]):
    """Forget a vendor that was added, and delete its keys."""

    name: str = arg("the vendor's name, from `flock vendor ls`")
