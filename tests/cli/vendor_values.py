"""The fixed answers to the operations of vendors; values.py has those of all others."""

from dataclasses import replace
from typing import Any

from flock.contract.op import Op
from flock.contract.vendors import (
    AddVendor,
    CheckVendor,
    KeyCheck,
    ListVendorModels,
    ListVendors,
    RemoveVendor,
    ShowVendor,
    Vendor,
    VendorKey,
    VendorModel,
    VendorUse,
)

GROQ = Vendor(
    name="groq",
    title="Groq",
    state="on",
    url="https://api.groq.com/openai/v1",
    keys=(VendorKey("GROQ_API_KEY", "ready"), VendorKey("stored key 1", "resting", 25.0)),
    dialects=("openai",),
    prefixes=("groq/",),
    patterns=(),
    models=14,
    tags=("fast",),
    own_credentials=False,
    source="added",
    docs="https://console.groq.com/docs/openai",
)
USED = (
    VendorUse("day", 1, 57, "0.000042", 0),
    VendorUse("week", 41, 120_345, "0.81", 2),
    VendorUse("month", 41, 120_345, None, 41),
)
ANTHROPIC = Vendor(
    name="anthropic",
    title="Anthropic",
    state="on",
    url="https://api.anthropic.com/v1",
    keys=(VendorKey("ANTHROPIC_API_KEY_FILE", "unread"),),
    dialects=("anthropic",),
    prefixes=("anthropic/",),
    patterns=("claude-*",),
    models=None,
    tags=(),
    own_credentials=True,
    source="catalog",
)
AZURE = Vendor(
    name="azure",
    title="Azure OpenAI",
    state="off",
    url="",
    keys=(),
    dialects=("openai",),
    prefixes=("azure/",),
    patterns=(),
    models=None,
    tags=(),
    own_credentials=False,
    source="catalog",
    note="its URL is not known",
)
ASKED = "https://api.groq.com/openai/v1/models"

VENDOR_CASES: dict[str, tuple[Op[Any], Any]] = {
    "vendor.add": (AddVendor(name="groq"), GROQ),
    "vendor.add-off": (AddVendor(name="azure"), AZURE),
    "vendor.add-own-models": (AddVendor(name="anthropic"), ANTHROPIC),
    "vendor.ls": (ListVendors(), [GROQ, ANTHROPIC, AZURE]),
    "vendor.ls-none": (ListVendors(), []),
    "vendor.models": (
        ListVendorModels(name="openrouter"),
        [
            VendorModel("openrouter/qwen/qwen3-8b", "qwen/qwen3-8b", "chat", 40960, "0.035", "0.138"),
            VendorModel("openrouter/a/b", "a/b", "", None, None, None),
        ],
    ),
    "vendor.remove": (RemoveVendor(name="azure"), AZURE),
    "vendor.remove-stays": (RemoveVendor(name="groq"), GROQ),
    "vendor.show": (ShowVendor(name="groq"), replace(GROQ, used=USED)),
    "vendor.show-off": (ShowVendor(name="azure"), AZURE),
    "vendor.test": (CheckVendor(name="groq"), [KeyCheck("groq", "GROQ_API_KEY", ASKED, "ok", 200, 14, "")]),
    "vendor.test-refused": (
        CheckVendor(name="groq"),
        [
            KeyCheck("groq", "GROQ_API_KEY", ASKED, "ok", 200, 14, ""),
            KeyCheck("groq", "stored key 1", ASKED, "refused", 401, None, "Invalid API Key"),
            KeyCheck("groq", "stored key 2", ASKED, "unreachable", None, None, "connection refused"),
        ],
    ),
}
