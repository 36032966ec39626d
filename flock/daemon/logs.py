"""The daemon's log: one line an event, keys redacted, the file bounded.

Called by daemon/serve.py.
"""

import logging
import logging.handlers
import os
import re
import sys
import time

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from flock.paths import Home
from flock.text import one_line

# three files of this size are kept
FILE_BYTES = 10_000_000
_KEYS = re.compile(r"sk-[A-Za-z0-9_\-]{6,}|([?&]key=)[^&\s\"']+|(Bearer )[A-Za-z0-9._\-]+")


def redact(words: str) -> str:
    """Return the words with everything that looks like a key replaced."""
    return _KEYS.sub(lambda m: (m.group(1) or m.group(2) or "") + "•••", words)


class _Redacting(logging.Formatter):
    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Format as usual, then redact: whatever a library logs passes here too."""
        return redact(super().format(record))


class _Rotating(logging.handlers.RotatingFileHandler):
    """What the interpreter and its libraries say follows the log: `flock up` made it the standard output and error."""

    def doRollover(self) -> None:
        """Begin a new file for the log and for both descriptors."""
        ours = [n for n in (1, 2) if _same(n, self.baseFilename)]
        super().doRollover()
        if self.stream is None:  # pyright: ignore[reportUnnecessaryComparison]  # with delay it opens at the next line
            self.stream = self._open()
        for number in ours:
            os.dup2(self.stream.fileno(), number)


def _same(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


class _ClientsFault(logging.Filter):
    """Make one line of what aiohttp says about a client's broken request: whoever can connect could fill the disk."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, without the traceback where the client is at fault."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, web.RequestPayloadError | HttpProcessingError):
            record.msg, record.args = "a client's request is broken: %s", (one_line(str(error)),)
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def set_up(home: Home, level: str, *, to_file: bool) -> None:
    """Send the log to the home's file, or to standard error in the foreground."""
    handler: logging.Handler
    if to_file:
        handler = _Rotating(home.log_file, maxBytes=FILE_BYTES, backupCount=2, delay=True)
    else:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    server = logging.getLogger("aiohttp.server")
    server.filters[:] = [_ClientsFault()]
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a full disk must not turn every log line into a traceback
