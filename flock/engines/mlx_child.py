"""MLX-LM's server in a process that tells the truth about itself: it listens once its model is loaded, ends when it
cannot generate, and does not outlive whoever holds its standard input.

Owns nothing but the process it runs in, and imports nothing of flock: it runs with the Python MLX-LM is installed in,
as `python -P mlx_child.py --hub=DIRECTORY [--template=FILE] -- OPTIONS OF mlx_lm.server`. Started by process.py.
"""

import contextlib
import importlib
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

# How often a load is looked at. No hang is bounded by it: process.py bounds a start.
_LOOK_SECONDS = 0.25


def main() -> int:
    """Serve until standard input ends or SIGTERM (whose default action is kept: nothing here needs saving)."""
    split = sys.argv.index("--")
    own, options = sys.argv[1:split], sys.argv[split + 1 :]
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if not _is_free(int(options[options.index("--port") + 1])):
        sys.stderr.write("MLX-LM: address already in use\n")  # before the load, which may take minutes
        return 1
    for word in own:
        name, _, value = word.partition("=")
        if name == "--template":
            # the server takes the template itself, not the name of its file
            options += ["--chat-template", Path(value).read_text(encoding="utf-8")]
        elif name == "--hub":
            # its list of models scans this directory and answers with nothing at all where it is missing
            os.makedirs(value, mode=0o700, exist_ok=True)
            os.environ["HF_HUB_CACHE"] = value
    server: Any = importlib.import_module("mlx_lm.server")
    weights = _bytes_of(Path(options[options.index("--model") + 1]))
    server.ResponseGenerator = _honest(server.ResponseGenerator)
    server._run_http_server = _after_load(server._run_http_server, weights)
    sys.argv = ["mlx_lm.server", *options]
    server.main()
    return 0


def _exit_with_parent() -> None:
    # the daemon holds the other end of this pipe; when it is killed, the kernel closes that end
    while os.read(0, 4096):
        pass
    os._exit(0)


def _honest(generator: Any) -> Any:
    """Return the server's generator, whose process ends with its thread: alone, the server would go on answering."""

    class Honest(generator):
        def _run_generate(self) -> None:
            try:
                generator._run_generate(self)  # says itself why it ended
            finally:
                if not getattr(self, "_stop", False):
                    sys.stderr.flush()
                    os._exit(1)

    return Honest


def _after_load(serve: Any, weights: int) -> Any:
    """Return the function that listens, which waits until the model is in memory and says how far that is."""

    def listen(host: str, port: int, generator: Any, *more: Any, **named: Any) -> None:
        memory: Any = importlib.import_module("mlx.core")
        pause, said = threading.Event(), -1
        while generator.model_provider.model is None:
            with contextlib.suppress(Exception):  # a figure is not worth a failed load
                share = min(99, 100 * memory.get_active_memory() // weights)
                if share != said:
                    sys.stderr.write(f"Loading weights: {share}%\n")
                said = share
            pause.wait(_LOOK_SECONDS)
        sys.stderr.write("Loading weights: 100%\n")
        serve(host, port, generator, *more, **named)

    return listen


def _bytes_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.glob("*.safetensors")) or 1


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
