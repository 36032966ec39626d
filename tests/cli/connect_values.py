"""The fixed answers to the operations that connect tools; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.connect import ClientRow, ConnectClient, Connection, DisconnectClient, Edit, ListClients
from flock.contract.op import Op

KEY = "sk-orc-EXAMPLE"
URL = "http://127.0.0.1:8080"
FILE = "/home/ada/.claude/settings.json"
DIFF = f"""\
--- ~/.claude/settings.json
+++ ~/.claude/settings.json
@@ -1,3 +1,7 @@
 {{
-  "theme": "dark"
+  "theme": "dark",
+  "env": {{
+    "ANTHROPIC_BASE_URL": "{URL}",
+    "ANTHROPIC_AUTH_TOKEN": "sk-orc-…MPLE"
+  }}
 }}
"""
FRAGMENT = f'{{\n  "env": {{\n    "ANTHROPIC_BASE_URL": "{URL}",\n    "ANTHROPIC_AUTH_TOKEN": "{KEY}"\n  }}\n}}\n'
ADMIN = "this is the admin's key (from ~/.config/flock/admin.key), which may do everything"
BACKUP = "/home/ada/.local/share/flock/backups/connect/settings.json.d6a43714.042ced4950c8"

CLAUDE = Connection(
    client="claude-code",
    name="Claude Code",
    base_url=URL,
    model="auto",
    environment={"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_AUTH_TOKEN": KEY},
    alone=True,
    edits=(Edit(FILE, "printed", DIFF, FRAGMENT),),
    notes=("the settings file beats the shell's variables",),
    undo=("delete these keys from env in its settings.json",),
    verified="tried: 2.1.329, by file and by environment",
    support="write",
    state="installed",
    warnings=(ADMIN,),
)
ZED = Connection(
    client="zed",
    name="Zed",
    base_url=URL,
    model="qwen3-8b",
    environment={"FLOCK_API_KEY": KEY},
    edits=(Edit("/home/ada/.config/zed/settings.json", "written", "", "", ""),),
    steps=("give it the key: export FLOCK_API_KEY where Zed is started",),
    support="write",
    state="connected",
)
PLANDEX = Connection(
    client="plandex",
    name="Plandex",
    base_url=URL,
    model="qwen/qwen3:8b",
    environment={"FLOCK_TOKEN": "a key's 'word'"},
    paste={"what `plandex models custom` opens": '{\n  "providers": []\n}\n'},
    commands=("plandex models custom",),
    steps=("paste it", "name the model in a pack"),
    verified="read, not tried: docs.plandex.ai",
    support="print",
    state="absent",
)
AMP = Connection(
    client="amp",
    name="Amp",
    base_url="",
    model="",
    notes=("it has no documented setting for an endpoint of your own",),
    verified="not confirmed: no documentation was found",
    support="none",
    state="absent",
)
WRONG = replace(
    CLAUDE.edits[0], state="left", diff="", problem="~/.claude/settings.json:3:1 is not JSON: a value is due"
)
UNDONE = Connection(
    client="claude-code",
    name="Claude Code",
    base_url="",
    model="",
    edits=(Edit(FILE, "printed", DIFF, ""),),
    undo=CLAUDE.undo,
    support="write",
    state="connected",
)
KEPT = "no longer as flock wrote it, and stays: env.ANTHROPIC_MODEL"

CONNECT_CASES: dict[str, tuple[Op[Any], Any]] = {
    "connect.ls": (
        ListClients(),
        [
            ClientRow("claude-code", "Claude Code", "Anthropic Messages", "write", "connected", "2.1.329", FILE, ""),
            ClientRow("cursor", "Cursor", "OpenAI chat completions", "print", "absent", "", "", ""),
            ClientRow("mine", "mine", "", "none", "absent", "", "", "~/c/mine.yaml.formt is no field; it is left out"),
            ClientRow("amp", "Amp", "its own", "none", "absent", "", "", "no documented setting for an endpoint"),
        ],
    ),
    "connect.ls-none": (ListClients(), []),
    "connect.ls-none-connected": (ListClients(connected=True), []),
    "connect.client": (ConnectClient(client="claude-code"), CLAUDE),
    "connect.client-again": (ConnectClient(client="claude-code"), replace(CLAUDE, state="connected", warnings=())),
    "connect.client-print": (ConnectClient(client="plandex"), PLANDEX),
    "connect.client-none": (ConnectClient(client="amp"), AMP),
    "connect.client-wrong": (
        ConnectClient(client="claude-code"),
        replace(CLAUDE, edits=(replace(WRONG, state="printed"),)),
    ),
    "connect.client-written": (
        ConnectClient(client="claude-code", write=True),
        replace(CLAUDE, edits=(replace(CLAUDE.edits[0], state="written", fragment="", backup=BACKUP),)),
    ),
    "connect.client-written-more": (ConnectClient(client="zed", write=True), ZED),
    "connect.client-unchanged": (
        ConnectClient(client="claude-code", write=True),
        replace(CLAUDE, edits=(Edit(FILE, "unchanged", "", ""),), warnings=()),
    ),
    "connect.client-left": (ConnectClient(client="claude-code", write=True), replace(CLAUDE, edits=(WRONG,))),
    "connect.undo": (DisconnectClient(client="claude-code"), UNDONE),
    "connect.undo-none": (DisconnectClient(client="claude-code"), replace(UNDONE, edits=(), state="installed")),
    "connect.undo-written": (
        DisconnectClient(client="claude-code", write=True),
        replace(UNDONE, edits=(replace(UNDONE.edits[0], state="written", backup=BACKUP, problem=KEPT),)),
    ),
    "connect.undo-removed": (
        DisconnectClient(client="claude-code", write=True),
        replace(UNDONE, edits=(Edit(FILE, "removed", "", "", BACKUP),)),
    ),
}
