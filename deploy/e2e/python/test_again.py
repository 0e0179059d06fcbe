"""Ids that are used again spend from zero, and secrets that replace each other go on where the old one stopped."""

import time

import pytest

# How a thing is made, deleted and asked what it spent; what makes a key count to it.
KINDS = {
    "team": (("/team/new", "team_id"), ("post", "/team/delete", "team_ids"), ("/team/info", "team_id"), lambda id: {"team_id": id}),
    "user": (("/user/new", "user_id"), ("post", "/user/delete", "user_ids"), ("/v2/user/info", "user_id"), lambda id: {"user_id": id}),
    "organization": (("/organization/new", "organization_id"), ("delete", "/organization/delete", "organization_ids"), ("/organization/info", "organization_id"), lambda id: {"organization_id": id}),
    "project": (("/project/new", "project_id"), ("delete", "/project/delete", "project_ids"), ("/project/info", "project_id"), lambda id: {"project_id": id}),
    "customer": (("/customer/new", "user_id"), ("post", "/customer/delete", "user_ids"), ("/customer/info", "end_user_id"), lambda id: {}),
    "tag": (("/tag/new", "name"), ("post", "/tag/delete", "name"), None, lambda id: {"tags": [id]}),
}
BUDGET = 0.01  # gpt-4 at 10 tokens of prompt and 100 of answer costs about 0.0063


@pytest.mark.parametrize("windowed", [False, True], ids=["ever", "in a day"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_id_used_again_spends_from_zero(admin, chat, unique, eventually, kind, windowed):
    (new, field), (method, delete, ids), info, of = KINDS[kind]
    id = unique(kind)
    team = unique("team")
    admin.post("/team/new", team_id=team)
    more = {"max_budget": BUDGET, **({"budget_duration": "1d"} if windowed else {})}
    if kind == "project":
        more["team_id"] = team
    if kind == "organization":
        more["organization_alias"] = id
    call = {"user": id} if kind == "customer" else {}

    def make():
        made = admin.post(new, **{field: id}, **more, **({"auto_create_key": False} if kind == "user" else {}))
        assert made.get("spend", 0) == 0
        return admin.key_for(**of(id))

    def spent():
        if info is None:
            row = next(t for t in admin.get("/tag/list") if t["name"] == id)
        else:
            row = admin.get(info[0], **{info[1]: id})
        return row["spend"]

    key = make()
    while (r := chat(key, output=100, **call)).status_code == 200:  # until the budget is used up
        pass
    assert r.json()["error"]["type"] == "budget_exceeded"
    # The last call may not have reached the tables: the deletion and the new beginning do not wait for it.
    if kind != "team":
        admin.post("/key/delete", keys=[key])
    getattr(admin, method)(delete, **{ids: id if kind == "tag" else [id]})
    key = make()
    assert spent() == 0
    assert chat(key, output=20, **call).status_code == 200, "it may spend its budget again"
    eventually(lambda: _positive(spent()), 5)
    assert spent() < BUDGET / 2


def _positive(n):
    assert n > 0


def test_a_regenerated_key_goes_on_where_the_old_one_stopped(admin, chat, unique):
    key = admin.key_for(max_budget=BUDGET, model_max_budget={"gpt-4": {"max_budget": BUDGET, "budget_duration": "1d"}})
    assert chat(key, output=100).status_code == 200
    spent = admin.post("/key/regenerate", key=key)  # at once: the call is on its way to the tables
    assert spent["spend"] > 0.006
    new = spent["key"]
    assert chat(key).status_code == 401
    r = chat(new, output=100, max_tokens=100)
    assert r.status_code == 422 or r.json()["usage"]["completion_tokens"] < 100  # what is left pays for less
    assert admin.get("/key/info", key=new)["info"]["spend"] <= BUDGET


def test_an_old_secret_in_its_grace_period_shares_the_budget(admin, chat, rows):
    key = admin.key_for(max_budget=BUDGET)
    new = admin.post("/key/regenerate", key=key, grace_period="1h")["key"]
    for k in (key, new):
        while (r := chat(k, output=60)).status_code == 200:
            pass
        assert r.json()["error"]["type"] == "budget_exceeded"
    assert admin.get("/key/info", key=new)["info"]["spend"] <= BUDGET
    # What is changed of the key holds for both.
    admin.post("/key/update", key=new, max_budget=None, models=["gpt-3.5-turbo"])
    for k in (key, new):
        assert chat(k, output=5).status_code == 403
        assert chat(k, model="gpt-3.5-turbo", output=5).status_code == 200


def test_tokens_of_the_day_go_on_with_a_new_secret(admin, chat):
    key = admin.key_for(tpd_limit=200)
    assert chat(key, output=150).status_code == 200
    new = admin.post("/key/regenerate", key=key)["key"]
    r = chat(new, output=100, max_tokens=100)
    assert r.status_code == 429 or r.json()["usage"]["completion_tokens"] < 50, r.text
    while r.status_code == 200:
        r = chat(new, output=20)
    assert r.status_code == 429 and "tokens" in r.json()["error"]["message"]


def test_a_secret_that_was_a_key_before_is_no_new_one(admin, unique):
    first = "sk-" + unique("first")
    key = admin.key_for(key=first)
    second = admin.post("/key/regenerate", key=key, new_key="sk-" + unique("second"))["key"]
    r = admin.call("POST", "/key/regenerate", json={"key": second, "new_key": first})
    assert r.status_code == 400 and r.json()["error"]["param"] == "new_key"
