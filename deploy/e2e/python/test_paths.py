"""Every path that a client may know a call by, and every header its credential may come in."""

import openai
import pytest
import requests

CHAT = {"messages": [{"role": "user", "content": "hello"}]}
PATHS = {
    "/v1/chat/completions": "gpt-4", "/chat/completions": "gpt-4", "/openai/v1/chat/completions": "gpt-4",
    "/engines/gpt-4/chat/completions": None, "/openai/deployments/gpt-4/chat/completions": None,
}
ANTHROPIC = ["/v1/messages", "/messages", "/anthropic/v1/messages"]
GEMINI = [p + "/models/gemini-2.0-flash:generateContent" for p in ("/v1beta", "/v1", "", "/gemini/v1beta", "/gemini/v1")]


@pytest.mark.parametrize("path", [*PATHS, *ANTHROPIC, *GEMINI])
def test_every_path_is_served_and_paid(stack, admin, rows, path):
    key = admin.key_for()
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    if path in PATHS:
        body = {**CHAT, **({"model": PATHS[path]} if PATHS[path] else {})}
    elif path in ANTHROPIC:
        body = {**CHAT, "model": "claude-3-sonnet", "max_tokens": 50}
    r = requests.post(stack.url + path, headers={"Authorization": f"Bearer {key}"}, json=body, timeout=30)
    assert r.status_code == 200, r.text
    (row,) = rows(admin, key)
    assert row["status"] == "success" and row["spend"] > 0


@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key"])
def test_every_header_carries_a_key_and_none_reaches_the_provider(stack, admin, rows, header):
    key = admin.key_for()
    value = f"Bearer {key}" if header == "Authorization" else key
    r = requests.post(stack.url + "/v1/chat/completions", headers={header: value}, json={**CHAT, "model": "gpt-4"}, timeout=30)
    assert r.status_code == 200, r.text
    (row,) = rows(admin, key)
    assert key not in str(stack.fake.of(row["request_id"]))


def test_azures_own_client(stack, admin, rows):
    key = admin.key_for()
    client = openai.AzureOpenAI(azure_endpoint=stack.url, api_key=key, api_version="2024-10-21", max_retries=0)
    done = client.chat.completions.create(model="gpt-4", messages=CHAT["messages"])
    (row,) = rows(admin, key)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (done.usage.prompt_tokens, done.usage.completion_tokens)
