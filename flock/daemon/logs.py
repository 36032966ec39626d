"""The daemon's log: one line an event, keys redacted, the file bounded.

Called by daemon/serve.py.
"""

import logging
import logging.handlers
import re
import sys
import time

from flock.paths import Home

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


def set_up(home: Home, level: str, *, to_file: bool) -> None:
    """Send the log to the home's file, or to standard error in the foreground."""
    handler: logging.Handler
    if to_file:
        handler = logging.handlers.RotatingFileHandler(home.log_file, maxBytes=FILE_BYTES, backupCount=2, delay=True)
    else:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a full disk must not turn every log line into a traceback
