"""The whisper-server engine: whisper.cpp's own server, speech to text.

Owns its command line. It takes no key, tells no version, and says nothing of how far a load is. Called by
supervisor.py.
"""

from flock.engines.canaries import sound_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search


class Whisper:
    """whisper-server."""

    kind = "whisper"
    title = "whisper-server"
    formats = frozenset({"whisper"})
    kinds = frozenset({"transcription"})
    # away from 8080, its own default and flock's. Two servers of it can listen on one port at the same time
    # (SO_REUSEPORT), so it never says that a port was taken: ports.py gives out those at which nobody listens.
    first_port = 8400
    ready_path = "/health"
    holds_stdin = False
    bind_failures = ("couldn't bind", "address already in use")

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()

    def find(self) -> Found | None:
        """Return where whisper-server is."""
        place = self._search.program(self.kind, "whisper-server")
        if place is None:
            return None
        return place.unusable(self.kind) if place.problem else Found(place.where)

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line; sound goes to /inference, as the row "whisper" of the catalog has it."""
        found = self.find()
        argv = [found.where if found else "whisper-server", "--model", str(spec.model_path)]
        argv += ["--host", "127.0.0.1", "--port", str(spec.port)]
        argv += ["--threads", str(spec.threads)] if spec.threads else []
        # older builds have it off unless asked, newer ones on
        argv += ["--flash-attn"] if spec.flash == "on" else []
        return [*argv, *(["--no-gpu"] if spec.gpu_layers == 0 else [])]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return nothing: it takes no key and asks nobody."""
        return {}

    def served(self, spec: LaunchSpec) -> str:
        """Return "": it asks for no model's name."""
        return ""

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return half a second of silence."""
        return sound_canary("/inference")

    def loaded(self, line: str) -> float | None:
        """Return None: it does not say."""
        return None

    def missing_hint(self) -> str:
        """Return the command that says how to install it."""
        return "flock engine install whisper"
