"""Asks the litellm package what random usages cost, for TestCostsAsLiteLLM.

    python compare.py COUNT SEED > costs.json       (needs the litellm package)

One line per usage: [provider, model, usage in policy.Usage's JSON names, dollars].

Left out, because there the package does not charge what its own map lists: service
tiers at fireworks_ai, audio prompts at a service tier with its own audio rate, and at
any service tier writes to a one-hour cache beyond a threshold: there it takes the rate
from below the threshold.
"""
import datetime
import json
import os
import random
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402
from litellm.cost_calculator import cost_per_token  # noqa: E402
from litellm.types.utils import (  # noqa: E402
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)

MODES = {"chat", "completion", "responses", "embedding"}
# Providers whose calculators go by more than a usage and a table of rates:
# they take a cost from the reply, or charge by a model's size.
SKIP = {"perplexity", "together_ai", "lemonade", "bedrock", "bedrock_converse", "bedrock_mantle", "databricks", "github_copilot", "chatgpt"}


def models():
    for name, entry in litellm.model_cost.items():
        provider = entry.get("litellm_provider") or ""
        if entry.get("mode") not in MODES or provider in SKIP or provider.startswith("vertex_ai") or "off_peak_pricing" in entry:
            continue
        if provider == "fireworks_ai-embedding-models":
            provider = "fireworks_ai"
        if provider == "text-completion-openai":
            continue
        if any("second" in field and "cost" in field for field in entry) or not any("cost_per_token" in f or f == "tiered_pricing" for f in entry):
            continue
        yield provider, name, entry


def usage(rng, provider, entry):
    n = lambda top: rng.choice([0, 1, rng.randrange(top), rng.randrange(top)])
    size = rng.choice([300, 20_000, 150_000, 250_000, 300_000, 600_000])
    parts = {"cached": n(size), "audio_input": n(size // 4) if rng.random() < 0.3 else 0, "image_input": n(size // 4) if rng.random() < 0.3 else 0}
    if "cache_creation_input_token_cost" in entry or rng.random() < 0.1:
        parts["cache_write_5m"], parts["cache_write_1h"] = n(size // 3), n(size // 3)
    out = {}
    if entry.get("mode") != "embedding":
        out = {"reasoning": n(5000), "audio_output": n(2000) if rng.random() < 0.2 else 0, "image_output": n(2000) if rng.random() < 0.2 else 0}
    u = {"input": sum(parts.values()) + 1 + rng.randrange(size), **parts, "output": sum(out.values()) + (1 + rng.randrange(8000) if entry.get("mode") != "embedding" else 0), **out}
    tiers = ["", "", "priority", "flex", "balanced", "ultrafast"]
    if provider == "fireworks_ai" or (u.get("audio_input") and any(f.startswith("input_cost_per_audio_token_") for f in entry)):
        tiers = [""]
    if u.get("cache_write_1h") and any("_above_1hr_above_" in f for f in entry):
        tiers = [""]
    u["service_tier"] = rng.choice(tiers)
    return {k: v for k, v in u.items() if v or k in ("input", "output")}


def as_litellm(u):
    write5, write1 = u.get("cache_write_5m", 0), u.get("cache_write_1h", 0)
    text = u["input"] - sum(u.get(k, 0) for k in ("cached", "audio_input", "image_input", "cache_write_5m", "cache_write_1h"))
    return Usage(
        prompt_tokens=u["input"],
        completion_tokens=u["output"],
        total_tokens=u["input"] + u["output"],
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=u.get("cached", 0), text_tokens=text, audio_tokens=u.get("audio_input", 0), image_tokens=u.get("image_input", 0),
            cache_creation_tokens=write5 + write1,
            cache_creation_token_details=CacheCreationTokenDetails(ephemeral_5m_input_tokens=write5, ephemeral_1h_input_tokens=write1),
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=u.get("reasoning", 0), audio_tokens=u.get("audio_output", 0), image_tokens=u.get("image_output", 0),
            text_tokens=u["output"] - sum(u.get(k, 0) for k in ("reasoning", "audio_output", "image_output")),
        ),
    )


def main(count, seed):
    rng = random.Random(seed)
    table = sorted(models(), key=lambda row: row[1])
    lines = []
    while len(lines) < count:
        provider, name, entry = rng.choice(table)
        u = usage(rng, provider, entry)
        try:
            prompt, completion = cost_per_token(
                model=name.removeprefix(provider + "/"), custom_llm_provider=provider, usage_object=as_litellm(u), service_tier=u.get("service_tier") or None
            )
        except Exception as problem:  # its own gaps are not our business
            print(name, type(problem).__name__, problem, file=sys.stderr)
            continue
        lines.append(json.dumps([provider, name, u, repr(prompt + completion)]))
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
