"""The less usual fields of a key, each enforced through Envoy: what the field forbids is refused, what it leaves is not."""

import datetime
import ipaddress
import re

import pytest

PRICE = 0.0006  # at least this is what a call with these tokens costs: gpt-4 of the demo, 10 tokens of output


def models(stack, key):
    return stack.as_key(key).call("GET", "/v1/models").status_code


def manages(stack, key):
    return stack.as_key(key).call("POST", "/key/update", json={"key": key, "metadata": {"a": "b"}}).status_code


def reads(stack, key):
    return stack.as_key(key).call("GET", "/key/info").status_code


@pytest.mark.parametrize(
    "fields, calls, changes, looks",
    [
        ({}, 200, 200, 200),
        ({"key_type": "default"}, 200, 200, 200),
        ({"key_type": "llm_api"}, 200, 403, 403),
        ({"key_type": "management"}, 403, 200, 200),
        ({"key_type": "read_only"}, 403, 403, 200),
        ({"allowed_routes": ["llm_api_routes"]}, 200, 403, 403),
        ({"allowed_routes": ["/v1/chat/completions"]}, 200, 403, 403),
        ({"allowed_routes": ["/chat/completions"]}, 200, 403, 403),
        ({"allowed_routes": ["/v1/embeddings"]}, 403, 403, 403),
        ({"allowed_routes": ["/key/*"]}, 403, 200, 200),
        ({"allowed_routes": ["info_routes", "/v1/chat/*"]}, 200, 403, 200),
    ],
    ids=str,
)
def test_routes(stack, admin, chat, unique, fields, calls, changes, looks):
    user = unique("u")
    admin.post("/user/new", user_id=user, user_role="internal_user", auto_create_key=False)
    key = admin.key_for(user_id=user, models=["gpt-4"], **fields)
    r = chat(key)
    assert r.status_code == calls, r.text
    if calls == 403:
        assert r.json()["error"]["type"] == "auth_error"
    assert manages(stack, key) == changes
    assert reads(stack, key) == looks


def test_key_type_and_allowed_routes_together_are_refused(admin):
    r = admin.post("/key/generate", expect=400, key_type="llm_api", allowed_routes=["llm_api_routes"])
    assert r["error"]["param"] == "key_type"


def test_allowed_ips(stack, admin, chat):
    away = admin.key_for(allowed_ips=["203.0.113.7"])
    refused = chat(away)
    assert refused.status_code == 403 and refused.json()["error"]["type"] == "auth_error", refused.text
    # Not always 127.0.0.1: containers; nor for both the same: a mesh's proxy tells adminsvc of its own machine by another of its addresses.
    mine = {ipaddress.ip_address(re.search(r"IP address (\S+) ", text)[1]) for text in (refused.text, stack.as_key(away).call("GET", "/key/info").text)}
    here = admin.key_for(allowed_ips=["203.0.113.7", *map(str, mine)])
    near = admin.key_for(allowed_ips=[str(ipaddress.ip_network(f"{ip}/{ip.max_prefixlen - 8}", strict=False)) for ip in mine])
    for key in here, near:
        assert chat(key).status_code == 200 and reads(stack, key) == 200
    assert reads(stack, away) == 403 and models(stack, away) == 403
    # Who says they come from somewhere else does not: Envoy appends where they do come from.
    for header in "X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Envoy-External-Address", "True-Client-IP":
        r = chat(away, headers={header: "203.0.113.7"})
        assert r.status_code == 403, f"{header}: {r.text}"
    admin.post("/key/update", key=away, allowed_ips=["0.0.0.0/0", "::/0"])
    assert chat(away).status_code == 200


def test_a_temporary_increase_of_the_budget(admin, chat, eventually):
    key = admin.key_for(max_budget=0)
    assert chat(key, output=10).status_code == 422
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    admin.post("/key/update", key=key, temp_budget_increase=1, temp_budget_expiry=soon.isoformat())
    assert chat(key, output=10).status_code == 200
    # Over, it is as if it had never been; so from one second to the next, with nobody writing anything.
    over = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    admin.post("/key/update", key=key, temp_budget_increase=1, temp_budget_expiry=over.isoformat())

    def refused():
        assert chat(key, output=10).status_code == 422

    eventually(refused, 10)
    # One without the other says nothing that could be enforced.
    assert admin.post("/key/generate", expect=400, max_budget=1, temp_budget_increase=1)["error"]["param"] == "temp_budget_expiry"


def test_windows_of_a_budget_begin_again(admin, chat, eventually):
    key = admin.key_for(budget_limits=[{"budget_duration": "5s", "max_budget": PRICE}, {"budget_duration": "1d", "max_budget": 100}])
    spent = [chat(key, output=10).status_code for _ in range(6)]
    assert 422 in spent, spent

    def again():
        assert chat(key, output=1).status_code == 200

    eventually(again, 15)  # the next five seconds
    full = admin.key_for(budget_limits=[{"budget_duration": "1s", "max_budget": 100}, {"budget_duration": "1d", "max_budget": PRICE}])
    assert 422 in [chat(full, output=10).status_code for _ in range(6)]
    assert chat(full, output=10).status_code == 422  # the longer one holds, however often the shorter began again


def test_reset_spend_lets_a_key_call_again(admin, chat, rows):
    key = admin.key_for(max_budget=PRICE)
    answers = [chat(key, output=10).status_code for _ in range(6)]
    assert answers[0] == 200 and answers[-1] == 422, answers
    rows(admin, key, answers.count(200))
    spent = admin.get("/key/info", key=key)["info"]["spend"]
    assert 0 < spent
    assert admin.call("POST", f"/key/{key}/reset_spend", json={"reset_to": spent + 1}).status_code == 400
    assert admin.call("POST", f"/key/{key}/reset_spend", json={"reset_to": 0}).json()["previous_spend"] == spent
    assert admin.get("/key/info", key=key)["info"]["spend"] == 0
    assert chat(key, output=10).status_code == 200


def test_rotation_by_itself_is_refused_and_not_pretended(admin):
    """A secret that changes by itself would have to reach its holder: there is no store of secrets to put it in."""
    assert admin.post("/key/generate", expect=400, auto_rotate=True, rotation_interval="1d")["error"]["param"] == "auto_rotate"


def test_rotation_by_hand(admin, chat):
    key = admin.key_for(max_budget=1, rpm_limit=100)
    new = admin.post("/key/regenerate", key=key, grace_period="1h")
    assert chat(key).status_code == 200 and chat(new["key"]).status_code == 200
    assert admin.get("/key/info", key=new["key"])["info"]["rotation_count"] == 1


def test_the_end_of_a_grace_period(admin, chat, eventually):
    key = admin.key_for()
    new = admin.post("/key/regenerate", key=key, grace_period="2s")["key"]

    def over():
        assert chat(key).status_code == 401

    eventually(over, 10)
    assert chat(new).status_code == 200


def test_a_key_ends_with_its_duration(admin, chat, eventually):
    key = admin.key_for(duration="2s")

    def over():
        r = chat(key)
        assert r.status_code == 401 and r.json()["error"]["type"] == "expired_key"

    eventually(over, 10)


def test_over_its_budget_for_a_model_a_key_falls_back_on_another(stack, admin, rows):
    """budget_fallbacks: the call is answered, charged and logged as the other model's. With nothing left, 422."""
    fields = {"model_max_budget": {"gpt-4": {"max_budget": 0.001}, "gpt-4o-mini": 0}, "models": ["gpt-4", "gpt-4o-mini", "gpt-3.5-turbo"]}
    made = admin.post("/key/generate", budget_fallbacks={"gpt-4": ["gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo"]}, **fields)
    assert made["budget_fallbacks"] == {"gpt-4": ["gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo"]}
    key = made["key"]
    first = stack.chat(key, output=12, max_tokens=12)
    assert first.status_code == 200 and first.headers["x-litellm-model-group"] == "gpt-4"
    second = stack.chat(key, output=12, max_tokens=12)
    assert second.status_code == 200, second.text
    assert second.headers["x-litellm-model-group"] == "gpt-3.5-turbo" and second.headers["x-litellm-attempted-fallbacks"] == "3"
    assert stack.fake.of(second.json()["id"])["model"] == "gpt-3.5-turbo"
    logged = {r["request_id"]: r for r in rows(admin, key, 2)}[second.json()["id"]]
    assert logged["model_group"] == "gpt-3.5-turbo" and logged["spend"] == pytest.approx((8 * 0.5 + 12 * 1.5) / 1e6)

    told = admin.post("/policy/simulate", key=key, endpoint="/v1/chat/completions", model="gpt-4", max_tokens=12)
    assert told["allowed"] and told["model"] == "gpt-3.5-turbo"
    admin.post("/key/update", key=key, budget_fallbacks={})
    refused = stack.chat(key, output=12, max_tokens=12)
    assert refused.status_code == 422 and refused.json()["error"]["type"] == "budget_exceeded"
