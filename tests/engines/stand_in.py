"""A server that behaves badly on demand; run as a child in place of an engine.

python stand_in.py PORT MANNER, MANNER one of: good, ignores-term, leaves-worker, dies, says-port-taken, never-listens;
does-not-generate (its list of models is answered, no question is), fails-later (the second question and all after it
fail), fails-always, works-on (a question is answered after SIGUSR1 only), loads-slowly (42 % until SIGUSR1),
forks-away (its process ends well and a grandchild in a session of its own serves), leaves-stray (a child of it is in a
session of its own).
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading

LAST_WORDS = "stand-in: the weights are made of cheese"


class Handler(http.server.BaseHTTPRequestHandler):
    manner = ""
    asked = 0
    told = threading.Event()

    def do_GET(self) -> None:
        self.answer(200, {"object": "list", "data": [{"id": "stand-in", "owned_by": "tests"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.asked += 1
        if self.manner == "works-on":
            self.told.wait()
        if self.manner == "does-not-generate":
            self.log_request(0)
            threading.Event().wait()
        fails = self.manner == "fails-always" or (self.manner == "fails-later" and Handler.asked > 1)
        self.answer(500 if fails else 200, {"choices": [{"message": {"role": "assistant", "content": "a"}}]})

    def answer(self, status: int, said: object) -> None:
        allowed = self.headers.get("Authorization") == f"Bearer {os.environ['STAND_IN_KEY']}"
        body = json.dumps(said).encode()
        self.send_response(status if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    port, manner = int(sys.argv[1]), sys.argv[2]
    Handler.manner = manner
    signal.signal(signal.SIGUSR1, lambda *_: Handler.told.set())
    if manner == "dies":
        sys.exit(LAST_WORDS)
    if manner == "says-port-taken":
        sys.exit("stand-in: port is taken")
    if manner == "never-listens":
        signal.pause()
    if manner == "ignores-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if manner == "leaves-worker":
        subprocess.Popen(["sleep", "1000"])
    if manner == "leaves-stray":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    if manner == "loads-slowly":
        sys.stderr.write("loading 42")
        sys.stderr.flush()
        Handler.told.wait()
    if manner == "forks-away" and (grandchild := os.fork()):
        leave(grandchild)
    if manner == "forks-away":
        os.setsid()
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def leave(grandchild: int) -> None:
    """End well, as a program does that goes into the background."""
    sys.stderr.write(f"gone into the background as {grandchild}\n")
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
