"""Google's own SDK against /v1beta/models: what is accounted is what the provider's records say."""

import base64

import pytest
import requests
from google.genai import errors, types

MODEL, PRICE = "gemini-2.0-flash", (0.1, 0.4)  # dollars per million tokens
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture
def key(admin):
    return admin.key_for()


@pytest.fixture
def client(gemini_client, key):
    return gemini_client(key)


@pytest.fixture
def accounted(stack, admin, rows):
    def check(key, since, api):
        (row,) = rows(admin, key)
        record = [r for r in stack.fake.records(since) if r["api"] == api and (not row["request_id"] or r["id"] in ("", row["request_id"]))][-1]
        assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"])
        assert row["spend"] == pytest.approx((record["prompt_tokens"] * PRICE[0] + record["completion_tokens"] * PRICE[1]) / 1e6, abs=1e-9)
        assert record["headers"]["X-Goog-Api-Key"] == [stack.fake.key] and key not in str(record)
        return row

    return check


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_generate(stack, client, key, fake, accounted, stream):
    since = stack.fake.newest()
    if stream:
        pieces = list(client.models.generate_content_stream(model=MODEL, contents=fake(output_tokens=22)))
        assert len(pieces) > 1 and "".join(p.text or "" for p in pieces)
        usage = pieces[-1].usage_metadata
    else:
        done = client.models.generate_content(model=MODEL, contents=fake(output_tokens=22))
        assert done.text
        usage = done.usage_metadata
    assert usage.candidates_token_count == 22
    row = accounted(key, since, "gemini_stream" if stream else "gemini")
    assert row["completion_tokens"] == 22 and row["prompt_tokens"] == usage.prompt_token_count


def test_images_and_thoughts(stack, client, key, fake, accounted):
    since = stack.fake.newest()
    contents = [types.Part.from_bytes(data=PIXEL, mime_type="image/png"), fake(output_tokens=7, reasoning_tokens=5)]
    done = client.models.generate_content(model=MODEL, contents=contents, config=types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=100))
    assert done.usage_metadata.thoughts_token_count == 5
    assert accounted(key, since, "gemini")["completion_tokens"] == 12


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tools(stack, client, key, fake, accounted, stream):
    since = stack.fake.newest()
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}})])
    config = types.GenerateContentConfig(tools=[tool], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
    ask = {"model": MODEL, "contents": fake(tool="weather"), "config": config}
    done = list(client.models.generate_content_stream(**ask))[-1] if stream else client.models.generate_content(**ask)
    assert done.function_calls[0].name == "weather" and "place" in done.function_calls[0].args
    accounted(key, since, "gemini_stream" if stream else "gemini")


def test_a_cache_costs_its_own_price_and_is_held_in_full(admin, gemini_client, fake, rows, model):
    """How long a cache is, only the provider knows: near an edge it is not let through, and elsewhere paid as reported."""
    name = model("gemini/gemini-2.0-flash", mode="chat", input_cost_per_token=1e-7, cache_read_input_token_cost=2.5e-8, output_cost_per_token=4e-7)
    ask = {"model": name, "contents": fake(output_tokens=3, cached_tokens=50_000), "config": types.GenerateContentConfig(cached_content="cachedContents/ours")}
    poor, key = gemini_client(admin.key_for(max_budget=0.01)), admin.key_for(max_budget=10)
    refused(lambda: poor.models.generate_content(**ask), 422, "INVALID_ARGUMENT")
    rich = gemini_client(key)
    done = rich.models.generate_content(**ask)
    assert done.usage_metadata.cached_content_token_count == 50_000
    (row,) = rows(admin, key)
    assert row["prompt_tokens"] == done.usage_metadata.prompt_token_count > 50_000
    assert row["spend"] == pytest.approx(((row["prompt_tokens"] - 50_000) * 0.1 + 50_000 * 0.025 + 3 * 0.4) / 1e6, abs=1e-9)


def test_streams_that_are_one_array(stack, url, key, fake, accounted):
    """What the API sends to who does not ask for events."""
    since = stack.fake.newest()
    body = {"contents": [{"role": "user", "parts": [{"text": fake(output_tokens=18)}]}]}
    r = requests.post(f"{url}/v1beta/models/{MODEL}:streamGenerateContent", headers={"x-goog-api-key": key}, json=body, timeout=30)
    assert r.status_code == 200 and len(r.json()) > 1
    assert accounted(key, since, "gemini_stream")["completion_tokens"] == 18


def test_counting_tokens_is_free(client, key, admin, eventually):
    assert client.models.count_tokens(model=MODEL, contents="a cup of water").total_tokens > 0

    def free():
        assert sum(r["spend"] for r in admin.get("/spend/logs", api_key=key)) == 0

    eventually(free)


def test_embeddings(stack, admin, client, key, model, rows):
    name = model("gemini/gemini-embedding-001", mode="embedding", input_cost_per_token=1.5e-7)
    since = stack.fake.newest()
    done = client.models.embed_content(model=name, contents=["one", "two words"])
    assert len(done.embeddings) == 2
    (row,) = rows(admin, key)
    record = [r for r in stack.fake.records(since) if r["api"] == "gemini_embeds"][-1]  # not that of the test below, at the same time
    assert row["prompt_tokens"] == record["prompt_tokens"] and row["spend"] == pytest.approx(record["prompt_tokens"] * 1.5e-7, abs=1e-9)


def test_one_embedding(stack, url, admin, key, model, rows):
    name = model("gemini/gemini-embedding-001", mode="embedding", input_cost_per_token=1.5e-7)
    since = stack.fake.newest()
    r = requests.post(f"{url}/v1beta/models/{name}:embedContent", headers={"x-goog-api-key": key}, json={"content": {"parts": [{"text": "a cup of water"}]}}, timeout=30)
    assert r.status_code == 200 and r.json()["embedding"]["values"]
    record = [r for r in stack.fake.records(since) if r["api"] == "gemini_embed"][-1]
    (row,) = rows(admin, key)
    assert row["prompt_tokens"] >= record["prompt_tokens"] and row["spend"] == pytest.approx(row["prompt_tokens"] * 1.5e-7, abs=1e-9)


def refused(call, code, status):
    with pytest.raises(errors.ClientError) as e:
        call()
    assert (e.value.code, e.value.status) == (code, status)
    assert e.value.message
    return e.value


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_refusals_are_the_sdks_own_errors(admin, gemini_client, stream):
    def call(key, model=MODEL):
        c = gemini_client(key)
        if stream:
            return lambda: list(c.models.generate_content_stream(model=model, contents="hello"))
        return lambda: c.models.generate_content(model=model, contents="hello")

    refused(call("sk-nobody-has-this-one"), 401, "UNAUTHENTICATED")
    refused(call(admin.key_for(models=["gpt-4"])), 403, "PERMISSION_DENIED")
    refused(call(admin.key_for(), model="no-such-model"), 400, "INVALID_ARGUMENT")
    assert "/v1/chat/completions" in refused(call(admin.key_for(), model="gpt-4"), 400, "INVALID_ARGUMENT").message
    refused(call(admin.key_for(rpm_limit=0)), 429, "RESOURCE_EXHAUSTED")
    refused(call(admin.key_for(max_budget=0)), 422, "INVALID_ARGUMENT")


def test_the_key_in_the_query(stack, url, key, rows, admin):
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    r = requests.post(f"{url}/v1beta/models/{MODEL}:generateContent", params={"key": key}, json=body, timeout=30)
    assert r.status_code == 200
    (row,) = rows(admin, key)
    assert key not in str(stack.fake.records()[-20:])
