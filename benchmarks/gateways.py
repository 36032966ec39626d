"""What stands between the load and the mock: nothing, nginx, flock, and LiteLLM where it is installed.

Owns the configuration and the start of each, in a temporary directory of the run. Refuses addresses other than
127.0.0.1. Called by run.py.
"""

import abc
import http.client
import json
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path

from processes import BenchFailed, Children, find_tool

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
QUESTION = {"model": "mock", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}

NGINX_CONF = """\
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  upstream mock {{
    server 127.0.0.1:{mock_port};
    keepalive 512;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""

LITELLM_CONF = """\
model_list:
  - model_name: mock
    litellm_params: {{model: openai/mock, api_base: "http://127.0.0.1:{mock_port}/v1", api_key: none}}
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(abc.ABC):
    """A process that listens on 127.0.0.1, on one core, with its files in one directory."""

    name = "server"
    health_path = "/health"
    start_limit = 30.0  # seconds; the slowest peer measured, LiteLLM, takes 9

    def __init__(self, children: Children, directory: Path, core: int) -> None:
        self.children, self.directory, self.core = children, directory, core
        self.port = free_port()
        self.key = "none"
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(mode=0o700)

    @property
    def pid(self) -> int | None:
        """The process whose tree is measured; None when there is none."""
        return self.process.pid if self.process else None

    @property
    def log(self) -> Path:
        """What the process has said."""
        return self.directory / "output.log"

    @abc.abstractmethod
    def argv(self) -> list[str]:
        """Return the command line that runs it in the foreground."""

    def env(self) -> dict[str, str]:
        """Return the environment it runs in."""
        return dict(os.environ)

    def start(self, argv: list[str] | None = None) -> float:
        """Start it and return the seconds until it answered on its health path; `argv` replaces its command line.

        Raises BenchFailed with its last words when it ends early or does not answer in time.
        """
        began = time.perf_counter()
        self.process = self.children.spawn(argv or self.argv(), self.core, self.env(), self.log)
        while time.perf_counter() - began < self.start_limit:
            if self.process.poll() is not None:
                raise BenchFailed(f"{self.name} ended with code {self.process.returncode}: {self.last_words()}")
            if answers(self.port, self.health_path):
                return time.perf_counter() - began
            time.sleep(0.002)
        raise BenchFailed(f"{self.name} did not answer within {self.start_limit:.0f} s: {self.last_words()}")

    def stop(self) -> None:
        """End it, in order where it lets itself be asked."""
        if self.process:
            self.children.end(self.process)
            self.process = None

    def last_words(self) -> str:
        """Return the end of its output."""
        return self.log.read_text(errors="replace").strip()[-1500:] if self.log.exists() else ""


class Mock(Server):
    """The upstream itself, which is also what "direct" measures."""

    name = "direct"

    def __init__(self, children: Children, directory: Path, core: int, binary: Path) -> None:
        super().__init__(children, directory, core)
        self.binary = binary

    @property
    def pid(self) -> int | None:
        """None: its time is not a gateway's."""
        return None

    def argv(self) -> list[str]:
        return [str(self.binary), str(self.port)]


class Nginx(Server):
    """A plain proxy with kept-alive upstream connections: the practical limit."""

    name = "nginx"

    def __init__(self, children: Children, directory: Path, core: int, mock_port: int) -> None:
        super().__init__(children, directory, core)
        user = "user root;" if os.getuid() == 0 else ""  # root's worker would become a user who cannot enter here
        conf = NGINX_CONF.format(user=user, directory=directory, mock_port=mock_port, port=self.port)
        (directory / "nginx.conf").write_text(conf)

    def argv(self) -> list[str]:
        at = str(self.directory)
        return [find_tool("nginx") or "nginx", "-p", at, "-c", f"{at}/nginx.conf", "-e", f"{at}/nginx-error.log"]


class LiteLLM(Server):
    """The best known peer, with a master key and no database; only where it is installed already."""

    name = "litellm"
    health_path = "/health/liveliness"
    start_limit = 90.0

    def __init__(self, children: Children, directory: Path, core: int, mock_port: int) -> None:
        super().__init__(children, directory, core)
        self.key = "sk-" + secrets.token_hex(16)
        (directory / "litellm.yaml").write_text(LITELLM_CONF.format(mock_port=mock_port))

    def argv(self) -> list[str]:
        config = str(self.directory / "litellm.yaml")
        return ["litellm", "--config", config, "--host", "127.0.0.1", "--port", str(self.port), "--num_workers", "1"]

    def env(self) -> dict[str, str]:
        # without the second one it fetches its price list from the internet at start
        return os.environ | {"LITELLM_MASTER_KEY": self.key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


class Flock(Server):
    """flock as a user runs it: keys required, usage recorded, everything on."""

    name = "flock"
    health_path = "/healthz"

    def __init__(self, children: Children, directory: Path, core: int, python: str, tool_core: int) -> None:
        super().__init__(children, directory, core)
        self.python, self.tool_core = python, tool_core

    def argv(self) -> list[str]:
        return [self.python, "-m", "flock", "up", "--foreground"]

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOCK_")}
        paths = [kept.get("PYTHONPATH", ""), str(Path(__file__).resolve().parent.parent)]
        return kept | {
            "FLOCK_HOME": str(self.directory / "home"),
            "FLOCK_LISTEN": f"127.0.0.1:{self.port}",
            "PYTHONPATH": ":".join(path for path in paths if path),  # works in a checkout that is not installed too
        }

    def command(self) -> list[str]:
        """Return how a user calls the CLI: the installed script beside the interpreter, else the module.

        A file named `flock` there may be util-linux's, so the script must be one that imports ours.
        """
        script = Path(self.python).parent / "flock"
        ours = script.is_file() and b"flock.__main__" in script.read_bytes()[:512]
        return [str(script)] if ours else [self.python, "-m", "flock"]

    @property
    def database(self) -> Path:
        """Where its usage is."""
        return self.directory / "home" / "data" / "flock.db"

    @property
    def socket(self) -> Path:
        """The private door."""
        return self.directory / "home" / "run" / "flock.sock"

    def cli(self, *words: str) -> str:
        """Run one flock command against this daemon and return its output. Raises BenchFailed when it fails."""
        return self.children.run([*self.command(), *words], self.tool_core, self.env(), seconds=60)[0]

    def prepare(self, mock_port: int) -> None:
        """Attach the mock as an engine and create the key that the load uses."""
        self.cli("engine", "attach", f"http://127.0.0.1:{mock_port}", "--name", "mock")
        answer = self.cli("token", "create", "bench", "--json")
        try:
            self.key = json.loads(answer)["token"]
        except (ValueError, KeyError, TypeError):
            raise BenchFailed("`flock token create bench --json` printed no JSON object with a token") from None


def answers(port: int, path: str) -> bool:
    """Return whether a GET of the path gives 200."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", path)
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def check_answers(server: Server) -> None:
    """Ask for one completion, plain and streamed, before anything is measured. Raises BenchFailed with the answer."""
    for stream in (False, True):
        _check(
            server, CHAT, QUESTION | {"stream": stream, "user": "mock:3:0"}, "data: [DONE]" if stream else "brown fox"
        )
    if isinstance(server, Flock):
        words = [{"role": "user", "content": "mock:3:0"}]
        _check(server, MESSAGES, QUESTION | {"stream": True, "messages": words}, "event: message_stop")
        _check(server, RESPONSES, {"model": "mock", "stream": True, "input": words}, "event: response.completed")


def _check(server: Server, path: str, asked: dict[str, object], expected: str) -> None:
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"}
    try:
        link.request("POST", path, json.dumps(asked), headers)
        answer = link.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise BenchFailed(f"{server.name} does not answer at {path}: {error}; {server.last_words()}") from None
    finally:
        link.close()
    if answer.status != 200 or expected not in text:
        raise BenchFailed(f"{server.name} answers {asked} at {path} with {answer.status}: {text[:600]}")
