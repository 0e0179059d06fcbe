"""Fixtures for tests against a running stack.

PURSER_URL (default http://localhost:4000) and PURSER_MASTER_KEY (default sk-1234) say where it is.
"""

import json
import os
import time
import uuid

import pytest
import requests

URL = os.environ.get("PURSER_URL", "http://localhost:4000")
MASTER = os.environ.get("PURSER_MASTER_KEY", "sk-1234")


class Admin:
    """The management API as an administrator, or as whoever holds key."""

    def __init__(self, key=MASTER):
        self.headers = {"Authorization": f"Bearer {key}"}

    def call(self, method, path, **kw):
        return requests.request(method, URL + path, headers=self.headers, timeout=30, **kw)

    def post(self, path, expect=200, **body):
        r = self.call("POST", path, json=body)
        assert r.status_code == expect, f"{path} answered {r.status_code}: {r.text}"
        return r.json()

    def get(self, path, expect=200, **params):
        r = self.call("GET", path, params=params)
        assert r.status_code == expect, f"{path} answered {r.status_code}: {r.text}"
        return r.json()

    def delete(self, path, expect=200, **body):
        r = self.call("DELETE", path, json=body)
        assert r.status_code == expect, f"{path} answered {r.status_code}: {r.text}"
        return r.json()

    def key(self, **body):
        return self.post("/key/generate", **body)["key"]


@pytest.fixture
def url():
    return URL


@pytest.fixture
def admin():
    return Admin()


@pytest.fixture
def as_key():
    return Admin


@pytest.fixture
def unique():
    """A name no other test has."""
    return lambda prefix="t": f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def openai_client(url):
    import openai

    def make(key, **kw):
        return openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, **kw)

    return make


@pytest.fixture
def chat(url):
    """A raw chat call: chat(key, text, model="gpt-4", **fields) -> requests.Response."""

    def call(key, text="hello", model="gpt-4", headers=None, **fields):
        return requests.post(
            url + "/v1/chat/completions",
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
            json={"model": model, "messages": [{"role": "user", "content": text}], **fields},
            timeout=60,
        )

    return call


@pytest.fixture
def fake():
    """An instruction to the fake provider, as the text of a message."""
    return lambda **kw: "fake:" + json.dumps(kw)


@pytest.fixture
def eventually():
    """Repeats a check until it holds; what it last said where it never does."""

    def wait(check, seconds=5.0):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return check()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    return wait
