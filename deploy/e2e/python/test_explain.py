"""Why a call is refused, before and after it was: /limits, /policy/simulate and /refusals beside what Envoy answers; and
signing in, as a browser does."""

import time

import requests


def test_simulated_is_what_happens(stack, unique):
    team = stack.admin.post("/team/new", team_id=unique(), rpm_limit=2)["team_id"]
    key = stack.admin.key_for(team_id=team)
    ask = dict(key=key, model="gpt-4", input_tokens=8, max_tokens=40)
    for left in (2, 1):
        seen = stack.admin.post("/policy/simulate", **ask)
        assert seen["allowed"] and seen["status"] == 200, seen
        (rpm,) = [l for l in stack.admin.get("/limits", key=key)["limits"] if l["scope"] == "team"]
        assert (rpm["scope_id"], rpm["kind"], rpm["limit"], rpm["remaining"]) == (team, "requests", 2, left)
        assert stack.chat(key, max_tokens=40, output=40).status_code == 200
    seen = stack.admin.post("/policy/simulate", **ask)
    assert not seen["allowed"] and seen["status"] == 429 and seen["error"]["scope_id"] == team, seen
    refused = stack.chat(key, max_tokens=40)
    assert refused.status_code == 429
    deadline = time.monotonic() + 30
    while not (found := stack.admin.get("/refusals", key=key)["refusals"]):
        assert time.monotonic() < deadline, "the refusal was never listed"
        time.sleep(0.2)
    assert (found[0]["reason"], found[0]["scope"], found[0]["scope_id"], found[0]["count"]) == ("throttling_error", "team", team, 1)
    assert found[0]["sample"]["call_id"] == refused.headers["x-litellm-call-id"]
    # The key itself is told about its team too.
    assert stack.as_key(key).get("/limits")["limits"][0]["scope"] == "team"


def test_what_is_simulated_is_told_in_the_same_words(stack, unique):
    budget = stack.admin.key_for(max_budget=0)
    for key, model in (stack.admin.key_for(models=["gpt-3.5-turbo"]), "gpt-4"), (stack.admin.key_for(), unique("no-such-model")), (budget, "gpt-4"), (stack.admin.key_for(blocked=True), "gpt-4"), (stack.admin.key_for(rpm_limit=0), "gpt-4"):
        seen = stack.admin.post("/policy/simulate", key=key, model=model, input_tokens=8, max_tokens=4)
        told = stack.chat(key, model=model, max_tokens=4)
        error = told.json()["error"]
        assert seen["status"] == told.status_code >= 400, (seen, told.text)
        assert {k: seen["error"].get(k) for k in ("type", "param", "code")} == {k: error[k] for k in ("type", "param", "code")}, (seen["error"], error)


def test_signing_in_through_envoy(stack, unique):
    name = unique("ann")
    user = stack.admin.post("/user/new", user_id=name, user_email=f"{name}@example.com", auto_create_key=False)["user_id"]
    invitation = stack.admin.post("/invitation/new", user_id=user)["id"]
    browser = requests.Session()
    browser.headers["Sec-Fetch-Site"] = "same-origin"
    claimed = browser.post(stack.url + "/onboarding/claim_token", json={"invitation_link": invitation, "password": "correct horse"}, timeout=30)
    assert claimed.status_code == 200, claimed.text
    assert browser.get(stack.url + "/session", timeout=30).json()["user_id"] == user
    made = browser.post(stack.url + "/key/generate", json={"models": ["gpt-4"]}, timeout=30)
    assert made.status_code == 200, made.text
    assert stack.chat(made.json()["key"]).status_code == 200
    stack.admin.post("/user/update", user_id=user, blocked=True)
    assert browser.get(stack.url + "/session", timeout=30).status_code == 401
    assert stack.chat(made.json()["key"]).status_code == 401
