"""Infrastructure as code: what was sent reads back the same, so that a second plan has nothing to do; one field changes
and no other; what was deleted is gone and can be made again."""

import json
from dataclasses import dataclass, field

import pytest

LIMITS = {
    "max_budget": 12.345678901, "soft_budget": 3, "budget_duration": "30d", "tpm_limit": 9007199254740993, "rpm_limit": 0,
    "max_parallel_requests": 7, "tpd_limit": None, "model_max_budget": {"gpt-4": {"max_budget": 1.5, "budget_duration": "1d"}},
}
METADATA = {"zulu": [1, 2.50, None], "alpha": {"deep": {"a": "ü"}}, "n": 0}


@dataclass
class Resource:
    name: str
    create: tuple  # method, path
    read: tuple  # path, parameter, where the row is
    change: tuple  # method, path
    delete: tuple  # method, path, field, whether it is a list
    id: str  # the field that names it
    sent: dict
    becomes: dict  # the one field that changes
    more: dict = field(default_factory=dict)  # sent on creation and not read back


def at(row, path):
    for step in path:
        row = row[step]
    return row


RESOURCES = [
    Resource("team", ("POST", "/team/new"), ("/team/info", "team_id", ()), ("POST", "/team/update"), ("POST", "/team/delete", "team_ids", True), "team_id",
             {"team_alias": "A team", "models": ["gpt-4", "gpt-3.5-turbo"], "metadata": METADATA, "blocked": False, **LIMITS}, {"tpm_limit": None}),
    Resource("project", ("POST", "/project/new"), ("/project/info", "project_id", ()), ("POST", "/project/update"), ("DELETE", "/project/delete", "project_ids", True), "project_id",
             {"project_alias": "P", "description": "d", "models": ["gpt-4"], "metadata": METADATA, "blocked": False, **LIMITS}, {"max_budget": 4}, {"team_id": "{team}"}),
    Resource("key", ("POST", "/key/generate"), ("/key/info", "key", ("info",)), ("POST", "/key/update"), ("POST", "/key/delete", "keys", True), "key",
             {"key_alias": "{unique}", "models": ["gpt-4"], "metadata": METADATA, "aliases": {"mine": "gpt-4"}, "allowed_routes": ["llm_api_routes"], "tags": ["b", "a"],
              "budget_limits": [{"budget_duration": "1d", "max_budget": 1.25}], **{k: v for k, v in LIMITS.items() if k != "soft_budget"}}, {"rpm_limit": 5}),
    Resource("user", ("POST", "/user/new"), ("/v2/user/info", "user_id", ()), ("POST", "/user/update"), ("POST", "/user/delete", "user_ids", True), "user_id",
             {"user_alias": "U", "user_email": "{unique}@example.com", "user_role": "internal_user", "models": ["gpt-4"], "metadata": METADATA, "max_budget": 2.5, "budget_duration": "7d", "tpm_limit": 5, "rpm_limit": 0},
             {"budget_duration": None}, {"auto_create_key": False}),
    Resource("organization", ("POST", "/organization/new"), ("/organization/info", "organization_id", ()), ("PATCH", "/v2/organization/{id}"), ("DELETE", "/organization/delete", "organization_ids", True), "organization_id",
             {"organization_alias": "O", "models": ["gpt-4"], "metadata": METADATA}, {"models": []}),
    Resource("customer", ("POST", "/customer/new"), ("/customer/info", "end_user_id", ()), ("POST", "/customer/update"), ("POST", "/customer/delete", "user_ids", True), "user_id",
             {"alias": "C", "blocked": False, "models": ["gpt-4"], "default_model": "gpt-4"}, {"alias": "D"}, {"max_budget": 5}),
    Resource("budget", ("POST", "/budget/new"), None, ("POST", "/budget/update"), ("POST", "/budget/delete", "id", False), "budget_id", {**LIMITS}, {"max_budget": 0.000000001}),
    Resource("tag", ("POST", "/tag/new"), None, ("POST", "/tag/update"), ("POST", "/tag/delete", "name", False), "name", {"description": "T", "models": ["gpt-4"]}, {"description": None}, {"max_budget": 5}),
    Resource("access group", ("POST", "/v1/access_group"), None, ("PUT", "/v1/access_group/{id}"), ("DELETE", "/v1/access_group/{id}", None, False), "access_group_id",
             {"access_group_name": "{unique}", "description": "G", "access_model_names": ["gpt-4"]}, {"access_model_names": ["gpt-4", "gpt-3.5-turbo"]}),
]


@pytest.mark.parametrize("r", RESOURCES, ids=[r.name for r in RESOURCES])
def test_a_resource_as_code(admin, unique, r):
    team = unique("team")
    if "{team}" in json.dumps(r.more):
        admin.post("/team/new", team_id=team)
    fill = lambda v: json.loads(json.dumps(v).replace("{unique}", unique(r.name.replace(" ", "-"))).replace("{team}", team))
    sent, more = fill(r.sent), fill(r.more)
    id = "sk-" + unique("key") if r.name == "key" else unique(r.name.replace(" ", "-"))
    chosen = {} if r.name == "access group" else {r.id: id}

    def call(method, path, body, ok=(200, 201, 204)):
        got = admin.call(method, path.replace("{id}", id), json=body)
        assert got.status_code in ok, f"{method} {path}: {got.status_code} {got.text}"
        return got.json() if got.content else None

    def read():
        if r.name == "budget":
            return call("POST", "/budget/info", {"budgets": [id]})[0]
        if r.name == "tag":
            return call("POST", "/tag/info", {"names": [id]})[id]
        if r.name == "access group":
            return call("GET", f"/v1/access_group/{id}", None)
        return at(admin.get(r.read[0], **{r.read[1]: id}), r.read[2])

    def same(row, want):
        drift = {k: (row.get(k), v) for k, v in want.items() if row.get(k) != v or type(row.get(k)) is not type(v) and not isinstance(v, float)}
        assert not drift, f"reads back, was sent: {drift}"
        for name in "metadata", "model_max_budget":  # in its order, too
            if name in want:
                assert json.dumps(row[name]) == json.dumps(want[name])

    made = call(*r.create, {**chosen, **sent, **more})
    if r.name == "access group":
        id = made["access_group_id"]
    same(read(), sent)
    before = read()
    # Applied again, nothing changes but when.
    named = {} if "{id}" in r.change[1] else {r.id: id}
    call(*r.change, {**named, **sent})
    moving = {"updated_at", "updated_by", "settings_updated_at", "last_active", "team_info"}
    assert {k: v for k, v in read().items() if k not in moving} == {k: v for k, v in before.items() if k not in moving}
    # One field alone.
    call(*r.change, {**named, **r.becomes})
    after = read()
    same(after, {**sent, **r.becomes})
    derived = {"litellm_budget_table", "budget_reset_at", "team_info", "object_permission", "budget_limits_usage", "model_max_budget_usage"}
    assert {k for k in after if after[k] != before.get(k)} - moving - derived == set(r.becomes)
    # Gone, and made again.
    method, path, name, many = r.delete
    call(method, path, None if name is None else {name: [id] if many else id})
    if r.read and r.name != "key":
        assert admin.call("GET", r.read[0], params={r.read[1]: id}).status_code == 404
    if r.name == "key":
        assert read()["status"] == "deleted"
    call(*r.create, {**chosen, **sent, **more})


def test_a_member_as_code(admin, unique):
    team, user = unique("team"), unique("user")
    own = {"max_budget_in_team": 2.5, "budget_duration": "1d", "tpm_limit": 100, "rpm_limit": 0, "allowed_models": ["gpt-4"]}
    admin.post("/team/new", team_id=team, team_member_budget=1)
    admin.post("/team/member_add", team_id=team, member={"user_id": user, "role": "user"}, **own)

    def table():
        rows = [m for m in admin.get("/team/info", team_id=team)["team_memberships"] if m["user_id"] == user]
        assert len(rows) == 1
        return rows[0]["litellm_budget_table"]

    want = {"max_budget": 2.5, "budget_duration": "1d", "tpm_limit": 100, "rpm_limit": 0, "allowed_models": ["gpt-4"]}
    assert {k: table()[k] for k in want} == want
    admin.post("/team/member_update", team_id=team, user_id=user, rpm_limit=9)
    assert {k: table()[k] for k in want} == {**want, "rpm_limit": 9}
    got = admin.post(f"/team/{team}/member/{user}/reset_budget")
    assert got["budget_source"] == "team_default" and got["previous_budget_id"]
    assert not table() or table()["rpm_limit"] is None and table()["max_budget"] in (None, 1)
    assert admin.post(f"/team/{team}/member/{user}/reset_budget")["previous_budget_id"] is None
    assert admin.call("POST", f"/team/{team}/member/nobody/reset_budget").status_code == 404
    admin.post("/team/member_delete", team_id=team, user_id=user)
    assert user not in [m["user_id"] for m in admin.get("/team/info", team_id=team)["members_with_roles"]]


def test_a_model_as_code(admin, stack, unique):
    name, id = unique("model"), unique("id")
    params = {"model": "openai/gpt-4", "api_base": stack.fake.url + "/v1", "api_key": stack.fake.key, "rpm": 600, "input_cost_per_token": 0.00001}
    info = {"id": id, "mode": "chat", "access_groups": ["as-code"], "deprecation_date": "2031-02-03"}
    sent = dict(model_name=name, litellm_params=params, model_info=info)

    def read():
        (row,) = admin.get("/model/info", litellm_model_id=id)["data"]
        return row

    def same(row, params, info):
        assert row["model_name"] == name
        assert {k: row["litellm_params"].get(k) for k in params if k != "api_key"} == {k: v for k, v in params.items() if k != "api_key"}
        assert stack.fake.key not in json.dumps(row)
        assert {k: row["model_info"].get(k) for k in info} == info

    admin.post("/model/new", **sent)
    same(read(), params, info)
    before = read()
    admin.post("/model/update", **sent)  # applied again
    assert {k: v for k, v in read()["litellm_params"].items()} == before["litellm_params"]
    admin.post("/model/update", model_info={"id": id}, litellm_params={"rpm": 5})
    same(read(), {**params, "rpm": 5}, info)
    assert [d["model_name"] for d in admin.get("/model/deprecations")["upcoming"] if d["model_name"] == name] == [name]
    admin.post("/model/delete", id=id)
    assert admin.call("GET", "/model/info", params={"litellm_model_id": id}).status_code == 404
    admin.post("/model/new", **sent)
    admin.post("/model/delete", id=id)


def test_a_member_of_an_organization_as_code(admin, unique):
    org, user = unique("org"), unique("user")
    admin.post("/organization/new", organization_id=org, organization_alias=org)

    def role():
        return {m["user_id"]: m["user_role"] for m in admin.get("/organization/info", organization_id=org)["members"]}.get(user)

    admin.post("/organization/member_add", organization_id=org, member={"user_id": user, "role": "internal_user"})
    assert role() == "internal_user"
    admin.call("PATCH", "/organization/member_update", json={"organization_id": org, "user_id": user, "role": "org_admin"})
    assert role() == "org_admin"
    admin.call("DELETE", "/organization/member_delete", json={"organization_id": org, "user_id": user})
    assert role() is None
    admin.delete("/organization/delete", organization_ids=[org])


SETTINGS = {
    "ui_settings": ({"enable_projects_ui": True, "enabled_ui_pages_internal_users": ["api-keys", "usage"]}, {"enable_projects_ui": False}),
    "default_team_settings": ({"max_budget": 12.5, "budget_duration": "30d", "models": ["gpt-4"], "tpm_limit": 0}, {"max_budget": None}),
    "internal_user_settings": ({"max_budget": 2.25, "budget_duration": "7d", "models": ["gpt-4"], "user_role": "internal_user"}, {"models": []}),
}


def test_settings_as_code(make_stack, unique):
    with make_stack() as own:
        for what, (sent, becomes) in SETTINGS.items():
            def patch(body):
                got = own.admin.call("PATCH", f"/update/{what}", json=body)
                assert got.status_code == 200, got.text

            def read():
                return own.admin.get(f"/get/{what}")["values"]

            first = read()
            patch(sent)
            now = read()
            assert {k: now[k] for k in sent} == sent and {k: v for k, v in now.items() if k not in sent} == {k: v for k, v in first.items() if k not in sent}
            patch(sent)
            assert read() == now
            patch(becomes)
            assert read() == {**now, **becomes}
        # What is set is what new ones get.
        team = own.admin.post("/team/new")
        assert (team["max_budget"], team["budget_duration"], team["models"], team["tpm_limit"]) == (None, "30d", ["gpt-4"], 0)
        user = own.admin.post("/user/new", user_id=unique("user"))
        assert (user["max_budget"], user["budget_duration"], user["models"], user["user_role"]) == (2.25, "7d", [], "internal_user")
