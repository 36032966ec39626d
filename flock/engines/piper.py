"""The piper engine: the HTTP server of piper-tts, text to speech.

Owns its command line. It takes no key and listens to everybody unless told. Called by supervisor.py.
"""

from flock.engines.canaries import speech_canary
from flock.engines.engine import Canary, Found, LaunchSpec
from flock.engines.search import Search, python_engine

# the version whose server was run; what flock asks it for (POST /synthesize) is older ones' POST /
LEAST = "1.8"


class Piper:
    """piper."""

    kind = "piper"
    title = "piper"
    formats = frozenset({"piper"})
    kinds = frozenset({"speech"})
    # away from 5000, its own default, which macOS uses itself
    first_port = 8430
    # it has no /health; this answers once its voice is loaded, since it listens only then
    ready_path = "/voices"
    holds_stdin = False
    bind_failures = ("address already in use",)

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()

    def find(self) -> Found | None:
        """Return where piper is and which version of piper-tts it is of."""
        python, found = self._look()
        # the server is a module of the package: its Python is what is run
        return Found(python, found.version, found.problem, found.hint) if python and found else found

    def argv(self, spec: LaunchSpec) -> list[str]:
        """Return the command line; voices beside the model's are found too."""
        argv = [self._look()[0] or "python3", "-m", "piper.http_server", "--model", str(spec.model_path)]
        return [*argv, "--data-dir", str(spec.model_path.parent), "--host", "127.0.0.1", "--port", str(spec.port)]

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        """Return what makes its lines come when they are written."""
        return {"PYTHONUNBUFFERED": "1"}

    def served(self, spec: LaunchSpec) -> str:
        """Return the voice's name, which is its file's."""
        return spec.model_path.stem

    def canary(self, spec: LaunchSpec) -> Canary:
        """Return one word to be spoken."""
        return speech_canary("/synthesize")

    def loaded(self, line: str) -> float | None:
        """Return None: it does not say."""
        return None

    def missing_hint(self) -> str:
        """Return the command that installs it."""
        return "flock engine install piper"

    def _look(self) -> tuple[str, Found | None]:
        return python_engine(self._search, self.kind, "piper-tts", LEAST, "piper")
