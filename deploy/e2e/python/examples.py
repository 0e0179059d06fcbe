"""Runs the documents' examples as they are written: what is a shell command in a shell with the real curl, what is
Python as a script. Only the host and the administrator's key are put in, and what the caller names."""

import json
import subprocess
import sys

HOSTS = ("http://0.0.0.0:4000", "http://localhost:4000")
KEYS = ("sk-admin-xxx", "<your-master-key>", "sk-1234")

# curl as everybody has it, but silent, and with the status at the end of what it writes to stderr.
PRELUDE = """curl() { command curl -sS -w '%{stderr}\\nstatus=%{http_code}' "$@"; }
"""


class Answer:
    def __init__(self, status, text):
        self.status, self.text = status, text

    def json(self):
        return json.loads(self.text)

    def ok(self):
        assert self.status == 200, f"{self.status}: {self.text}"
        return self.json()


def written_for(stack, text, **replace):
    for host in HOSTS:
        text = text.replace(host, stack.url)
    for key in KEYS:
        text = text.replace(key, stack.master)
    for old, new in replace.items():
        assert old in text, f"the example does not hold {old!r}"
        text = text.replace(old, new)
    return text


def shell(stack, text, replace=None):
    """Runs a curl example. replace puts ids in that the text leaves to the reader."""
    script = PRELUDE + written_for(stack, text, **(replace or {}))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert "status=" in done.stderr, f"curl got no answer: {done.stderr}\n{script}"
    said, _, status = done.stderr.rpartition("status=")
    assert done.returncode == 0, f"{said}\n{done.stdout}"
    return Answer(int(status), done.stdout)


def python(stack, text):
    """Runs a Python example and returns what it printed."""
    done = subprocess.run([sys.executable, "-c", written_for(stack, text)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
