"""A full node on a chain of its own, which nobody else can reach."""

import base64
import json
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Refused(Exception):
    """What the node says against a question."""


class Node:
    """A node in a folder of its own, gone with the `with` block."""

    def __init__(self, command, chain, *flags):
        self.folder = tempfile.mkdtemp(prefix="perjoule-node-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # The main chain lies in the folder itself.
        self.cookie = f"{self.folder}/{'' if chain == 'main' else chain + '/'}.cookie"
        self.arguments = [
            *shlex.split(command), f"-chain={chain}", f"-datadir={self.folder}", "-server", "-disablewallet",
            "-listen=0", "-connect=0", "-dnsseed=0", "-fixedseeds=0", "-printtoconsole=0",
            f"-rpcport={self.port}", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", *flags,
        ]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder)

    def start(self):
        self.process = subprocess.Popen(self.arguments)
        end = time.monotonic() + 60
        while True:
            try:
                return self.call("getblockcount")
            except (OSError, Refused):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"the node does not start: {shlex.join(self.arguments)}")
                time.sleep(0.05)

    def kill(self):
        """As a crash would: it gets no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def call(self, method, *params):
        with open(self.cookie, "rb") as cookie:
            basic = base64.b64encode(cookie.read()).decode()
        body = json.dumps({"id": 0, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Authorization": f"Basic {basic}"})
        # A proxy of the environment has no part in this.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from None
