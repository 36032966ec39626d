"""The words that commands begin with, in the order of the help, and what each says of itself.

Owns words only. Refuses to know how a command line is read (`tree.py`) and what an operation is (`contract/`). Called
by `tree.py`, `grammar.py` and `completion.py`.
"""

# Every first word there is, in the order of the help, and the nouns of the contract that declare it
WORDS = {
    "up": "lifecycle",
    "down": "lifecycle",
    "status": "status",
    "tui": "screens",
    "ui": "screens",
    "run": "prompts",
    "batch": "batches",
    "model": "models presets catalog",
    "engine": "engines",
    "hub": "hub",
    "vendor": "vendors",
    "connect": "connect",
    "disconnect": "connect",
    "invite": "connect",
    "token": "tokens",
    "me": "tokens",
    "secret": "secrets",
    "usage": "usage",
    "price": "prices",
    "savings": "prices",
    "limit": "limits",
    "request": "requests",
    "explain": "requests",
    "queue": "queue",
    "top": "events",
    "events": "events",
    "job": "jobs",
    "cache": "files",
    "fetch": "files",
    "hardware": "hardware",
    "audit": "audit",
    "history": "audit",
    "undo": "audit",
    "config": "settings",
    "expose": "exposing",
    "backup": "exposing",
    "service": "services",
    "context": "contexts",
    "dial-stdio": "contexts",
    "logs": "lifecycle",
    "doctor": "lifecycle cache",
    "version": "lifecycle",
    "completion": "lifecycle",
}

# Where the nouns of a word are several: which of them declares the commands that go on with this word. The others are
# not imported then; each costs milliseconds at every call.
PARTS = {
    "model": {
        **dict.fromkeys(
            ["ls", "ps", "add", "remove", "load", "unload", "default", "config", "scan", "validate"], "models"
        ),
        **dict.fromkeys(["search", "info", "picks"], "catalog"),
        "preset": "presets",
    },
}

# What a word says of itself that has commands under it
GROUPS = {
    "model": "Models that answer.",
    "model preset": "Settings of models under a name.",
    "engine": "The processes that generate, flock's own or adopted.",
    "vendor": "Paid APIs, by the team's keys.",
    "token": "API keys.",
    "price": "What models cost.",
    "limit": "What keys may use.",
    "backup": "Copies of what flock knows.",
    "context": "Other machines' flocks, by name.",
    "secret": "Stored keys of vendors and engines.",
    "request": "What runs now, and why each request went where it went.",
    "hub": "Models on Hugging Face.",
    "job": "Work that outlives the command that started it.",
    "cache": "Files that flock fetched.",
    "service": "flock at login or at boot.",
    "config": "The configuration: values, their origin, edits.",
}

# Fields that have a short spelling too, wherever they are an option
SHORT = {"follow": "-f", "file": "-f", "model": "-m"}

TITLE = "One URL and one key in front of your own machines."
EPILOG = ("up", "status", "model ls", "token create alice", "doctor")
