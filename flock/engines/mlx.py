"""The MLX-LM engine: its own server program, on Apple's chips and on processors of Linux.

Owns the command line of mlx_child.py, which runs the server with the Python it is installed in: by itself the server
answers while it still loads, goes on with nothing to serve when its model is broken, and outlives whoever started it.
It takes no key. Which tool calls it reads follows from the chat template alone (tokenizer_utils.py,
_infer_tool_parser), so a template is given whenever one is set, and the word of a tool parser means nothing to it.
Called by supervisor.py.
"""

import os
import re
import tempfile
from pathlib import Path

from flock.engines.canaries import text_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search, python_engine

CHILD = Path(__file__).with_name("mlx_child.py")
# the oldest server that was run with all the options it gets here
LEAST = "0.32"
# the name under which its server keeps the model it was started with (server.py, _model_map)
SERVED = "default_model"
_KV_BITS = {"q8_0": 8, "q4_0": 4}


class Mlx:
    """MLX-LM."""

    kind = "mlx"
    title = "MLX-LM"
    # what its tools convert to, and the safetensors of transformers, whose architectures it knows by config.json
    formats = frozenset({"mlx", "safetensors"})
    kinds = frozenset({"chat"})
    # away from 8080, which is its own default and flock's
    first_port = 8100
    # its /v1/models answers without a model, and with an empty body where the hub's cache is missing
    ready_path = "/health"
    holds_stdin = True
    bind_failures = ("address already in use",)

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()

    def find(self) -> Found | None:
        """Return where mlx_lm.server is and which version of mlx-lm it is of."""
        return self._look()[1]

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the child's command line; everything behind "--" is the server's.

        A cache of 4 or 8 bits and a draft model each have it answer one request at a time (server.py, --kv-bits).
        """
        options: dict[str, object] = {
            "--model": spec.model_path,
            "--host": "127.0.0.1",
            "--port": spec.port,
            # its own default ends answers after 512 tokens without a word
            "--max-tokens": spec.context,
            "--decode-concurrency": spec.slots,
            "--prompt-concurrency": spec.slots,
            # pages of the web may ask anything of it by default
            "--allowed-origins": "none",
        }
        if bits := _KV_BITS.get(spec.kv_type):
            options["--kv-bits"] = bits
        if spec.cache_bytes:
            # prompts are kept beside those that are computed, ten whole windows of them by default; what is computed
            # counts in this, so that both together take what was planned (server.py, prompt_cache.trim_to)
            options["--prompt-cache-bytes"] = spec.cache_bytes
        if spec.draft is not None:
            options["--draft-model"] = spec.draft
            options |= {"--num-draft-tokens": spec.draft_tokens} if spec.draft_tokens else {}
        own = [f"--hub={self._hub()}", *([f"--template={spec.template}"] if spec.template is not None else [])]
        argv = [self._look()[0] or "python3", "-P", str(CHILD), *own, "--"]
        for option, value in options.items():
            argv += [option, str(value)]
        return [*argv, *(["--trust-remote-code"] if spec.trust_remote_code else [])]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return what keeps it off the network; the child makes its cache of the hub, which must exist."""
        return {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

    def served(self, spec: LaunchSpec) -> str:
        """Return its word for the model it was started with; its id over there is a path of this machine."""
        return SERVED

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one token."""
        return text_canary(spec, SERVED)

    def loaded(self, line: str) -> float | None:
        """Return how many of the weights are in memory, as the child counts them: the server says nothing."""
        found = re.search(r"Loading weights:\s+(\d+)%", line)
        return int(found[1]) / 100 if found else None

    def missing_hint(self) -> str:
        """Return the command that installs it."""
        return "flock engine install mlx"

    def _hub(self) -> Path:
        """Return a directory that is to be its cache of the hub, where nothing is."""
        installed = self._search.installed
        return installed / self.kind / "hub" if installed else Path(tempfile.gettempdir()) / f"flock-hub-{os.getuid()}"

    def _look(self) -> tuple[str, Found | None]:
        return python_engine(self._search, self.kind, "mlx-lm", LEAST, "mlx_lm.server")
