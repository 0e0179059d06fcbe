"""A governed call as a developer makes it, with the official SDK."""

import openai
import pytest


@pytest.mark.parametrize("stream", [False, True])
def test_answers_and_is_counted(admin, openai_client, fake, eventually, stream):
    key = admin.key(models=["gpt-4"])
    client = openai_client(key)
    messages = [{"role": "user", "content": fake(output_tokens=30)}]
    if stream:
        chunks = list(client.chat.completions.create(model="gpt-4", messages=messages, stream=True))
        assert all(c.usage is None for c in chunks), "a usage frame that was not asked for"
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text
    else:
        done = client.chat.completions.create(model="gpt-4", messages=messages)
        assert done.usage.completion_tokens == 30

    def row():
        rows = admin.get("/spend/logs", api_key=key)
        assert len(rows) == 1
        assert rows[0]["completion_tokens"] == 30
        assert rows[0]["spend"] == pytest.approx((rows[0]["prompt_tokens"] * 30 + 30 * 60) / 1e6, abs=1e-9)

    eventually(row, 2)


def test_usage_frame_that_was_asked_for_stays(admin, openai_client, fake):
    client = openai_client(admin.key())
    chunks = list(
        client.chat.completions.create(
            model="gpt-4",
            messages=[{"role": "user", "content": fake(output_tokens=5)}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].usage.completion_tokens == 5


def test_unknown_blocked_and_expired_keys_are_401(admin, openai_client):
    def call(key):
        with pytest.raises(openai.AuthenticationError) as e:
            openai_client(key).chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "x"}])
        return e.value.body["type"]

    assert call("sk-does-not-exist-0000") == "token_not_found_in_db"
    assert call("not-a-key") == "auth_error"
    key = admin.key()
    admin.post("/key/block", key=key)
    assert call(key) == "auth_error"
    admin.post("/key/unblock", key=key)
    openai_client(key).chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "x"}])
    short = admin.key(duration="1s")
    import time

    time.sleep(1.1)  # the key's own life, by the wall clock
    assert call(short) == "expired_key"


def test_model_denied_at_key_project_and_team_is_403(admin, openai_client, unique):
    team = unique("team")
    admin.post("/team/new", team_id=team, models=["gpt-4", "gpt-3.5-turbo"])
    project = admin.post("/project/new", team_id=team, models=["gpt-4"])["project_id"]

    def denied(key, model):
        with pytest.raises(openai.PermissionDeniedError) as e:
            openai_client(key).chat.completions.create(model=model, messages=[{"role": "user", "content": "x"}])
        return e.value.body["type"]

    assert denied(admin.key(models=["gpt-3.5-turbo"]), "gpt-4") == "key_model_access_denied"
    assert denied(admin.key(project_id=project), "gpt-3.5-turbo") == "project_model_access_denied"
    assert denied(admin.key(team_id=team), "claude-2") == "team_model_access_denied"


def test_models_are_those_of_the_caller(admin, openai_client):
    key = admin.key(models=["gpt-4", "gpt-3.5-turbo"])
    assert sorted(m.id for m in openai_client(key).models.list()) == ["gpt-3.5-turbo", "gpt-4"]


def test_client_that_hangs_up_is_charged_for_what_streamed(admin, openai_client, fake, eventually):
    key = admin.key()
    stream = openai_client(key).chat.completions.create(
        model="gpt-4", messages=[{"role": "user", "content": fake(output_tokens=200, chunks=100, delay_ms=20)}], stream=True
    )
    seen = 0
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            seen += 1
        if seen == 10:
            break
    stream.response.close()

    def row():
        rows = admin.get("/spend/logs", api_key=key)
        assert len(rows) == 1
        return rows[0]

    logged = eventually(row)
    assert 20 <= logged["completion_tokens"] < 200, logged["completion_tokens"]
    assert logged["spend"] > 0


def test_request_rate_is_exact_and_names_its_retry(admin, openai_client):
    client = openai_client(admin.key(rpm_limit=3))
    for _ in range(3):
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.RateLimitError) as e:
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "x"}])
    assert e.value.body["type"] == "throttling_error"
    assert 50 <= int(e.value.response.headers["retry-after"]) <= 61


def test_budget_refuses_with_422_and_no_retry(admin, openai_client, fake):
    client = openai_client(admin.key(max_budget=0.000001))
    with pytest.raises(openai.UnprocessableEntityError) as e:
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": fake(output_tokens=30)}])
    assert e.value.body["type"] == "budget_exceeded"
    assert e.value.response.headers["x-should-retry"] == "false"
