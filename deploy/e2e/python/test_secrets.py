"""What is secret stays so: every output of a stack that logs all it can is searched for every secret it was given. And a
provider's credential is changed under traffic."""

import json
import pathlib
import secrets
import threading

import psycopg
import pytest
import requests

pytestmark = pytest.mark.xdist_group("secrets")


@pytest.fixture(scope="module")
def talkative(stack):
    from stack import Stack

    with Stack(near=stack, master="sk-" + secrets.token_hex(20), env={"LOG_LEVEL": "debug"}) as own:
        yield own


def add_model(own, name, credential):
    params = {"model": "openai/gpt-4o", "api_base": own.fake.url, "api_key": credential}
    return own.admin.post("/model/new", model_name=name, litellm_params=params, model_info={"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6})["model_id"]


def outputs(own):
    """Whatever somebody could read: name -> text."""
    state, info = own.dir / "state", own.info
    for log in (state / "logs").iterdir():
        if log.name != "fake-provider.log":
            yield log.name, log.read_text(errors="replace")
    for file in ("extproc", "adminsvc", "redis"):
        for f in (state / file).rglob("*"):
            if f.is_file():
                yield str(f.relative_to(state)), f.read_text(errors="replace")
    yield "envoy.yaml", (state / "envoy.yaml").read_text()
    yield "what it printed", own.said()
    for page in ("config_dump?include_eds", "stats", "stats/prometheus", "clusters", "listeners", "server_info", "certs"):
        yield "envoy /" + page, requests.get(f"{info['envoy_admin_url']}/{page}", timeout=30).text
    for service in ("extproc_url", "adminsvc_url"):
        for page in ("/metrics", "/health/readiness"):
            yield service + page, requests.get(info[service] + page, timeout=30).text
    for path, operations in own.admin.get("/openapi.json")["paths"].items():
        if "get" in operations and "{" not in path and path not in ("/health", "/health/drain"):
            yield "GET " + path, own.admin.call("GET", path).text
    for path, more in {"/key/list": {"return_full_object": True}, "/spend/logs": {"summarize": False}}.items():
        yield f"GET {path} {more}", own.admin.call("GET", path, params=more).text
    with psycopg.connect(own.database_url) as c:
        for (table,) in c.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'").fetchall():
            yield "table " + table, "\n".join(row for (row,) in c.execute(f'SELECT row_to_json(t)::text FROM "{table}" t').fetchall())


def test_no_output_shows_a_secret(talkative, eventually):
    own = talkative
    answers, found = [], {}

    def call(method, path, key, **kw):
        headers = kw.pop("headers", {"Authorization": f"Bearer {key}"})
        r = requests.request(method, own.url + path, headers=headers, timeout=30, **kw)
        answers.append((f"{method} {path.split('?')[0]} -> {r.status_code}", r.text + str(r.headers)))
        return r

    credential, replaced, password = ("pk-" + secrets.token_hex(20) for _ in range(3))
    requests.post(own.fake.url + "/_fake/keys", json=[own.fake.key, credential], timeout=30)
    rotated = add_model(own, "secret-model", replaced)
    chat = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}
    key, old, spent, strange = own.admin.key_for(), own.admin.key_for(), own.admin.key_for(max_budget=0), "sk-" + secrets.token_hex(20)
    user = own.admin.post("/user/new", user_id="u", user_email="u@example.com", password=password, user_role="internal_user")
    bad = {**chat, "model": "secret-model"}
    assert call("POST", "/v1/chat/completions", key, json=bad).status_code == 401, "the provider refuses the credential, and repeats it perhaps"
    call("GET", "/health?model=secret-model", own.master)
    own.admin.post("/model/update", model_info={"id": rotated}, litellm_params={"api_key": credential})
    eventually(lambda: check(call("POST", "/v1/chat/completions", key, json=bad).status_code == 200))
    call("GET", "/health?model=secret-model", own.master)
    for k in (key, spent, strange, "Basic " + key):
        for stream in (False, True):
            call("POST", "/v1/chat/completions", k, json={**chat, "stream": stream})
        call("POST", "/v1/messages", k, headers={"x-api-key": k}, json={**chat, "model": "claude-3-sonnet", "max_tokens": 9})
        call("POST", f"/v1beta/models/gemini-2.0-flash:generateContent?key={k}", k, headers={}, json={"contents": [{"parts": [{"text": "hello"}]}]})
        call("POST", "/nothing/" + k, k, json=chat)
        own.admin.call("GET", "/key/info", params={"key": k})  # repeats the key to who asked with it, as LiteLLM does
        call("GET", "/spend/logs?api_key=" + k, own.master)
        call("POST", "/v1/chat/completions", k, data=b'{"model": "gpt-4", "messages": ' + k.encode())
    call("POST", "/login", "", headers={}, json={"username": "u@example.com", "password": password + "x"})
    call("POST", "/v2/login", "", headers={}, json={"username": "u@example.com", "password": password})
    renewed = own.admin.post(f"/key/{old}/regenerate")["key"]  # the one answer that shows a key, to who made it
    assert call("POST", "/v1/chat/completions", renewed, json=chat).status_code == 200
    assert call("POST", "/v1/chat/completions", old, json=chat).status_code == 401
    own.admin.post("/key/block", key=renewed)
    call("POST", "/v1/chat/completions", renewed, json=chat)

    def settled():
        check(sum(r["spend"] > 0 for r in own.admin.get("/spend/logs", api_key=key)) >= 4)

    eventually(settled, 15)
    hidden = {"a provider's credential": credential, "one that was replaced": replaced, "the demo's credential": own.fake.key, "a virtual key": key, "one without a budget": spent,
              "one that was renewed": old, "its successor": renewed, "one nobody knows": strange, "the master key": own.master, "a password": password}
    if user.get("key"):
        hidden["the user's own key"] = user["key"]
    seen = 0
    for where, text in [*answers, *outputs(own)]:
        seen += bool(text)
        for what, secret in hidden.items():
            for form in (secret, secret[3:]):
                if form in text:
                    at = text.index(form)
                    found[where] = f"{what}: …{text[max(0, at - 120):at]}<HERE>"
    assert seen > 100, "little was looked at"
    assert "level=DEBUG" in (own.dir / "state" / "logs" / "adminsvc.log").read_text(), "it does not log all it can"
    assert not found, json.dumps(found, indent=1)


def check(held):
    assert held


def test_a_credential_changed_under_traffic_fails_no_request(talkative, eventually):
    own = talkative
    before, after = "pk-" + secrets.token_hex(20), "pk-" + secrets.token_hex(20)
    accept = lambda *keys: requests.post(own.fake.url + "/_fake/keys", json=[own.fake.key, *keys], timeout=30).raise_for_status()
    accept(before, after)
    model = add_model(own, "rotating", before)
    key, stop, statuses, since = own.admin.key_for(), threading.Event(), [], own.fake.newest()

    def traffic(stream):
        while not stop.is_set():
            headers = {"x-fake-output-tokens": "20", "x-fake-delay-ms": "5"}
            r = own.chat(key, model="rotating", headers=headers, stream=stream)
            statuses.append(r.status_code if not stream or r.text.rstrip().endswith("[DONE]") else "cut")

    def used(credential):
        return sum(r["headers"]["Authorization"] == [f"Bearer {credential}"] for r in own.fake.records(since) if r["model"] == "gpt-4o")

    threads = [threading.Thread(target=traffic, args=(stream,)) for stream in (False, False, True)]
    started = (own.dir / "state" / "extproc.pid").read_text(), (own.dir / "state" / "envoy.pid").read_text()
    for t in threads:
        t.start()
    try:
        eventually(lambda: check(used(before) > 10), 20)
        own.admin.post("/model/update", model_info={"id": model}, litellm_params={"api_key": after})
        eventually(lambda: check(used(after) > 10), 20)
        had = used(before)
        accept(after)  # the provider revokes the old one
        many = used(after)
        eventually(lambda: check(used(after) > many + 20), 20)
        assert used(before) - had <= len(threads), "the old one is still sent"
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert set(statuses) == {200} and len(statuses) > 40, statuses
    assert started == ((own.dir / "state" / "extproc.pid").read_text(), (own.dir / "state" / "envoy.pid").read_text())
