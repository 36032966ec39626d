"""The tokenizers' own process: count the tokens of texts on 127.0.0.1 until standard input ends.

A tokenizer is 100 to 300 MB, and the `tokenizers` package holds the interpreter's lock while it reads one: 0.5 s for
Qwen 3's, 2.6 s for Gemma 3's. In the daemon every stream would stand still for that long.

Owns nothing but the process it runs in. Refuses to run without a key, and imports nothing of flock. Started by
process.py as `python -P tokenizer_child.py --port=…`, asked by tokenizers.py.
"""

import functools
import importlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Two models in turn are common (a large one and a small one for titles); more would only cost memory.
TOKENIZERS_KEPT = 2
_loading = threading.Lock()


def main() -> int:
    """Serve until standard input ends or SIGTERM (whose default action is kept: nothing here needs saving)."""
    options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
    key = os.environ.pop("FLOCK_ENGINE_KEY", "")
    if not key:
        sys.stderr.write("tokenizers: no key in FLOCK_ENGINE_KEY\n")
        return 2
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    # what it warns of is how to use it in several processes; texts come one at a time
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    importlib.import_module("tokenizers")
    _Server(("127.0.0.1", int(options["port"])), functools.partial(_Answers, key)).serve_forever()
    return 0


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; when it is killed, the kernel closes that end
    while os.read(0, 4096):
        pass
    os._exit(0)


@functools.lru_cache(maxsize=TOKENIZERS_KEPT)
def _read(path: str, changed: float) -> Any:
    """Return the tokenizer of a file; one that has changed since is another one."""
    tokenizers: Any = importlib.import_module("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(path)
    # some files say how a training cut its texts: a count must not be cut
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def count(path: str, text: str) -> int:
    """Return how many tokens a text has by a tokenizer.json, the marks of templates being what they are."""
    with _loading:
        tokenizer = _read(path, os.stat(path).st_mtime)
    # unlike encode, the batch lets other threads run meanwhile
    (encoding,) = tokenizer.encode_batch_fast([text], add_special_tokens=False)
    return len(encoding.ids)


class _Server(ThreadingHTTPServer):
    # 50 questions come at once; with the 5 of socketserver 32 of 40 waited a second for TCP to try again
    request_queue_size = 128


class _Answers(BaseHTTPRequestHandler):
    """GET / says that it is there, POST / {"file", "text"} answers {"tokens"}."""

    def __init__(self, key: str, *request: Any) -> None:
        self.key = key
        super().__init__(*request)

    def do_GET(self) -> None:
        """Say that it is there."""
        self._answer(200 if self._may() else 401, {})

    def do_POST(self) -> None:
        """Count."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._may():
            self._answer(401, {})
            return
        try:
            asked = json.loads(body)
            found = {"tokens": count(asked["file"], asked["text"])}
        except Exception as error:  # the package raises plain Exceptions for files it cannot read
            self._answer(422, {"error": str(error)})
        else:
            self._answer(200, found)

    def _may(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.key}"

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # who asked has stopped waiting

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: a line for every count would be most of the log."""


if __name__ == "__main__":
    sys.exit(main())
