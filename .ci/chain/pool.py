"""A pool server on a node: DATUM Gateway by itself, without the pool that it can be a gate to."""

import json
import os
import shlex
import subprocess
import tempfile
import time

from node import free_port

# Nobody's: the hash of the example key of BIP 173.
ADDRESS = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
REGTEST_ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


class Pool:
    """A run of the pool, for miners of this machine. It writes `tags` into its coinbases."""

    def __init__(self, command, node, tags):
        self.folder = tempfile.TemporaryDirectory(prefix="perjoule-pool-")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = {
            "bitcoind": {"rpccookiefile": node.cookie, "rpcurl": node.url, "notify_fallback": True},
            "stratum": {"listen_addr": "127.0.0.1", "listen_port": self.port, "vardiff_min": 1},
            "mining": {
                "pool_address": ADDRESS, "coinbase_tag_primary": tags[0], "coinbase_tag_secondary": tags[1],
            },
            "api": {"listen_port": 0},
            "logger": {"log_to_console": True, "log_to_file": False, "log_level_console": 1},
            "datum": {"pool_host": "", "pooled_mining_only": False},
        }
        path = os.path.join(self.folder.name, "config.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.command = [*shlex.split(command), "-c", path]
        self.log = os.path.join(self.folder.name, "log")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder.name)
        self.until_logged("listener thread active")

    def until_logged(self, what):
        end = time.monotonic() + 60
        while what not in self.logged():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the pool never logged {what!r}:\n{self.logged()}")
            time.sleep(0.05)

    def logged(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
