"""The examples of the project management document, as they stand there."""

import pytest


@pytest.fixture
def team(admin, unique):
    team_id = unique("team")
    admin.post("/team/new", team_id=team_id, models=["gpt-4", "gpt-3.5-turbo", "claude-3-sonnet"])
    return team_id


def test_walk_through_from_project_to_spend(admin, chat, team, eventually):
    project = admin.post(
        "/project/new",
        project_alias="flight-search-assistant",
        team_id=team,
        models=["gpt-4", "gpt-3.5-turbo"],
        max_budget=100,
        metadata={"use_case_id": "SNOW-12345", "responsible_ai_id": "RAI-67890"},
    )
    assert project["project_alias"] == "flight-search-assistant"
    assert project["team_id"] == team
    assert project["models"] == ["gpt-4", "gpt-3.5-turbo"]
    assert project["max_budget"] == 100
    assert project["metadata"] == {"use_case_id": "SNOW-12345", "responsible_ai_id": "RAI-67890"}
    assert project["litellm_budget_table"]["max_budget"] == 100

    key = admin.post(
        "/key/generate",
        models=["gpt-3.5-turbo", "gpt-4"],
        metadata={"user": "ishaan@berri.ai"},
        project_id=project["project_id"],
    )
    assert key["key"].startswith("sk-")
    assert key["key_name"] == "sk-..." + key["key"][-4:]
    assert key["project_id"] == project["project_id"]

    answer = chat(key["key"], "What is litellm?")
    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    cost = (usage["prompt_tokens"] * 30 + usage["completion_tokens"] * 60) / 1e6
    assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(cost, abs=1e-9)

    def row():
        rows = admin.get("/spend/logs", api_key=key["key"])
        assert len(rows) == 1
        return rows[0]

    logged = eventually(row, 2)
    assert logged["metadata"]["user_api_key_project_id"] == project["project_id"]
    assert logged["request_id"] == answer.json()["id"]
    assert logged["spend"] == pytest.approx(cost, abs=1e-9)
    assert (logged["prompt_tokens"], logged["completion_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"])

    def spent():
        info = admin.get("/project/info", project_id=project["project_id"])
        assert info["spend"] == pytest.approx(cost, abs=1e-9)
        assert info["model_spend"] == {"gpt-4": pytest.approx(cost, abs=1e-9)}

    eventually(spent, 2)


def test_new_project_with_limits(admin, team):
    p = admin.post(
        "/project/new",
        project_alias="hotel-recommendations",
        team_id=team,
        models=["claude-3-sonnet"],
        max_budget=200,
        tpm_limit=100000,
        metadata={"use_case_id": "SNOW-12346", "cost_center": "travel-products"},
    )
    assert p["spend"] == 0.0
    assert p["budget_id"]
    assert p["metadata"] == {"use_case_id": "SNOW-12346", "cost_center": "travel-products"}
    assert p["created_at"] and p["updated_at"]
    assert p["tpm_limit"] == 100000


def test_update_replaces_what_is_sent_and_keeps_the_rest(admin, team):
    p = admin.post("/project/new", project_alias="a", team_id=team, models=["gpt-4"], max_budget=100, rpm_limit=7, metadata={"old": 1})
    admin.post("/project/update", project_id=p["project_id"], max_budget=200, tpm_limit=200000, metadata={"status": "production"})
    got = admin.get("/project/info", project_id=p["project_id"])
    assert (got["max_budget"], got["tpm_limit"], got["rpm_limit"]) == (200, 200000, 7)
    assert got["metadata"] == {"status": "production"}
    assert got["models"] == ["gpt-4"] and got["project_alias"] == "a"
    assert got["litellm_budget_table"]["max_budget"] == 200


def test_info_and_list(admin, team):
    p = admin.post("/project/new", project_alias="listed", team_id=team, models=["gpt-4"])
    listed = [x for x in admin.get("/project/list") if x["project_id"] == p["project_id"]]
    assert len(listed) == 1
    assert listed[0]["project_alias"] == "listed" and listed[0]["team_id"] == team and listed[0]["spend"] == 0


def test_delete_is_refused_while_keys_exist(admin, team):
    p = admin.post("/project/new", team_id=team)
    key = admin.key(project_id=p["project_id"])
    r = admin.call("DELETE", "/project/delete", json={"project_ids": [p["project_id"]]})
    assert r.status_code == 400 and "key" in r.json()["error"]["message"].lower()
    admin.get("/project/info", project_id=p["project_id"])
    admin.post("/key/delete", keys=[key])
    deleted = admin.delete("/project/delete", project_ids=[p["project_id"]])
    assert [d["project_id"] for d in deleted] == [p["project_id"]]
    admin.get("/project/info", expect=404, project_id=p["project_id"])


def test_model_specific_quotas_are_enforced(admin, chat, team):
    p = admin.post(
        "/project/new",
        project_alias="multi-model-project",
        team_id=team,
        models=["gpt-4", "gpt-3.5-turbo", "claude-3-sonnet"],
        max_budget=500,
        metadata={
            "model_tpm_limit": {"gpt-4": 50000, "gpt-3.5-turbo": 200000, "claude-3-sonnet": 100000},
            "model_rpm_limit": {"gpt-4": 2, "gpt-3.5-turbo": 500, "claude-3-sonnet": 100},
        },
    )
    assert p["metadata"]["model_rpm_limit"]["gpt-4"] == 2
    key = admin.key(project_id=p["project_id"])
    assert [chat(key).status_code for _ in range(3)] == [200, 200, 429]
    assert chat(key, model="gpt-3.5-turbo").status_code == 200
