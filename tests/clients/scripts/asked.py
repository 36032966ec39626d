"""What the scripts beside it are told: where flock is, in which dialect to speak, what to ask.

Runs in the clients' environments: refuses to import anything but the standard library.
"""

import argparse
import os
from dataclasses import dataclass

# what a client that never stops calling tools is allowed
ROUNDS = 5


@dataclass(frozen=True)
class Asked:
    """One run: the base URL without a path, a key, a model, a prompt.

    `dialect` is chat, responses, messages or gemini.
    """

    url: str
    key: str
    model: str
    dialect: str
    stream: bool
    prompt: str


def asked() -> Asked:
    """Read the command line and the environment."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialect", required=True)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("prompt")
    options = parser.parse_args()
    url, key, model = (os.environ[f"FLOCK_{name}"] for name in ("URL", "TOKEN", "MODEL"))
    return Asked(url, key, model, options.dialect, options.stream, options.prompt)
