"""A Purser stack as its users start it, and the few clients that tests speak to it with."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.parse
import uuid

import psycopg
import requests

REPO = pathlib.Path(__file__).resolve().parents[3]
PURSER = os.environ.get("PURSER_BIN", str(REPO / "bin" / "purser"))
DEMO = REPO / "deploy" / "local" / "config.yaml"


class Api:
    """The management API as whoever holds key; answers must have the status that is expected."""

    def __init__(self, url, key):
        self.url, self.key = url, key
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def call(self, method, path, **kw):
        return self.session.request(method, self.url + path, timeout=30, **kw)

    def _expect(self, method, path, expect, **kw):
        r = self.call(method, path, **kw)
        assert r.status_code == expect, f"{method} {path} answered {r.status_code}: {r.text}"
        return r.json()

    def post(self, path, expect=200, **body):
        return self._expect("POST", path, expect, json=body)

    def get(self, path, expect=200, **params):
        return self._expect("GET", path, expect, params=params)

    def patch(self, path, expect=200, **body):
        return self._expect("PATCH", path, expect, json=body)

    def put(self, path, expect=200, **body):
        return self._expect("PUT", path, expect, json=body)

    def delete(self, path, expect=200, **body):
        return self._expect("DELETE", path, expect, json=body)

    def key_for(self, **body):
        """A new virtual key, in plain."""
        return self.post("/key/generate", **body)["key"]


class Fake:
    """The fake provider's own records: what really reached it, and what it said it used."""

    def __init__(self, url, key):
        self.url, self.key = url, key

    def records(self, since=0):
        return requests.get(f"{self.url}/_fake/requests", params={"since": since}, timeout=30).json()

    def newest(self):
        """The number of the latest record, for `since`."""
        records = self.records()
        return records[-1]["seq"] if records else 0

    def of(self, response_id):
        """The one record whose answer had this id."""
        found = [r for r in self.records() if r["id"] == response_id]
        assert len(found) == 1, f"{len(found)} records with id {response_id}"
        return found[0]


class Running:
    """A stack that answers, whoever started it."""

    def __init__(self, info):
        self.info = info
        self.url = info["url"]
        self.master = info["master_key"]
        self.admin = Api(self.url, self.master)
        self.fake = Fake(info["fake_provider_url"], info["fake_provider_key"]) if info.get("fake_provider_url") else None
        self._http = requests.Session()

    def as_key(self, key):
        return Api(self.url, key)

    def chat(self, key, text="hello", model="gpt-4", headers=None, output=None, **fields):
        """A chat call over plain HTTP. output is how many tokens the provider answers with."""
        headers = {"Authorization": f"Bearer {key}", **(headers or {})}
        if output is not None:
            headers["x-fake-output-tokens"] = str(output)
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        return self._http.post(self.url + "/v1/chat/completions", headers=headers, json=body, timeout=60)


class Stack(Running):
    """A stack of a test's own: `purser up` with a configuration, an empty database and, where the
    tests run on Redis, a Redis of its own. Use it in a with statement."""

    def __init__(self, near, extra="", general="", master=None, env=None):
        """near is a running stack, whose PostgreSQL holds the database. The configuration is the demo's, with
        extra after it and general in its general_settings; master is its master key where it is not the demo's; env is more environment."""
        self.near = near.info
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="purser-e2e-"))
        self.config = self.dir / "config.yaml"
        text = DEMO.read_text()
        assert "\ngeneral_settings:\n" in text
        self.config.write_text(text.replace("\ngeneral_settings:\n", "\ngeneral_settings:\n" + general).replace("master_key: sk-1234", f"master_key: {master or 'sk-1234'}") + "\n" + extra)
        self.env = env or {}
        self.log = self.dir / "up.log"
        self.process = None
        self.database = "e2e_" + uuid.uuid4().hex[:12]
        with psycopg.connect(self.near["database_url"], autocommit=True) as c:
            c.execute(f'CREATE DATABASE "{self.database}"')
        self.database_url = _with_path(self.near["database_url"], self.database)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        with psycopg.connect(self.near["database_url"], autocommit=True) as c:
            c.execute(f'DROP DATABASE "{self.database}" WITH (FORCE)')

    def spawn(self):
        """Starts the process and does not wait for it to be ready."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PURSER_", "FAKE_PROVIDER", "DATABASE_", "REDIS_"))}
        env |= {"DATABASE_URL": self.database_url, **self.env}
        redis = "auto" if self.near.get("redis_url") else "off"
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [PURSER, "up", "--config", self.config, "--port", "0", "--state-dir", self.dir / "state", "--redis", redis],
                cwd=REPO, env=env, stdout=out, stderr=subprocess.STDOUT,
            )
        return self.process

    def start(self, seconds=60):
        self.spawn()
        ready = self.dir / "state" / "stack.json"
        deadline = time.monotonic() + seconds
        while not ready.exists():
            assert self.process.poll() is None, f"purser up ended with {self.process.returncode}: {self.said()}"
            assert time.monotonic() < deadline, f"not ready after {seconds} s: {self.said()}"
            time.sleep(0.05)
        super().__init__(json.loads(ready.read_text()))
        return self

    def stop(self, seconds=60):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.process = None
        assert code == 0, f"purser up ended with {code}: {self.said()}"

    def restart(self):
        self.stop()
        return self.start()

    def said(self):
        """Everything `purser up` printed."""
        return self.log.read_text(errors="replace")


def main_stack():
    """The stack that the tests were started on: PURSER_STATE_DIR names its folder."""
    state = os.environ.get("PURSER_STATE_DIR")
    assert state, "PURSER_STATE_DIR is not set: run the tests with `make test-python`, or name a running stack's state folder"
    return Running(json.loads((pathlib.Path(state) / "stack.json").read_text()))


def _with_path(url, path):
    return urllib.parse.urlsplit(url)._replace(path="/" + path).geturl()
