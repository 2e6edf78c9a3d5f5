"""A supervisor over fake services, for the tests of the commands: `python fake_stack.py HOME PORT`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hummingbus.embedded.process import Program
from hummingbus.home import Home, locked
from hummingbus.stack.__main__ import supervise
from hummingbus.stack.readiness import http_check
from hummingbus.stack.report import StackReport

SERVE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def main(home: Home, port: int) -> None:
    """Serve until told to stop."""
    program = Program("gateway-api", (sys.executable, "-c", SERVE, str(port)), http_check(port, "/health/ready"), port=port)
    report = StackReport(supervisor=os.getpid(), venue="sandbox", url=f"http://127.0.0.1:{port}", ports={"gateway-api": port})
    with locked(home.lock):
        asyncio.run(supervise(home, [[program]], report))


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), int(sys.argv[2]))
