"""A program under test that mines, as a user runs it."""

import re
import signal
import subprocess
import tempfile
import time

# No step takes nearly as long, on a machine that does other things too.
PATIENCE = 120


class Miner:
    """A run whose output can be read while it goes on."""

    def __init__(self, *arguments):
        self.written = {name: tempfile.NamedTemporaryFile() for name in ("stdout", "stderr")}
        self.process = subprocess.Popen(arguments, **self.written)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def text(self, name):
        # Opened anew: through the file itself the place where the program writes would move.
        with open(self.written[name].name, encoding="utf-8") as file:
            return file.read()

    def blocks(self):
        """The blocks printed so far, as bytes."""
        return [bytes.fromhex(found) for found in re.findall(r"^block ([0-9a-f]+)$", self.text("stdout"), re.M)]

    def until(self, what, condition):
        """Waits until it is so, which has to be while the run goes on."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"never came: {what}\n{self.text('stderr')}")
            time.sleep(0.02)

    def until_said(self, pattern):
        self.until(pattern, lambda: re.search(pattern, self.text("stderr")))

    def ended(self, patience=PATIENCE):
        """Waits for the end; the exit code."""
        code = self.process.wait(patience)
        if "panicked" in self.text("stderr"):
            raise AssertionError(self.text("stderr"))
        return code

    def interrupt(self):
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def cpu_seconds(self):
        """What it has used of the processors so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
