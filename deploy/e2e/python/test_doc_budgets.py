"""Every example of the document on budgets and rate limits, and every rule of its prose.

The text of that document lost its hosts, its indentation and the ends of some commands. What is put back here: the
host and path, closing quotes and brackets; and the notes after a #, which are the writer's to the reader, are left
out. Nothing else is changed.
"""

import time

import pytest

from examples import shell
from stack import Stack

pytestmark = pytest.mark.xdist_group("documents")

# "Apply a budget across all calls on the proxy", at the top of the file and where LiteLLM has it.
ZERO_TOP = """
max_budget: 0 # (float) sets max budget as $0 USD
budget_duration: 30d # (str) frequency of reset - You can set duration as seconds ("30s"), minutes ("30m"), hours ("30h"), days ("30d").
"""
ZERO_SETTINGS = """
litellm_settings:
  max_budget: 0
  budget_duration: 30d
"""

CALL = """
curl --location 'http://0.0.0.0:4000/chat/completions' \\
--header 'Autherization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{
"model": "gpt-3.5-turbo",
"messages": [
{
"role": "user",
"content": "what llm are you"
}
]
}'
"""

RESET = """
curl 'http://0.0.0.0:4000/%s' \\
--header 'Authorization: Bearer <your-master-key>' \\
--header 'Content-Type: application/json' \\
--data-raw '{
"max_budget": 10,
"budget_duration": "10s"%s
}'
"""

RESCHEDULER = """  proxy_budget_rescheduler_min_time: 1
  proxy_budget_rescheduler_max_time: 1
"""

USER = """
curl --location 'http://0.0.0.0:4000/user/new' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{"user_id": "krrish@berri.ai", "max_parallel_requests": 10, "tpm_limit": 20, "rpm_limit": 4}'
"""

GROUP = """
curl --location 'http://localhost:4000/user/new' \\
-H 'Authorization: Bearer <your-master-key>' \\
-H 'Content-Type: application/json' \\
-d '{"models": ["beta-models"],
"max_budget": 0}'
"""

KEY_FOR_USER = """
curl --location 'http://0.0.0.0:4000/key/generate' \\
--header 'Authorization: Bearer <your-master-key>' \\
--header 'Content-Type: application/json' \\
--data '{"models": ["azure-models"], "user_id": "krrish@berri.ai"}'
"""

# The access group's entry: the group in the entry itself, beside the groups that model_info names.
AZURE = """
  - model_name: text-embedding-ada-003
    litellm_params:
      model: openai/azure-embedding-model
      api_base: os.environ/FAKE_PROVIDER_URL
      api_key: os.environ/FAKE_PROVIDER_KEY
      api_version: "2023-07-01-preview"
    model_info: {mode: embedding, input_cost_per_token: 0.0000001}
    access_groups: ["beta-models"] # 👈 Model Access Group
  - model_name: free-model
    litellm_params:
      model: openai/free-model
      api_base: os.environ/FAKE_PROVIDER_URL
      api_key: os.environ/FAKE_PROVIDER_KEY
    model_info: {mode: chat, input_cost_per_token: 0, output_cost_per_token: 0}
    access_groups: ["beta-models"]
  - model_name: azure-model
    litellm_params:
      model: openai/azure-model
      api_base: os.environ/FAKE_PROVIDER_URL
      api_key: os.environ/FAKE_PROVIDER_KEY
    model_info: {mode: chat, input_cost_per_token: 0.000001, output_cost_per_token: 0.000001, access_groups: ["azure-models"]}
"""


@pytest.fixture(scope="module")
def budgets(stack):
    with Stack(near=stack, extra=AZURE) as own:
        yield own


@pytest.fixture
def admin(budgets):
    return budgets.admin


@pytest.fixture
def embed(budgets):
    def call(key, model="text-embedding-ada-002"):
        return budgets.as_key(key).call("POST", "/v1/embeddings", json={"model": model, "input": "a cup of water"})

    return call


# A budget across all calls on the proxy.


@pytest.mark.parametrize("config", [ZERO_TOP, ZERO_SETTINGS], ids=["at the top", "in litellm_settings"])
def test_a_proxy_budget_of_zero_refuses_everyone(make_stack, config):
    with make_stack(extra=config) as own:
        assert shell(own, CALL).status == 401, "with its header's name misspelled, the example carries no key"
        refused = shell(own, CALL.replace("Autherization", "Authorization"))
        assert refused.status == 422, refused.text
        error = refused.json()["error"]
        assert error["type"] == "budget_exceeded" and error["scope"] == "proxy"
        for key in own.admin.key_for(), own.admin.key_for(max_budget=100):
            assert own.chat(key).status_code == 422
            assert own.as_key(key).call("POST", "/v1/embeddings", json={"model": "text-embedding-ada-002", "input": "x"}).status_code == 422
            assert own.as_key(key).call("POST", "/v1/messages", json={"model": "claude-3-sonnet", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}).status_code == 422
        assert own.fake.records() == [], "none of them reached a provider"
        assert own.admin.get("/global/spend")["spend"] == 0


def test_a_proxy_budget_holds_for_all_keys_and_the_master_key_together(make_stack):
    one = (8 * 30 + 40 * 60) / 1e6
    with make_stack(extra=f"litellm_settings:\n  max_budget: {2 * one + 0.00025:.7f}\n  budget_duration: 30d\n") as own:
        keys = [own.admin.key_for(), own.master, own.admin.key_for(), own.master]
        answers = [own.chat(k, output=40, max_tokens=40) for k in keys]
        assert [a.status_code for a in answers] == [200, 200, 422, 422]
        assert answers[2].json()["error"]["scope"] == "proxy"
        own.restart()
        assert own.chat(keys[0]).status_code == 422, "a restart does not refill it"
        assert own.admin.get("/global/spend") == {"spend": pytest.approx(2 * one, abs=1e-9), "max_budget": pytest.approx(2 * one + 0.00025, abs=1e-9)}


# Resets.


def new_key(admin, **body):
    return admin.key_for(**body)


def new_user(admin, **body):
    return admin.post("/user/new", **body)["key"]


def new_team(admin, **body):
    return admin.key_for(team_id=admin.post("/team/new", **body)["team_id"])


@pytest.mark.parametrize("path, more, key_of", [
    ("key/generate", "", lambda admin, got: got["key"]),
    ("user/new", "", lambda admin, got: got["key"]),
    ("team/new", "", lambda admin, got: admin.key_for(team_id=got["team_id"])),
    ("customer/new", ',\n"user_id": "%s"', None),
], ids=["key", "internal user", "team", "customer"])
def test_the_reset_example(budgets, admin, unique, path, more, key_of):
    """For keys, internal users, teams and customers: 10 dollars in each ten seconds."""
    customer = unique("customer")
    got = shell(budgets, RESET % (path, more % customer if more else "")).ok()
    if key_of is None:
        assert got["user_id"] == customer
        budget = got["litellm_budget_table"]
        assert budget["max_budget"] == 10 and budget["budget_duration"] == "10s"
        answer = budgets.chat(admin.key_for(), user=customer)
    else:
        assert got["max_budget"] == 10 and got["budget_duration"] == "10s"
        answer = budgets.chat(key_of(admin, got))
    assert answer.status_code == 200


def test_json_with_a_note_in_it_is_refused_and_changes_nothing(budgets, admin):
    """The same example with its note left in, and its duration unquoted, is not JSON."""
    before = admin.get("/key/list")["total_count"]
    refused = shell(budgets, RESET.replace('"10s"', "10s, # 👈 KEY CHANGE") % ("key/generate", ""))
    assert refused.status == 400 and refused.json()["error"]["type"] == "invalid_request_error"
    assert admin.get("/key/list")["total_count"] == before


@pytest.mark.parametrize("make", [new_key, new_user, new_team], ids=["key", "internal user", "team"])
def test_a_ten_second_budget_refuses_when_used_up_and_serves_again_on_time(budgets, admin, make):
    """Without a job: the reset is at the next multiple of ten seconds, not up to ten minutes later."""
    key = make(admin, max_budget=0.0026401, budget_duration="10s")
    wait_for_a_fresh_window(10, 6)
    assert budgets.chat(key, output=40, max_tokens=40).status_code == 200
    refused = budgets.chat(key, output=40, max_tokens=40)
    assert refused.status_code == 422
    reset = refused.json()["error"]["reset_at"]
    assert 0 < reset_in(reset) <= 10
    time.sleep(max(reset_in(reset) - 0.3, 0))
    if reset_in(reset) > 0.1:
        assert budgets.chat(key, output=40, max_tokens=40).status_code == 422, "not before it is due"
    time.sleep(max(reset_in(reset), 0) + 0.05)
    assert budgets.chat(key, output=40, max_tokens=40).status_code == 200


def test_the_reschedulers_times_are_accepted_and_reported_as_needless(make_stack):
    with make_stack(general=RESCHEDULER) as own:
        for name in "proxy_budget_rescheduler_min_time", "proxy_budget_rescheduler_max_time":
            (line,) = [line for line in own.said().splitlines() if name in line]
            assert "needless" in line or "not needed" in line, line


@pytest.mark.parametrize("duration", ["30s", "30m", "30h", "30d", "1w", "1mo", "10s"])
def test_durations(admin, duration):
    got = admin.post("/key/generate", max_budget=10, budget_duration=duration)
    assert got["budget_duration"] == duration and got["budget_reset_at"]


@pytest.mark.parametrize("duration", ["", "30", "s", "-1s", "1.5d", "30x", "0s", "30 d", "1d1h"])
def test_what_is_no_duration_is_refused_by_name(admin, duration):
    r = admin.call("POST", "/key/generate", json={"max_budget": 10, "budget_duration": duration})
    if duration == "":
        return  # absent
    assert r.status_code in (400, 422) and "budget_duration" in r.text


def test_without_a_duration_a_budget_never_resets(admin):
    got = admin.post("/key/generate", max_budget=10)
    assert got["budget_duration"] is None and got["budget_reset_at"] is None


# Rate limits.


def test_the_users_example_and_its_limits_hold_across_all_keys_of_the_user(budgets, admin):
    got = shell(budgets, USER).ok()
    assert got["key"].startswith("sk-") and "expires" in got and got["user_id"] == "krrish@berri.ai"
    assert (got["max_parallel_requests"], got["tpm_limit"], got["rpm_limit"]) == (10, 20, 4)
    # 20 tokens a minute: with 9 for the prompt, the answer is cut to what is left.
    first = budgets.chat(got["key"], output=40)
    assert first.status_code == 200
    assert first.json()["usage"]["total_tokens"] <= 20
    other = admin.key_for(user_id="krrish@berri.ai")
    refused = budgets.chat(other, output=40)
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["scope"], error["scope_id"], error["limit_kind"]) == ("user", "krrish@berri.ai", "tokens")


def test_a_users_request_rate_holds_across_keys_and_teams(budgets, admin, unique):
    user = unique("user")
    keys = [admin.post("/user/new", user_id=user, rpm_limit=2)["key"], admin.key_for(user_id=user)]
    keys.append(admin.key_for(user_id=user, team_id=admin.post("/team/new")["team_id"]))
    assert [budgets.chat(k).status_code for k in keys] == [200, 200, 429]


# Access groups.


def test_the_group_example_grants_the_groups_models_and_its_budget_of_zero_refuses_what_costs(budgets, admin, embed):
    got = shell(budgets, GROUP).ok()
    assert got["models"] == ["beta-models"] and got["max_budget"] == 0
    refused = embed(got["key"])
    assert refused.status_code == 422 and refused.json()["error"]["type"] == "budget_exceeded"
    denied = budgets.chat(got["key"])
    assert denied.status_code == 403 and denied.json()["error"]["type"] == "user_model_access_denied"


@pytest.mark.parametrize("model", ["text-embedding-ada-002", "text-embedding-ada-003"], ids=["group in model_info", "group in the entry"])
def test_a_user_with_a_group_may_call_each_model_of_it_with_every_key(budgets, admin, embed, unique, model):
    user = unique("user")
    first = admin.post("/user/new", user_id=user, models=["beta-models"], max_budget=1)["key"]
    for key in first, admin.key_for(user_id=user):
        assert embed(key, model).status_code == 200
        assert budgets.chat(key).status_code == 403


def test_a_key_with_a_group(budgets, admin, embed):
    key = admin.key_for(models=["beta-models"])
    assert embed(key).status_code == 200
    denied = budgets.chat(key)
    assert denied.status_code == 403 and denied.json()["error"]["type"] == "key_model_access_denied"


def test_a_key_for_an_existing_user(budgets, admin, embed, unique):
    if not admin.call("GET", "/user/info", params={"user_id": "krrish@berri.ai"}).ok:
        admin.post("/user/new", user_id="krrish@berri.ai")
    got = shell(budgets, KEY_FOR_USER).ok()
    assert got["user_id"] == "krrish@berri.ai" and got["models"] == ["azure-models"]
    free = unique("user")
    admin.post("/user/new", user_id=free)
    key = admin.key_for(models=["azure-models"], user_id=free)
    assert budgets.chat(key, model="azure-model").status_code == 200
    assert budgets.chat(key).status_code == 403
    assert embed(key).status_code == 403
    assert key_hash(key) in [k if isinstance(k, str) else k["token"] for k in admin.get("/key/list", user_id=free)["keys"]]


def key_hash(key):
    import hashlib

    return hashlib.sha256(key.encode()).hexdigest()


def reset_in(reset_at):
    """Seconds until reset_at, a time in the machine fields of a refusal."""
    from datetime import datetime, timezone

    at = datetime.fromtimestamp(reset_at, timezone.utc) if isinstance(reset_at, (int, float)) else datetime.fromisoformat(reset_at.replace("Z", "+00:00"))
    return at.timestamp() - time.time()


def wait_for_a_fresh_window(length, left):
    """Waits until a window of the clock has at least so many seconds left."""
    rest = length - time.time() % length
    if rest < left:
        time.sleep(rest + 0.05)
