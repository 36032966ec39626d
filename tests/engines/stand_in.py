"""A server that behaves badly on demand; run as a child in place of an engine.

python stand_in.py PORT MANNER, MANNER one of: good, ignores-term, leaves-worker, dies, says-port-taken, never-listens.
"""

import http.server
import json
import os
import signal
import subprocess
import sys

LAST_WORDS = "stand-in: the weights are made of cheese"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == f"Bearer {os.environ['STAND_IN_KEY']}"
        body = json.dumps({"object": "list", "data": [{"id": "stand-in", "owned_by": "tests"}]}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    port, manner = int(sys.argv[1]), sys.argv[2]
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
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
