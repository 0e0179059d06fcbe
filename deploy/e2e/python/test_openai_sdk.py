"""Governed calls as a developer makes them, with the official OpenAI SDK; what is accounted is what the provider's own
records say."""

import openai
import pytest

TEXT = [{"role": "user", "content": "hello"}]
PRICES = {"gpt-4": (30, 60), "gpt-3.5-turbo": (0.5, 1.5), "gpt-4o": (2.5, 10)}  # dollars per million tokens


def cost(model, prompt, completion):
    into, out = PRICES[model]
    return pytest.approx((prompt * into + completion * out) / 1e6, abs=1e-9)


@pytest.fixture
def key(admin):
    return admin.key_for()


@pytest.fixture
def client(openai_client, key):
    return openai_client(key)


@pytest.fixture
def accounted(stack, admin, rows):
    """The one row of a key, which must say what the provider's record of that answer says."""

    def check(key, model, price):
        (row,) = rows(admin, key)
        record = stack.fake.of(row["request_id"])
        assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"])
        assert row["total_tokens"] == row["prompt_tokens"] + row["completion_tokens"]
        assert row["model"] == model and row["status"] == "success"
        into, out = price
        assert row["spend"] == pytest.approx((record["prompt_tokens"] * into + record["completion_tokens"] * out) / 1e6, abs=1e-9)
        assert record["headers"]["Authorization"] == [f"Bearer {stack.fake.key}"], "the provider sees its own credential"
        assert key not in str(record), "and nothing of the client's"
        return row, record

    return check


@pytest.mark.parametrize("model", ["gpt-4", "gpt-3.5-turbo", "gpt-4o"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_chat(openai_client, key, fake, accounted, model, stream):
    client = openai_client(key)
    messages = [{"role": "user", "content": fake(output_tokens=30)}]
    if stream:
        chunks = list(client.chat.completions.create(model=model, messages=messages, stream=True))
        assert all(c.usage is None for c in chunks), "a usage frame that was not asked for"
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        done = client.chat.completions.create(model=model, messages=messages)
        assert done.usage.completion_tokens == 30
    row, _ = accounted(key, model, PRICES[model])
    assert row["completion_tokens"] == 30


def test_usage_frame_that_was_asked_for_stays(client, fake):
    messages = [{"role": "user", "content": fake(output_tokens=5)}]
    chunks = list(client.chat.completions.create(model="gpt-4", messages=messages, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens == 5
    assert [c.usage for c in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_frames_split_over_chunks_and_a_missing_last_newline(client, key, fake, accounted):
    messages = [{"role": "user", "content": fake(output_tokens=40, split=7, no_final_newline=True, comments=1)}]
    chunks = list(client.chat.completions.create(model="gpt-4", messages=messages, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    row, _ = accounted(key, "gpt-4", PRICES["gpt-4"])
    assert row["completion_tokens"] == 40


def test_tools(client, key, fake, accounted):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
    done = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": fake(tool="weather")}], tools=[tool])
    assert done.choices[0].message.tool_calls[0].function.name == "weather"
    accounted(key, "gpt-4", PRICES["gpt-4"])


def test_cached_tokens_cost_their_own_price(client, key, fake, rows, admin):
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": fake(output_tokens=10, cached_tokens=5)}])
    (row,) = rows(admin, key)
    assert row["spend"] == pytest.approx(((row["prompt_tokens"] - 5) * 2.5 + 5 * 1.25 + 10 * 10) / 1e6, abs=1e-9)


def test_cost_and_limits_in_the_headers(openai_client, admin):
    client = openai_client(admin.key_for(rpm_limit=7, tpm_limit=100000, max_budget=3))
    raw = client.chat.completions.with_raw_response.create(model="gpt-4", messages=TEXT)
    usage = raw.parse().usage
    assert float(raw.headers["x-litellm-response-cost"]) == cost("gpt-4", usage.prompt_tokens, usage.completion_tokens)
    assert raw.headers["x-litellm-call-id"] and raw.headers["x-litellm-model-group"] == "gpt-4" and raw.headers["x-litellm-model-id"]
    assert raw.headers["x-ratelimit-api_key-limit-requests"] == "7" and raw.headers["x-ratelimit-api_key-remaining-requests"] == "6"
    assert raw.headers["x-ratelimit-api_key-limit-tokens"] == "100000"
    assert int(raw.headers["x-ratelimit-api_key-remaining-tokens"]) == 100000 - usage.total_tokens
    assert float(raw.headers["x-litellm-key-spend"]) == cost("gpt-4", usage.prompt_tokens, usage.completion_tokens)
    assert (raw.headers["x-litellm-key-rpm-limit"], raw.headers["x-litellm-key-tpm-limit"], float(raw.headers["x-litellm-key-max-budget"])) == ("7", "100000", 3)


def test_completions(client, key, accounted):
    done = client.completions.create(model="gpt-3.5-turbo", prompt="Once upon a time", max_tokens=12)
    assert done.usage.completion_tokens <= 12 and done.choices[0].text
    accounted(key, "gpt-3.5-turbo", PRICES["gpt-3.5-turbo"])


def test_completions_streamed(client, key, accounted):
    chunks = list(client.completions.create(model="gpt-3.5-turbo", prompt='Once upon a time fake:{"output_tokens":9}', stream=True))
    assert "".join(c.choices[0].text for c in chunks if c.choices)
    row, _ = accounted(key, "gpt-3.5-turbo", PRICES["gpt-3.5-turbo"])
    assert row["completion_tokens"] == 9


@pytest.mark.parametrize("given", ["a cup of water", ["one", "two", "three"]], ids=["text", "list"])
def test_embeddings(client, key, rows, admin, stack, given):
    since = stack.fake.newest()
    done = client.embeddings.create(model="text-embedding-ada-002", input=given)
    assert len(done.data) == (3 if isinstance(given, list) else 1) and len(done.data[0].embedding) > 100
    (row,) = rows(admin, key)
    (record,) = [r for r in stack.fake.records(since) if r["api"] == "embeddings" and r["prompt_tokens"] == done.usage.prompt_tokens][:1]
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], 0)
    assert row["spend"] == pytest.approx(record["prompt_tokens"] * 0.1 / 1e6, abs=1e-9)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_responses(client, key, fake, accounted, stream):
    if stream:
        events = list(client.responses.create(model="gpt-4o", input=fake(output_tokens=21), stream=True))
        assert events[-1].type == "response.completed"
        usage = events[-1].response.usage
    else:
        done = client.responses.create(model="gpt-4o", input=fake(output_tokens=21))
        assert done.output_text
        usage = done.usage
    assert usage.output_tokens == 21
    accounted(key, "gpt-4o", PRICES["gpt-4o"])


def test_counting_input_tokens_is_free(client, key, admin, eventually):
    counted = client.responses.input_tokens.count(model="gpt-4o", input="a cup of water")
    done = client.responses.create(model="gpt-4o", input="a cup of water")
    assert counted.input_tokens == done.usage.input_tokens

    def charged_once():
        assert admin.get("/key/info", key=key)["info"]["spend"] == cost("gpt-4o", done.usage.input_tokens, done.usage.output_tokens)

    eventually(charged_once)


def test_models_are_those_of_the_caller(admin, openai_client):
    client = openai_client(admin.key_for(models=["gpt-4", "gpt-3.5-turbo"]))
    assert sorted(m.id for m in client.models.list()) == ["gpt-3.5-turbo", "gpt-4"]
    assert client.models.retrieve("gpt-4").id == "gpt-4"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("claude-2")


def test_client_that_hangs_up_is_charged_for_what_streamed(admin, client, key, fake, rows):
    stream = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": fake(output_tokens=200, chunks=100, delay_ms=20)}], stream=True)
    seen = 0
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            seen += 1
        if seen == 10:
            break
    stream.response.close()
    (row,) = rows(admin, key, seconds=5)
    assert 20 <= row["completion_tokens"] < 200, row["completion_tokens"]
    assert row["spend"] == cost("gpt-4", row["prompt_tokens"], row["completion_tokens"])


def test_a_providers_error_reaches_the_client_and_costs_nothing(admin, client, key, fake, rows):
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": fake(status=500)}])
    (row,) = rows(admin, key)
    assert row["spend"] == 0 and row["status"] == "failure"


# Typed errors.


def refused(kind, call):
    with pytest.raises(kind) as e:
        call()
    error = e.value
    assert type(error) is kind
    assert error.body["message"] and error.body["code"] == str(error.status_code) and "param" in error.body
    return error


def test_unknown_malformed_blocked_and_expired_keys_are_401(admin, openai_client, unique, eventually):
    def kind(key):
        return refused(openai.AuthenticationError, lambda: openai_client(key).chat.completions.create(model="gpt-4", messages=TEXT)).body["type"]

    assert kind("sk-does-not-exist-0000") == "token_not_found_in_db"
    assert kind("not-a-key") == "auth_error"
    key = admin.key_for()
    admin.post("/key/block", key=key)
    assert kind(key) == "auth_error"
    admin.post("/key/unblock", key=key)
    openai_client(key).chat.completions.create(model="gpt-4", messages=TEXT)
    short = admin.key_for(duration="1s")

    def expired():
        try:
            openai_client(short).chat.completions.create(model="gpt-4", messages=TEXT)
            raise AssertionError("still served")
        except openai.AuthenticationError as e:
            assert e.body["type"] == "expired_key"

    eventually(expired, 3)


def test_model_denied_at_each_level_is_403(admin, openai_client, unique):
    team = unique("team")
    admin.post("/team/new", team_id=team, models=["gpt-4", "gpt-3.5-turbo"])
    project = admin.post("/project/new", team_id=team, models=["gpt-4"])["project_id"]
    user = unique("user")
    admin.post("/user/new", user_id=user, models=["gpt-4"], auto_create_key=False)

    def denied(key, model):
        return refused(openai.PermissionDeniedError, lambda: openai_client(key).chat.completions.create(model=model, messages=TEXT)).body["type"]

    assert denied(admin.key_for(models=["gpt-3.5-turbo"]), "gpt-4") == "key_model_access_denied"
    assert denied(admin.key_for(project_id=project), "gpt-3.5-turbo") == "project_model_access_denied"
    assert denied(admin.key_for(team_id=team), "claude-2") == "team_model_access_denied"
    assert denied(admin.key_for(user_id=user), "claude-2") == "user_model_access_denied"
    assert denied(admin.key_for(user_id=user, team_id=team), "gpt-3.5-turbo") == "user_model_access_denied", "on team keys too"


def test_unknown_models_and_broken_requests_are_400(client):
    def bad(**body):
        return refused(openai.BadRequestError, lambda: client.chat.completions.create(**{"model": "gpt-4", "messages": TEXT, **body})).body

    assert bad(model="no-such-model")["param"] == "model"
    assert bad(extra_body={"n": "many"})["param"] == "n"
    assert bad(extra_body={"max_tokens": -5})["param"] == "max_tokens"


def test_unknown_paths_are_404(client):
    for path in "/chat/nothing", "/nothing":
        with pytest.raises(openai.NotFoundError):
            client.post(path, cast_to=object, body={})


def test_request_rate_is_exact_and_names_its_retry(admin, openai_client):
    client = openai_client(admin.key_for(rpm_limit=3))
    for _ in range(3):
        client.chat.completions.create(model="gpt-4", messages=TEXT)
    error = refused(openai.RateLimitError, lambda: client.chat.completions.create(model="gpt-4", messages=TEXT))
    assert error.body["type"] == "throttling_error"
    assert 50 <= int(error.response.headers["retry-after"]) <= 61
    assert error.response.headers["rate_limit_type"] == "requests" and error.response.headers["reset_at"]


def test_budget_refuses_with_422_and_no_retry(admin, openai_client):
    client = openai_client(admin.key_for(max_budget=0.000001))
    error = refused(openai.UnprocessableEntityError, lambda: client.chat.completions.create(model="gpt-4", messages=TEXT))
    assert error.body["type"] == "budget_exceeded" and error.body["scope"] == "key"
    assert error.response.headers["x-should-retry"] == "false"
