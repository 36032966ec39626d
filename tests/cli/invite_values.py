"""The fixed answers to `flock invite`; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.connect import Invitation, Invite
from flock.contract.op import Op, Scope

KEY = "sk-orc-EXAMPLE"
URL = "https://flock.example.org"
SNIPPET = f"export OPENAI_BASE_URL={URL}/v1\nexport OPENAI_API_KEY={KEY}"
CARD = f"""\
## flock for alice

- URL: `{URL}/v1` (OpenAI's tools)
- Key: `{KEY}` (yours alone; it is shown once)
- Tokens a day: 200,000

### OpenAI SDK

```
{SNIPPET}
```
"""
ALICE = Invitation(
    name="alice",
    token_id="k_3f9c2a71b2c4",
    token=KEY,
    scope=Scope.USER,
    base_url=URL,
    model="auto",
    quota_daily=200_000,
    created_at="2026-11-21T11:58:30Z",
    expires_at=None,
    clients_order=("openai-sdk",),
    snippets={"openai-sdk": SNIPPET},
    card=CARD,
)

INVITE_CASES: dict[str, tuple[Op[Any], Any]] = {
    "invite.create": (Invite(name="alice", quota=200_000, clients="openai-sdk"), ALICE),
    "invite.create-warned": (
        Invite(name="alice", base_url="http://10.1.2.3:8080"),
        replace(ALICE, warnings=("http://10.1.2.3:8080 is not encrypted: whoever listens on the way reads the key",)),
    ),
}
