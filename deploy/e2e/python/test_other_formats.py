"""Pictures, sound, moderation, reranking, tools and pictures in prompts, with the official SDKs. The models are added while
the stack runs; what is accounted is what the provider's own records say."""

import base64

import pytest
import requests

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def key(admin):
    return admin.key_for()


@pytest.fixture
def client(openai_client, key):
    return openai_client(key)


@pytest.fixture
def spent(admin, rows):
    """The one row of a key, which must have cost so many dollars."""

    def check(key, dollars):
        (row,) = rows(admin, key)
        assert row["status"] == "success" and row["spend"] == pytest.approx(dollars, abs=1e-9)
        return row

    return check


def test_pictures_by_the_piece(client, key, model, spent):
    name = model("openai/dall-e-2", mode="image_generation", input_cost_per_image=0.02)
    assert len(client.images.generate(model=name, prompt="a ship", n=3).data) == 3
    spent(key, 0.06)


def test_pictures_by_the_token(stack, client, key, model, spent):
    name = model("openai/gpt-image-1", mode="image_generation", input_cost_per_token=5e-6, output_cost_per_image_token=4e-5)
    since = stack.fake.newest()
    done = client.images.generate(model=name, prompt="a ship under way")
    record = [r for r in stack.fake.records(since) if r["api"] == "images"][-1]
    assert done.usage.input_tokens == record["prompt_tokens"] and done.usage.output_tokens == record["completion_tokens"]
    row = spent(key, record["prompt_tokens"] * 5e-6 + record["completion_tokens"] * 4e-5)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"])


def test_pictures_edited(client, key, model, spent):
    name = model("openai/dall-e-2", mode="image_edit", input_cost_per_image=0.02)
    assert client.images.edit(model=name, image=("a.png", base64.b64decode(PIXEL), "image/png"), prompt="a ship").data
    spent(key, 0.02)


def test_speech(client, key, model, spent):
    name = model("openai/tts-1", mode="audio_speech", input_cost_per_character=1.5e-5)
    assert client.audio.speech.create(model=name, voice="alloy", input="a cup of water").content.startswith(b"purser")
    spent(key, 14 * 1.5e-5)


@pytest.mark.parametrize("what", ["transcriptions", "translations"])
def test_sound_by_the_second(client, key, model, spent, what):
    name = model("openai/whisper-1", mode="audio_transcription", input_cost_per_second=1e-4)
    done = getattr(client.audio, what).create(model=name, file=("a.wav", b"x" * 100_000, "audio/wav"))
    assert done.text
    spent(key, 4e-4)  # 100,000 bytes are four seconds to the fake provider


def test_sound_by_the_token(stack, client, key, model, spent):
    name = model("openai/gpt-4o-transcribe", mode="audio_transcription", input_cost_per_token=2.5e-6, input_cost_per_audio_token=6e-6, output_cost_per_token=1e-5)
    since = stack.fake.newest()
    done = client.audio.transcriptions.create(model=name, file=("a.wav", b"x" * 64_000, "audio/wav"))
    assert done.usage.input_tokens == 20
    told = (20, done.usage.output_tokens)
    # Other tests transcribe at the same time, so ours is not always the last.
    assert told in [(r["prompt_tokens"], r["completion_tokens"]) for r in stack.fake.records(since) if r["api"] == "transcriptions"]
    row = spent(key, 20 * 6e-6 + told[1] * 1e-5)
    assert (row["prompt_tokens"], row["completion_tokens"]) == told


def test_pictures_streamed(stack, client, key, model, spent):
    name = model("openai/gpt-image-1", mode="image_generation", input_cost_per_token=5e-6, output_cost_per_image_token=4e-5)
    since = stack.fake.newest()
    events = list(client.images.generate(model=name, prompt="a ship under way", stream=True, partial_images=2))
    assert [e.type for e in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    record = [r for r in stack.fake.records(since) if r["api"] == "images" and r["stream"]][-1]
    row = spent(key, record["prompt_tokens"] * 5e-6 + record["completion_tokens"] * 4e-5)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"]) == (events[-1].usage.input_tokens, 272)


def test_speech_streamed(stack, client, key, model, spent):
    """As events, which report tokens; as sound, it is paid by the character."""
    name = model("openai/gpt-4o-mini-tts", mode="audio_speech", input_cost_per_token=6e-7, output_cost_per_audio_token=1.2e-5, output_cost_per_token=1.2e-5)
    since = stack.fake.newest()
    with client.audio.speech.with_streaming_response.create(model=name, voice="alloy", input="a cup of water", stream_format="sse") as r:
        said = "".join(r.iter_text())
    assert said.count("speech.audio.delta") > 0 and "speech.audio.done" in said
    record = [r for r in stack.fake.records(since) if r["api"] == "speech" and r["stream"]][-1]
    row = spent(key, record["prompt_tokens"] * 6e-7 + record["completion_tokens"] * 1.2e-5)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"])


def test_sound_heard_in_a_stream(stack, client, key, model, spent, fake):
    name = model("openai/gpt-4o-transcribe", mode="audio_transcription", input_cost_per_token=2.5e-6, input_cost_per_audio_token=6e-6, output_cost_per_token=1e-5)
    since = stack.fake.newest()
    events = list(client.audio.transcriptions.create(model=name, file=("a.wav", b"x" * 64_000, "audio/wav"), prompt=fake(output_tokens=12), stream=True))
    assert len(events) == 13 and events[-1].type == "transcript.text.done"
    record = [r for r in stack.fake.records(since) if r["api"] == "transcriptions" and r["stream"]][-1]
    row = spent(key, 20 * 6e-6 + (record["prompt_tokens"] - 20) * 2.5e-6 + 12 * 1e-5)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], 12)


def test_pictures_varied(client, key, model, spent):
    name = model("openai/dall-e-2", mode="image_generation", input_cost_per_image=0.02)
    assert client.images.create_variation(model=name, image=("a.png", base64.b64decode(PIXEL), "image/png"), n=2).data
    spent(key, 0.04)


def test_moderation(client, key, model, spent):
    name = model("openai/omni-moderation-latest", mode="moderation", input_cost_per_token=0, output_cost_per_token=0)
    assert not client.moderations.create(model=name, input="a cup of water").results[0].flagged
    spent(key, 0)


def test_rerank(url, key, model, spent):
    name = model("cohere/rerank-v3.5", mode="rerank", input_cost_per_query=0.002)
    r = requests.post(url + "/v2/rerank", headers={"Authorization": f"Bearer {key}"}, json={"model": name, "query": "water", "documents": ["a"] * 150}, timeout=30)
    assert r.status_code == 200 and r.json()["meta"]["billed_units"]["search_units"] == 2
    spent(key, 0.004)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_chat_with_tools_and_a_picture(stack, client, key, fake, rows, admin, stream):
    since = stack.fake.newest()
    content = [{"type": "text", "text": fake(tool="weather")}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL, "detail": "low"}}]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
    done = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": content}], tools=tools, stream=stream)
    if stream:
        assert any(c.choices and c.choices[0].delta.tool_calls for c in done)
    else:
        assert done.choices[0].message.tool_calls[0].function.name == "weather"
    (row,) = rows(admin, key)
    record = stack.fake.of(row["request_id"])
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"])
    assert row["spend"] == pytest.approx((record["prompt_tokens"] * 2.5 + record["completion_tokens"] * 10) / 1e6, abs=1e-9)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_responses_with_tools_and_a_picture(stack, client, key, fake, rows, admin, stream):
    content = [{"type": "input_text", "text": fake(tool="weather", reasoning_tokens=6)}, {"type": "input_image", "image_url": "data:image/png;base64," + PIXEL, "detail": "low"}]
    tools = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]
    done = client.responses.create(model="gpt-4o", input=[{"role": "user", "content": content}], tools=tools, stream=stream)
    if stream:
        events = list(done)
        assert any(e.type == "response.function_call_arguments.delta" for e in events)
        done = events[-1].response
    assert done.output[0].type == "function_call" and done.output[0].name == "weather"
    (row,) = rows(admin, key)
    record = stack.fake.of(row["request_id"])
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"]) == (done.usage.input_tokens, done.usage.output_tokens)
    assert row["spend"] == pytest.approx((record["prompt_tokens"] * 2.5 + record["completion_tokens"] * 10) / 1e6, abs=1e-9)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_messages_with_tools_and_a_picture(stack, anthropic_client, key, fake, rows, admin, stream):
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    ask = {
        "model": "claude-3-sonnet", "max_tokens": 200, "tools": [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [{"role": "user", "content": [picture, {"type": "text", "text": fake(tool="weather", cached_tokens=2)}]}],
    }
    client = anthropic_client(key)
    if stream:
        with client.messages.stream(**ask) as events:
            done = events.get_final_message()
    else:
        done = client.messages.create(**ask)
    assert done.stop_reason == "tool_use" and done.content[-1].name == "weather"
    (row,) = rows(admin, key)
    record = stack.fake.of(row["request_id"])
    assert (row["prompt_tokens"], row["completion_tokens"]) == (record["prompt_tokens"], record["completion_tokens"])
    assert row["completion_tokens"] == done.usage.output_tokens


def test_health_of_the_deployments(admin, model, stack):
    good, bad = model("openai/gpt-4o-mini", mode="chat"), model("openai/gpt-4o", mode="chat")
    found = admin.get("/health", model=good)
    assert (found["healthy_count"], found["unhealthy_count"]) == (1, 0)
    model_id = admin.get("/v2/model/info", model=bad)["data"][0]["model_info"]["id"]
    admin.post("/model/update", model_info={"id": model_id}, litellm_params={"api_key": "pk-not-this-one"})
    found = admin.get("/health", model=bad)
    assert (found["healthy_count"], found["unhealthy_count"]) == (0, 1)
    assert found["unhealthy_endpoints"][0]["status_code"] == 401 and "pk-not-this-one" not in str(found)
    assert admin.get("/health/latest")["latest_health_checks"][model_id]["status"] == "unhealthy"
    # The right credential again: in force for the next call, without a restart.
    admin.post("/model/update", model_info={"id": model_id}, litellm_params={"api_key": stack.fake.key})
    assert admin.get("/health", model=bad)["healthy_count"] == 1
    assert stack.chat(admin.key_for(), model=bad).status_code == 200
