"""The official Anthropic SDK against /v1/messages."""

import anthropic
import pytest

PRICE = (3, 15)  # dollars per million tokens of claude-3-sonnet


@pytest.fixture
def key(admin):
    return admin.key_for()


@pytest.fixture
def client(anthropic_client, key):
    return anthropic_client(key)


def ask(text, **more):
    return {"model": "claude-3-sonnet", "max_tokens": 50, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_messages(stack, admin, client, key, fake, rows, stream):
    if stream:
        with client.messages.stream(**ask(fake(output_tokens=25))) as events:
            assert "".join(events.text_stream)
            done = events.get_final_message()
    else:
        done = client.messages.create(**ask(fake(output_tokens=25)))
        assert done.content[0].text
    assert done.usage.output_tokens == 25
    (row,) = rows(admin, key)
    record = stack.fake.of(row["request_id"])
    assert record["api"] == "messages"
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"]) == (done.usage.input_tokens, 25)
    assert row["spend"] == pytest.approx((record["prompt_tokens"] * PRICE[0] + 25 * PRICE[1]) / 1e6, abs=1e-9)
    assert row["model"] == "claude-3-sonnet"
    assert record["headers"]["X-Api-Key"] == [stack.fake.key]
    assert key not in str(record)


def test_a_client_that_hangs_up_is_charged_for_what_streamed(admin, client, key, fake, rows):
    with client.messages.stream(**ask(fake(output_tokens=200, chunks=100, delay_ms=20), max_tokens=500)) as events:
        for i, _ in enumerate(events.text_stream):
            if i == 10:
                break
    (row,) = rows(admin, key, seconds=5)
    assert 20 <= row["completion_tokens"] < 200
    assert row["spend"] == pytest.approx((row["prompt_tokens"] * PRICE[0] + row["completion_tokens"] * PRICE[1]) / 1e6, abs=1e-9)


def test_counting_tokens_is_free(client):
    counted = client.messages.count_tokens(model="claude-3-sonnet", messages=[{"role": "user", "content": "hello"}])
    assert counted.input_tokens > 0


def refused(kind, call):
    with pytest.raises(kind) as e:
        call()
    body = e.value.body
    assert body["type"] == "error" and body["error"]["message"]
    return body["error"], e.value


def test_unknown_keys_are_401(anthropic_client):
    error, _ = refused(anthropic.AuthenticationError, lambda: anthropic_client("sk-does-not-exist-0000").messages.create(**ask("x")))
    assert error["type"] == "authentication_error"


def test_a_denied_model_is_403(admin, anthropic_client):
    error, _ = refused(anthropic.PermissionDeniedError, lambda: anthropic_client(admin.key_for(models=["gpt-4"])).messages.create(**ask("x")))
    assert error["type"] == "permission_error"


def test_a_model_that_speaks_another_format_is_400_and_names_the_path(client):
    error, _ = refused(anthropic.BadRequestError, lambda: client.messages.create(**ask("x", model="gpt-4")))
    assert "/v1/chat/completions" in error["message"]


def test_an_unknown_model_is_400(client):
    refused(anthropic.BadRequestError, lambda: client.messages.create(**ask("x", model="no-such-model")))


def test_a_rate_limit_is_429(admin, anthropic_client):
    client = anthropic_client(admin.key_for(rpm_limit=1))
    client.messages.create(**ask("x"))
    error, e = refused(anthropic.RateLimitError, lambda: client.messages.create(**ask("x")))
    assert error["type"] == "rate_limit_error" and int(e.response.headers["retry-after"]) > 0


def test_a_budget_is_422(admin, anthropic_client):
    client = anthropic_client(admin.key_for(max_budget=0))
    error, e = refused(anthropic.UnprocessableEntityError, lambda: client.messages.create(**ask("x")))
    assert error["reason"] == "budget_exceeded" and e.response.headers["x-should-retry"] == "false"
