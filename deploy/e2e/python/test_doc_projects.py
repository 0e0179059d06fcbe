"""Every example of the project management document as it is written there, and every rule of its prose."""

import pytest

from examples import shell

pytestmark = pytest.mark.xdist_group("documents")

TEAM = "ad898803-c8a3-4f4a-976a-a3c372cffa45"
PROJECT = "e402a141-725a-4437-bff5-d47459189716"
KEY = "sk-W8VbscpfuyvHm5TkxRYiXA"

CREATE = """
curl --location 'http://0.0.0.0:4000/project/new' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{
"project_alias": "flight-search-assistant",
"team_id": "ad898803-c8a3-4f4a-976a-a3c372cffa45",
"models": ["gpt-4", "gpt-3.5-turbo"],
"max_budget": 100,
"metadata": {
"use_case_id": "SNOW-12345",
"responsible_ai_id": "RAI-67890"
}
}' | jq
"""

GENERATE = """
curl 'http://0.0.0.0:4000/key/generate' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data-raw '{
"models": ["gpt-3.5-turbo", "gpt-4"],
"metadata": {"user": "ishaan@berri.ai"},
"project_id": "e402a141-725a-4437-bff5-d47459189716"
}' | jq
"""

CALL = """
curl http://localhost:4000/v1/chat/completions \\
--header 'Content-Type: application/json' \\
--header 'Authorization: Bearer sk-W8VbscpfuyvHm5TkxRYiXA' \\
--data '{
"model": "gpt-4",
"messages": [{"role": "user", "content": "What is litellm?"}]
}' | jq
"""

NEW = """
curl --location 'http://0.0.0.0:4000/project/new' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{
"project_alias": "hotel-recommendations",
"team_id": "team-123",
"models": ["claude-3-sonnet"],
"max_budget": 200,
"tpm_limit": 100000,
"metadata": {
"use_case_id": "SNOW-12346",
"cost_center": "travel-products"
}
}'
"""

UPDATE = """
curl --location 'http://0.0.0.0:4000/project/update' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{
"project_id": "project-abc",
"max_budget": 200,
"tpm_limit": 200000,
"metadata": {
"status": "production"
}
}'
"""

INFO = """
curl --location 'http://0.0.0.0:4000/project/info?project_id=project-abc' \\
--header 'Authorization: Bearer sk-1234'
"""

LIST = """
curl --location 'http://0.0.0.0:4000/project/list' \\
--header 'Authorization: Bearer sk-1234'
"""

DELETE = """
curl --location --request DELETE 'http://0.0.0.0:4000/project/delete' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{
"project_ids": ["project-abc", "project-def"]
}'
"""

QUOTAS = """
curl --location 'http://0.0.0.0:4000/project/new' \\
--header 'Authorization: Bearer sk-1234' \\
--header 'Content-Type: application/json' \\
--data '{
"project_alias": "multi-model-project",
"team_id": "team-123",
"models": ["gpt-4", "gpt-3.5-turbo", "claude-3-sonnet"],
"max_budget": 500,
"metadata": {
"model_tpm_limit": {
"gpt-4": 50000,
"gpt-3.5-turbo": 200000,
"claude-3-sonnet": 100000
},
"model_rpm_limit": {
"gpt-4": 50,
"gpt-3.5-turbo": 500,
"claude-3-sonnet": 100
}
}
}'
"""


@pytest.fixture
def admin(own):
    return own.admin


@pytest.fixture
def team(admin):
    """The team of the reference examples: team-123."""
    admin.post("/team/new", team_id="team-123", team_alias="Travel")
    return "team-123"


@pytest.fixture
def flights(admin, team):
    """The project that the reference examples call project-abc."""
    return admin.post(
        "/project/new",
        project_id="project-abc",
        project_alias="flight-search-assistant",
        team_id=team,
        models=["gpt-4", "gpt-3.5-turbo"],
        max_budget=100,
        tpm_limit=100000,
        rpm_limit=100,
        metadata={"use_case_id": "SNOW-12345"},
    )


# The quick start.


@pytest.mark.calls
def test_the_walk_through_with_the_ids_it_is_given(own, admin, rows, eventually):
    admin.post("/team/new", team_id=TEAM)
    project = shell(own, CREATE).ok()
    assert project["project_id"]
    assert project["project_alias"] == "flight-search-assistant"
    assert project["team_id"] == TEAM
    assert project["models"] == ["gpt-4", "gpt-3.5-turbo"]
    assert project["max_budget"] == 100

    key = shell(own, GENERATE, {PROJECT: project["project_id"]}).ok()
    assert key["key"].startswith("sk-") and len(key["key"]) == 25
    assert key["key_name"] == "sk-..." + key["key"][-4:]
    assert key["project_id"] == project["project_id"]

    answer = shell(own, CALL, {KEY: key["key"]}).ok()
    assert answer["object"] == "chat.completion"
    used = answer["usage"]
    cost = (used["prompt_tokens"] * 30 + used["completion_tokens"] * 60) / 1e6

    (logged,) = rows(admin, key["key"])
    assert logged["metadata"]["user_api_key_project_id"] == project["project_id"]
    assert logged["metadata"]["user_api_key_project_alias"] == "flight-search-assistant"
    assert logged["request_id"] == answer["id"]
    assert logged["spend"] == pytest.approx(cost, abs=1e-9)
    assert (logged["prompt_tokens"], logged["completion_tokens"]) == (used["prompt_tokens"], used["completion_tokens"])

    # "You can query and filter logs by project ID for detailed reporting"
    for found in admin.get("/spend/logs", project_id=project["project_id"]), admin.get("/spend/logs/v2", project_id=project["project_id"])["data"]:
        assert [r["request_id"] for r in found] == [answer["id"]]
    assert admin.get("/spend/logs", project_id="another") == []

    def attributed():
        info = admin.get("/project/info", project_id=project["project_id"])
        assert info["spend"] == pytest.approx(cost, abs=1e-9)

    eventually(attributed, 2)


@pytest.mark.calls
def test_the_walk_through_as_it_stands_there(own, admin):
    """With nothing replaced but host and key: the ids are those the text prints."""
    admin.post("/team/new", team_id=TEAM)
    admin.post("/project/new", project_id=PROJECT, team_id=TEAM)
    shell(own, CREATE).ok()
    assert shell(own, GENERATE).ok()["project_id"] == PROJECT
    admin.post("/key/generate", key=KEY, project_id=PROJECT)
    assert shell(own, CALL).ok()["choices"]


# The reference.


def test_new(own, team):
    got = shell(own, NEW).ok()
    assert got["project_id"] and got["budget_id"]
    assert {k: got[k] for k in ("project_alias", "team_id", "models", "spend", "metadata")} == {
        "project_alias": "hotel-recommendations",
        "team_id": "team-123",
        "models": ["claude-3-sonnet"],
        "spend": 0.0,
        "metadata": {"use_case_id": "SNOW-12346", "cost_center": "travel-products"},
    }
    assert got["created_at"] and got["updated_at"]
    assert got["tpm_limit"] == 100000 and got["max_budget"] == 200


def test_update(own, admin, flights):
    shell(own, UPDATE).ok()
    got = admin.get("/project/info", project_id="project-abc")
    assert (got["max_budget"], got["tpm_limit"]) == (200, 200000)
    assert got["litellm_budget_table"]["max_budget"] == 200 and got["litellm_budget_table"]["tpm_limit"] == 200000
    assert got["metadata"] == {"status": "production"}, "metadata that is sent replaces"
    assert (got["rpm_limit"], got["project_alias"], got["models"], got["team_id"]) == (100, "flight-search-assistant", ["gpt-4", "gpt-3.5-turbo"], "team-123"), "what is not sent stays"


@pytest.mark.calls
def test_info(own, admin, flights, eventually):
    before = admin.get("/project/info", project_id="project-abc")["model_spend"]  # of another test's project of that id
    key = admin.key_for(project_id="project-abc")
    own.chat(key, output=100).raise_for_status()
    own.chat(key, output=10, model="gpt-3.5-turbo").raise_for_status()
    spent = {**before, "gpt-4": (8 * 30 + 100 * 60) / 1e6 + before.get("gpt-4", 0), "gpt-3.5-turbo": (8 * 0.5 + 10 * 1.5) / 1e6 + before.get("gpt-3.5-turbo", 0)}

    def shown():
        got = shell(own, INFO).ok()
        assert got["project_id"] == "project-abc" and got["project_alias"] == "flight-search-assistant"
        assert got["team_id"] == "team-123" and got["models"] == ["gpt-4", "gpt-3.5-turbo"]
        assert got["spend"] == pytest.approx(sum(spent.values()), abs=1e-9)
        assert got["model_spend"] == {m: pytest.approx(s, abs=1e-9) for m, s in spent.items()}
        table = got["litellm_budget_table"]
        assert table["budget_id"]
        assert (table["max_budget"], table["tpm_limit"], table["rpm_limit"]) == (100.0, 100000, 100)
        assert got["metadata"] == {"use_case_id": "SNOW-12345"}

    eventually(shown, 2)


def test_list(own, admin, flights):
    admin.post("/project/new", project_id="project-def", project_alias="hotel-recommendations", team_id="team-123")
    got = shell(own, LIST).ok()
    assert [{k: p[k] for k in ("project_id", "project_alias", "team_id", "spend")} for p in got] == [
        {"project_id": "project-abc", "project_alias": "flight-search-assistant", "team_id": "team-123", "spend": 0.0},
        {"project_id": "project-def", "project_alias": "hotel-recommendations", "team_id": "team-123", "spend": 0.0},
    ]


def test_delete(own, admin, flights):
    admin.post("/project/new", project_id="project-def", team_id="team-123")
    assert [p["project_id"] for p in shell(own, DELETE).ok()] == ["project-abc", "project-def"]
    assert admin.get("/project/list") == []


@pytest.mark.calls
def test_delete_is_refused_while_a_project_has_keys(own, admin, flights):
    admin.post("/project/new", project_id="project-def", team_id="team-123")
    key = admin.key_for(project_id="project-def")
    refused = shell(own, DELETE)
    assert refused.status == 400 and "key" in refused.json()["error"]["message"].lower()
    assert [p["project_id"] for p in admin.get("/project/list")] == ["project-abc", "project-def"], "none of them is gone"
    own.chat(key).raise_for_status()
    # "Delete or reassign the keys first."
    admin.post("/key/update", key=key, project_id=None)
    shell(own, DELETE).ok()
    assert admin.get("/project/list") == []


@pytest.mark.calls
def test_model_specific_quotas(own, admin, team):
    got = shell(own, QUOTAS).ok()
    assert got["metadata"] == {
        "model_tpm_limit": {"gpt-4": 50000, "gpt-3.5-turbo": 200000, "claude-3-sonnet": 100000},
        "model_rpm_limit": {"gpt-4": 50, "gpt-3.5-turbo": 500, "claude-3-sonnet": 100},
    }
    key = admin.key_for(project_id=got["project_id"])
    answers = [own.chat(key, output=1) for _ in range(51)]
    assert [a.status_code for a in answers] == [200] * 50 + [429]
    error = answers[-1].json()["error"]
    assert (error["scope"], error["scope_id"], error["limit_kind"], error["limit"]) == ("project", got["project_id"], "requests", 50)
    own.chat(key, model="gpt-3.5-turbo").raise_for_status()
    own.chat(key, model="claude-3-sonnet").raise_for_status()


@pytest.mark.calls
def test_model_specific_token_quotas(own, admin, team):
    project = admin.post("/project/new", team_id=team, metadata={"model_tpm_limit": {"gpt-4": 50}})["project_id"]
    key = admin.key_for(project_id=project)
    assert own.chat(key, output=40, max_tokens=40).status_code == 200
    refused = own.chat(key)
    assert refused.status_code == 429 and refused.json()["error"]["limit_kind"] == "tokens"
    own.chat(key, model="gpt-3.5-turbo").raise_for_status()


# The rules.


def test_who_can_call(own, admin, team):
    """new and update: "Admins or Team Admins"; delete: "Admins only"; list: what the user has access to."""
    admin.post("/user/new", user_id="alice", auto_create_key=False)
    admin.post("/user/new", user_id="bob", auto_create_key=False)
    admin.post("/team/member_add", team_id=team, member=[{"user_id": "alice", "role": "admin"}, {"user_id": "bob", "role": "user"}])
    admin.post("/team/new", team_id="other")
    foreign = admin.post("/project/new", team_id="other")["project_id"]
    alice, bob, stranger = (own.as_key(admin.key_for(**of)) for of in ({"user_id": "alice"}, {"user_id": "bob"}, {}))

    made = alice.post("/project/new", team_id=team, project_alias="hers")["project_id"]
    alice.post("/project/update", project_id=made, max_budget=5)
    assert admin.get("/project/info", project_id=made)["max_budget"] == 5
    for who, refusal in (alice, "another team"), (bob, "no admin"), (stranger, "nobody"):
        assert who.call("POST", "/project/new", json={"team_id": "other"}).status_code in (401, 403), refusal
        assert who.call("POST", "/project/update", json={"project_id": foreign, "max_budget": 1}).status_code in (401, 403), refusal
    for who in bob, stranger:
        assert who.call("POST", "/project/new", json={"team_id": team}).status_code in (401, 403)
        assert who.call("POST", "/project/update", json={"project_id": made, "max_budget": 1}).status_code in (401, 403)
    for who in alice, bob, stranger:
        assert who.call("DELETE", "/project/delete", json={"project_ids": [made]}).status_code in (401, 403)
    # A move needs the rights in both teams.
    assert alice.call("POST", "/project/update", json={"project_id": made, "team_id": "other"}).status_code in (401, 403)
    assert admin.get("/project/info", project_id=made)["team_id"] == team
    assert admin.get("/project/info", project_id=foreign)["max_budget"] is None

    for who, sees in (alice, [made]), (bob, [made]), (stranger, []), (admin, [foreign, made]):
        assert sorted(p["project_id"] for p in who.get("/project/list")) == sorted(sees)
    assert bob.get("/project/info", project_id=made)["project_id"] == made
    assert bob.call("GET", "/project/info", params={"project_id": foreign}).status_code in (401, 403)


@pytest.mark.parametrize("field", ["project_alias", "models", "max_budget", "tpm_limit", "rpm_limit", "budget_duration", "metadata", "blocked"])
def test_only_team_id_is_required_and_every_field_reads_back(admin, team, field):
    sent = {
        "project_alias": "an alias",
        "models": ["gpt-4"],
        "max_budget": 12.5,
        "tpm_limit": 7,
        "rpm_limit": 3,
        "budget_duration": "1mo",
        "metadata": {"a": {"b": [1, None]}},
        "blocked": True,
    }[field]
    project = admin.post("/project/new", team_id=team, **{field: sent})
    assert project[field] == sent
    assert admin.get("/project/info", project_id=project["project_id"])[field] == sent
    assert admin.post("/project/new", expect=422, **{field: sent})["detail"][0]["loc"] == ["body", "team_id"]


@pytest.mark.parametrize("field, value", [("project_alias", "new"), ("models", ["gpt-3.5-turbo"]), ("max_budget", 7.5), ("tpm_limit", 9), ("rpm_limit", 9), ("metadata", {"n": 1}), ("blocked", True)])
def test_update_changes_one_field_and_keeps_the_others(admin, flights, field, value):
    before = admin.get("/project/info", project_id="project-abc")
    admin.post("/project/update", project_id="project-abc", **{field: value})
    after = admin.get("/project/info", project_id="project-abc")
    assert after[field] == value
    moving = {"updated_at", "litellm_budget_table", field}
    assert {k: v for k, v in after.items() if k not in moving} == {k: v for k, v in before.items() if k not in moving}


@pytest.mark.calls
def test_a_project_that_moves_leaves_one_teams_limits_and_models_for_the_others(own, admin, flights, eventually):
    admin.post("/project/update", project_id="project-abc", models=["gpt-4"], rpm_limit=None)
    before = admin.get("/project/info", project_id="project-abc")["spend"]
    key = admin.key_for(project_id="project-abc")
    own.chat(key, output=100).raise_for_status()
    admin.post("/team/new", team_id="team-456", models=["gpt-4"], rpm_limit=1)
    admin.post("/project/update", project_id="project-abc", team_id="team-456")

    def moved_with_its_spend():
        got = admin.get("/project/info", project_id="project-abc")
        assert got["team_id"] == "team-456" and got["max_budget"] == 100
        assert got["spend"] == pytest.approx(before + (8 * 30 + 100 * 60) / 1e6, abs=1e-9)

    eventually(moved_with_its_spend, 2)
    # Its keys live under the new team's limits from the next call on.
    assert own.chat(key).status_code == 200
    refused = own.chat(key)
    assert refused.status_code == 429 and refused.json()["error"]["scope_id"] == "team-456"
    assert own.chat(key, model="gpt-3.5-turbo").status_code == 403


def test_a_project_does_not_move_to_a_team_whose_models_do_not_cover_its_own(admin, flights):
    admin.post("/team/new", team_id="team-456", models=["claude-2"])
    error = admin.post("/project/update", expect=400, project_id="project-abc", team_id="team-456")["error"]
    assert "gpt-4" in error["message"]
    assert admin.get("/project/info", project_id="project-abc")["team_id"] == "team-123"


@pytest.mark.calls
def test_a_blocked_project_refuses_all_its_keys_until_it_is_unblocked(own, admin, flights):
    keys = [admin.key_for(project_id="project-abc") for _ in range(2)]
    admin.post("/project/update", project_id="project-abc", blocked=True)
    for key in keys:
        refused = own.chat(key)
        assert refused.status_code == 401 and "project-abc" in refused.json()["error"]["message"]
    admin.post("/project/update", project_id="project-abc", blocked=False)
    for key in keys:
        assert own.chat(key).status_code == 200


@pytest.mark.calls
def test_a_project_is_born_blocked_where_it_says_so(own, admin, team):
    project = admin.post("/project/new", team_id=team, blocked=True)["project_id"]
    assert own.chat(admin.key_for(project_id=project)).status_code == 401


@pytest.mark.calls
def test_a_projects_limits_hold_across_its_keys(own, admin, team):
    project = admin.post("/project/new", team_id=team, rpm_limit=2)["project_id"]
    keys = [admin.key_for(project_id=project) for _ in range(3)]
    assert [own.chat(k).status_code for k in keys] == [200, 200, 429]


@pytest.mark.calls
def test_a_projects_models_bind_its_keys(own, admin, flights):
    key = admin.key_for(project_id="project-abc")
    assert own.chat(key, model="gpt-3.5-turbo").status_code == 200
    refused = own.chat(key, model="claude-3-sonnet")
    assert refused.status_code == 403 and refused.json()["error"]["type"] == "project_model_access_denied"
