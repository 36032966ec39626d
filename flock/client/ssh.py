"""The door of another machine: its private socket, by the system's ssh and `flock dial-stdio` over there.

Owns every ssh process this command has: three at most, each waited for, none left behind. ssh's standard input and
output are one end of a socket pair, so that HTTP is spoken over a socket as everywhere. Refuses to know what the shell
over there is told (`ssh_there.py`), and ssh's configuration, keys and passwords: those are ssh's own, and it asks at
its terminal. The only module of the client that starts processes; it is loaded where an address begins with ssh://.
"""

import contextlib
import http.client
import json
import os
import shlex
import socket
import subprocess
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import IO

from flock.client import ssh_there
from flock.client.address import Ssh
from flock.client.door import Kind, UnixConnection, unreachable, wake
from flock.errors import DaemonUnreachable, FlockError, InternalError, from_plain
from flock.handover import programs
from flock.text import one_line

# One for the feed, one for a stream, one for calls; a box's sshd takes ten beginners at a time (MaxStartups)
MOST = 3
# Bounds a box that is switched off or behind a wall that drops: the system itself would try for two minutes
_CONNECT_SECONDS = 20
# Bounds a box whose sshd or shell hangs, where nobody types a password meanwhile
_READY_SECONDS = 60.0
# How long ssh may take to say goodbye, a round trip or two, before it is told to end
_BYE_SECONDS = 2.0
# What a shell's start-up files may print before flock speaks
_NOISE_BYTES = 1 << 16

# ssh must not die of a Ctrl-C before this process is done with it, and what is ignored stays so across exec. A process
# group of its own would keep it from asking at the terminal.
_SPARED = 'trap "" INT QUIT; exec "$@"'


class _Child:
    """One ssh process and what it said on standard error."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: "IO[bytes]") -> None:
        self.process = process
        self._said = said

    def end(self, seconds: float = _BYE_SECONDS) -> int | None:
        """Wait for its end, and bring it about when it does not come by itself."""
        for stop in (self.process.terminate, self.process.kill, None):
            try:
                return self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                if stop is not None:
                    stop()
        return None

    def words(self) -> list[str]:
        """Return the lines of its standard error; the file is gone once it was let go."""
        try:
            self._said.seek(0)
            text = self._said.read(_NOISE_BYTES).decode("utf-8", "replace")
        except (OSError, ValueError):
            return []
        return [line.strip() for line in text.splitlines() if line.strip(" @\r")]

    def let_go(self) -> None:
        """Close its file."""
        self._said.close()


class _SshConnection(UnixConnection):
    def __init__(self, opened: socket.socket, timeout: float, child: _Child) -> None:
        super().__init__(opened, timeout)
        self.child = child


class SshDoor:
    """The way to the flock of one box; `remote_bin` is where flock lies there ("": the usual places); `asks` says
    whether ssh may ask for a password or about a host's key; `host` is how it was named, its address by default.
    """

    kind: Kind = "ssh"
    most = MOST
    prefix = ""

    def __init__(
        self,
        address: Ssh,
        remote_bin: str = "",
        *,
        host: str = "",
        asks: bool = True,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.address = address
        self.name = address.name
        self.host = host or address.url
        self.asks = asks
        self.headers: Mapping[str, str | bytes] = {}
        self._remote_bin = remote_bin
        self._environ = environ
        self._children: set[_Child] = set()
        self._lock = threading.Lock()

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """Start ssh and return once flock is about to speak over there. Raises DaemonUnreachable."""
        near, far = socket.socketpair()
        with far:
            try:
                child = self._start(["dial-stdio"], ssh_there.READY, far)
            except BaseException:
                near.close()
                raise
        try:
            near.settimeout(None if self._may_ask() else _READY_SECONDS)
            noise = _until_ready(near)
        except TimeoutError:
            noise = ""
            failure = unreachable(
                f"{self.name} did not let flock in within {_READY_SECONDS:g} s", "silent", self._try()
            )
        except BaseException:  # Ctrl-C while ssh asks for a password: it would wait on
            child.process.terminate()
            self._reap(child, near)
            raise
        else:
            if noise is None:
                return _SshConnection(near, timeout, child)
            failure = None
        code = self._reap(child, near, keep=True)
        found = failure or self._explained(code, child.words() or [noise])
        child.let_go()
        raise found from None

    def end(self, connection: http.client.HTTPConnection) -> None:
        """Close a connection and see ssh off."""
        assert isinstance(connection, _SshConnection)
        sock = connection.sock
        connection.close()
        self._reap(connection.child, sock)

    def shut(self) -> None:
        """End every ssh process, also one that still waits for a password."""
        with self._lock:
            left = list(self._children)
        for child in left:
            with contextlib.suppress(OSError):
                child.process.terminate()
        for child in left:
            child.end()

    def refused(self, error: FlockError) -> FlockError:
        """Return the error as it is: it is of the flock over there, as everything is."""
        return error

    def failure(self, error: Exception, connection: http.client.HTTPConnection | None, timeout: float) -> FlockError:
        """Return what to tell of a connection that failed, with ssh's own words."""
        if isinstance(error, TimeoutError):
            return unreachable(
                f"the flock on {self.name} did not answer within {timeout:g} s", "silent", self._flock("logs")
            )
        if isinstance(error, (OSError, http.client.IncompleteRead)) and isinstance(connection, _SshConnection):
            wake(connection.sock)
            code = connection.child.end()
            return self._explained(code, connection.child.words(), begun=True)
        if isinstance(error, http.client.HTTPException):
            return InternalError(f"what answers on {self.name} does not speak HTTP ({error!r})", hint=self._try())
        return unreachable(f"cannot reach {self.name}: {error}", "broken", self._try())

    def run(self, words: Sequence[str], *, shown: bool, stdin: bool = True) -> tuple[int, bytes, bytes]:
        """Run `flock WORDS` over there and return its exit code and what it printed, both streams.

        With `shown` they are this process's own, on a terminal of its own over there where this one has one; then
        nothing is returned of them. Raises DaemonUnreachable when ssh itself fails or flock is not there.
        """
        # over there this machine's own is meant, whatever the context in use over there
        words = ["--host", "local", *words]
        terminal = shown and stdin and os.isatty(0) and os.isatty(1)
        if not shown:
            return self._captured(words)
        process = subprocess.Popen(
            self._argv(words, "", terminal=terminal),
            stdin=None if stdin else subprocess.DEVNULL,
            env={**self._environ},
        )
        child = _Child(process, open(os.devnull, "rb"))  # noqa: SIM115  # the child closes it
        with self._kept(child):
            code = _waited(process)
        if code == 255:
            raise unreachable(f"ssh could not reach {self.name}", "broken", self._try())
        if code == ssh_there.MISSING:
            raise self._not_there("")
        return code, b"", b""

    def _captured(self, words: Sequence[str]) -> tuple[int, bytes, bytes]:
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                self._spared(self._argv(words, "")),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                env={**self._environ},
            )
            child = _Child(process, said)
            with self._kept(child):
                printed, _ = process.communicate()
                if process.returncode in (255, ssh_there.MISSING):
                    raise self._explained(process.returncode, child.words())
                said.seek(0)
                return process.returncode, printed, said.read()

    @contextlib.contextmanager
    def _kept(self, child: _Child) -> Generator[None]:
        with self._lock:
            self._children.add(child)
        try:
            yield
        finally:
            child.end()
            self._forget(child)
            child.let_go()

    def _start(self, words: Sequence[str], say: str, far: socket.socket) -> _Child:
        said = tempfile.TemporaryFile()  # noqa: SIM115  # not a pipe: nobody reads it, and a full one would stop ssh
        try:
            process = subprocess.Popen(
                self._spared(self._argv(words, say)),
                stdin=far.fileno(),
                stdout=far.fileno(),
                stderr=said,
                env={**self._environ},
            )
        except BaseException:
            said.close()
            raise
        child = _Child(process, said)
        with self._lock:
            self._children.add(child)
        return child

    def _argv(self, words: Sequence[str], say: str, *, terminal: bool = False) -> list[str]:
        program = next(programs("ssh", self._environ.get("PATH", os.defpath)), None)
        if program is None:
            raise unreachable(
                f"{self.name} is reached by ssh, and this machine has none on its PATH",
                "broken",
                "install OpenSSH's client (Debian and Ubuntu: apt install openssh-client)",
            )
        options = ["-o", f"ConnectTimeout={_CONNECT_SECONDS}", "-o", "LogLevel=ERROR"]
        if not self._may_ask():
            options += ["-o", "BatchMode=yes"]
        if self.address.port:
            options += ["-p", str(self.address.port)]
        plain = self._environ.get("NO_COLOR") or self._environ.get("FLOCK_NO_COLOR")
        there = ssh_there.line(words, say, self._remote_bin, f"flock --host {self.host}", plain=bool(plain))
        options.append("-t" if terminal else "-T")
        return [program, *options, "--", self.address.target, there]

    @staticmethod
    def _spared(argv: list[str]) -> list[str]:
        return ["/bin/sh", "-c", _SPARED, "sh", *argv]

    def _may_ask(self) -> bool:
        if not self.asks:
            return False
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def _reap(self, child: _Child, near: socket.socket | None, *, keep: bool = False) -> int | None:
        wake(near)
        if near is not None:
            near.close()
        code = child.end()
        self._forget(child)
        if not keep:
            child.let_go()
        return code

    def _forget(self, child: _Child) -> None:
        with self._lock:
            self._children.discard(child)

    def _explained(self, code: int | None, lines: Sequence[str], *, begun: bool = False) -> FlockError:
        """Return the error for an ssh that has ended with `code` and these words; `begun`: flock had taken over."""
        for line in reversed(lines):
            if line.startswith('{"error"'):
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    return self._of_dial(from_plain(json.loads(line)["error"]))
        words = one_line("; ".join(dict.fromkeys(line.rstrip(".") for line in lines[-4:] if line)), 300)
        if code == ssh_there.MISSING and not begun:
            return self._not_there(words)
        if begun:
            why = f": {words}" if words else ""
            return unreachable(f"the connection to {self.name} broke off{why}", "broken", self._flock("status"))
        return unreachable(
            f"cannot reach {self.name}: {words or f'ssh ended with code {code} and said nothing'}",
            "broken",
            self._try(),
        )

    def _not_there(self, words: str) -> FlockError:
        why = f": {words}" if words else ""
        if self._remote_bin:
            return unreachable(f"there is no {self._remote_bin} on {self.name}{why}", "missing", "flock context ls")
        hint = (
            f"install flock over there, or say where it lies: flock context add NAME {self.address.url} "
            "--remote-bin /PATH/TO/flock"
        )
        return unreachable(
            f"flock is not found on {self.name}: neither on the PATH nor in ~/.local/bin{why}", "missing", hint
        )

    def _of_dial(self, error: FlockError) -> FlockError:
        if not isinstance(error, DaemonUnreachable):
            return type(error)(f"on {self.name}: {error.sentence}", hint=error.hint, details=error.details)
        sentence = error.sentence.replace("flock is not running", f"flock is not running on {self.name}", 1)
        if sentence == error.sentence:
            sentence = f"on {self.name}: {sentence}"
        hint = self._flock("up") if error.hint == "flock up" else error.hint
        return DaemonUnreachable(sentence, hint=hint, details=error.details)

    def _flock(self, words: str) -> str:
        return f"flock --host {self.host} {words}"

    def _try(self) -> str:
        """Return the command that shows what ssh makes of it, and asks what it has to ask."""
        port = f"-p {self.address.port} " if self.address.port else ""
        return f"ssh {port}{shlex.quote(self.address.target)} true"


def _until_ready(near: socket.socket) -> str | None:
    """Read up to the line that says that flock follows and return None, or what came instead. Raises TimeoutError."""
    heard = b""
    mark = ssh_there.READY.encode() + b"\n"
    while not heard.endswith(mark):
        try:
            piece = near.recv(4096)
        except ConnectionError:
            piece = b""
        if not piece or len(heard) > _NOISE_BYTES:
            return one_line(heard.decode("utf-8", "replace"), 200)
        heard += piece
    return None


def _waited(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a process that has the terminal; a Ctrl-C is its own affair, and ours once it is over."""
    interrupted = False
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            continue
        if interrupted and code not in (0, 130):
            raise KeyboardInterrupt
        return code if code >= 0 else 128 - code
