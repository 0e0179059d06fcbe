"""Every example of the team management document as it is written there, curl and Python, and every rule of its prose."""

import pytest

from examples import python, shell

pytestmark = pytest.mark.xdist_group("documents")

NEW = """
curl -X POST http://localhost:4000/team/new \\
  -H "Authorization: Bearer sk-admin-xxx" \\
  -H "Content-Type: application/json" \\
  -d '{
    "team_id": "engineering-team",
    "team_alias": "Engineering Team",
    "models": ["gpt-4", "gpt-3.5-turbo"],
    "max_budget": 1000.0,
    "tpm_limit": 1000000,
    "rpm_limit": 10000,
    "budget_duration": "30d",
    "metadata": {
      "department": "Engineering",
      "cost_center": "CC-123"
    }
  }'
"""

NEW_PYTHON = """
import requests

response = requests.post(
    "http://localhost:4000/team/new",
    headers={"Authorization": "Bearer sk-admin-xxx"},
    json={
        "team_id": "engineering-team",
        "team_alias": "Engineering Team",
        "models": ["gpt-4", "gpt-3.5-turbo"],
        "max_budget": 1000.0,
        "tpm_limit": 1000000,
        "rpm_limit": 10000,
        "budget_duration": "30d"
    }
)

team = response.json()
print(f"Created team: {team['team_id']}")
"""

LIST = """
curl -X GET 'http://localhost:4000/team/list' \\
  -H "Authorization: Bearer sk-admin-xxx"
"""

LIST_PYTHON = """
import requests

response = requests.get(
    "http://localhost:4000/team/list",
    headers={"Authorization": "Bearer sk-admin-xxx"}
)

teams = response.json()["teams"]
for team in teams:
    print(f"Team: {team['team_alias']}")
    print(f"  Spend: ${team['spend']:.2f} / ${team['max_budget']:.2f}")
    print(f"  Models: {', '.join(team['models'])}")
"""

INFO = """
curl -X GET 'http://localhost:4000/team/info?team_id=engineering-team' \\
  -H "Authorization: Bearer sk-admin-xxx"
"""

INFO_PYTHON = """
import requests

response = requests.get(
    "http://localhost:4000/team/info",
    headers={"Authorization": "Bearer sk-admin-xxx"},
    params={"team_id": "engineering-team"}
)

team = response.json()
print(f"Team: {team['team_alias']}")
print(f"Budget: ${team['spend']:.2f} / ${team['max_budget']:.2f}")
print(f"Members: {len(team['members'])}")
"""

UPDATE = """
curl -X POST http://localhost:4000/team/update \\
  -H "Authorization: Bearer sk-admin-xxx" \\
  -H "Content-Type: application/json" \\
  -d '{
    "team_id": "engineering-team",
    "max_budget": 2000.0,
    "models": ["gpt-4", "gpt-3.5-turbo", "claude-2"]
  }'
"""

UPDATE_PYTHON = """
import requests

response = requests.post(
    "http://localhost:4000/team/update",
    headers={"Authorization": "Bearer sk-admin-xxx"},
    json={
        "team_id": "engineering-team",
        "max_budget": 2000.0,
        "tpm_limit": 2000000
    }
)
"""

DELETE = """
curl -X POST http://localhost:4000/team/delete \\
  -H "Authorization: Bearer sk-admin-xxx" \\
  -H "Content-Type: application/json" \\
  -d '{"team_ids": ["engineering-team"]}'
"""

DELETE_PYTHON = """
import requests

response = requests.post(
    "http://localhost:4000/team/delete",
    headers={"Authorization": "Bearer sk-admin-xxx"},
    json={"team_ids": ["engineering-team"]}
)
"""

BLOCK = """
curl -X POST http://localhost:4000/team/block \\
  -H "Authorization: Bearer sk-admin-xxx" \\
  -H "Content-Type: application/json" \\
  -d '{"team_id": "engineering-team"}'
"""

UNBLOCK = """
curl -X POST http://localhost:4000/team/unblock \\
  -H "Authorization: Bearer sk-admin-xxx" \\
  -H "Content-Type: application/json" \\
  -d '{"team_id": "engineering-team"}'
"""

ADD_MEMBER = """
curl -X POST http://localhost:4000/key/generate \\
  -H "Authorization: Bearer sk-admin-xxx" \\
  -H "Content-Type: application/json" \\
  -d '{
    "team_id": "engineering-team",
    "models": ["gpt-4"],
    "duration": "30d"
  }'
"""

MEMBERS_PYTHON = """
import requests

response = requests.get(
    "http://localhost:4000/team/info",
    headers={"Authorization": "Bearer sk-admin-xxx"},
    params={"team_id": "engineering-team"}
)

team = response.json()
for member in team['members']:
    print(f"Member: {member['user_id']}, Key: {member['key']}")
"""

COMPLETE_PYTHON = """
import requests
import json

BASE_URL = "http://localhost:4000"
ADMIN_KEY = "sk-admin-xxx"

headers = {
    "Authorization": f"Bearer {ADMIN_KEY}",
    "Content-Type": "application/json"
}

# 1. Create a team
team_response = requests.post(
    f"{BASE_URL}/team/new",
    headers=headers,
    json={
        "team_id": "data-science-team",
        "team_alias": "Data Science Team",
        "models": ["gpt-4", "claude-2"],
        "max_budget": 500.0,
        "tpm_limit": 500000,
        "budget_duration": "30d",
        "metadata": {"department": "Data Science"}
    }
)
print(f"Created team: {team_response.json()['team_id']}")

# 2. Create keys for team members
for i in range(3):
    key_response = requests.post(
        f"{BASE_URL}/key/generate",
        headers=headers,
        json={
            "team_id": "data-science-team",
            "user_id": f"ds-user-{i+1}",
            "models": ["gpt-4"],
            "duration": "30d"
        }
    )
    print(f"Created key for user {i+1}")

# 3. Get team info
info_response = requests.get(
    f"{BASE_URL}/team/info",
    headers=headers,
    params={"team_id": "data-science-team"}
)
team = info_response.json()
print(f"\\nTeam Info:")
print(f"  Name: {team['team_alias']}")
print(f"  Budget: ${team['spend']:.2f} / ${team['max_budget']:.2f}")
print(f"  Members: {len(team['members'])}")

# 4. Update team budget
update_response = requests.post(
    f"{BASE_URL}/team/update",
    headers=headers,
    json={
        "team_id": "data-science-team",
        "max_budget": 1000.0
    }
)
print("\\nUpdated team budget to $1000")

# 5. List all teams
list_response = requests.get(
    f"{BASE_URL}/team/list",
    headers=headers
)
teams = list_response.json()["teams"]
print(f"\\nTotal teams: {len(teams)}")
for team in teams:
    print(f"  - {team['team_alias']}: ${team['spend']:.2f} / ${team['max_budget']:.2f}")
"""

STRICT_PYTHON = """
import requests
# Create team with strict limits
team_response = requests.post(
    "http://localhost:4000/team/new",
    headers={"Authorization": "Bearer sk-admin-xxx"},
    json={
        "team_id": "startup-team",
        "max_budget": 50.0,        # $50 budget
        "tpm_limit": 100000,       # 100K tokens/min
        "rpm_limit": 1000,         # 1K requests/min
        "budget_duration": "30d"   # Resets monthly
    }
)

# All team members share these limits
"""

SENT = {
    "team_id": "engineering-team",
    "team_alias": "Engineering Team",
    "models": ["gpt-4", "gpt-3.5-turbo"],
    "max_budget": 1000.0,
    "tpm_limit": 1000000,
    "rpm_limit": 10000,
    "budget_duration": "30d",
    "metadata": {"department": "Engineering", "cost_center": "CC-123"},
}


def part(got, like):
    return {k: got[k] for k in like}


@pytest.fixture
def admin(own):
    return own.admin


@pytest.fixture
def team(own):
    return shell(own, NEW).ok()


# Create.


def test_new(own, admin):
    got = shell(own, NEW).ok()
    assert part(got, SENT) == SENT
    assert got["spend"] == 0 and got["blocked"] is False
    assert part(admin.get("/team/info", team_id="engineering-team"), SENT) == SENT


def test_new_in_python(own, admin):
    assert python(own, NEW_PYTHON) == "Created team: engineering-team\n"
    got = admin.get("/team/info", team_id="engineering-team")
    assert part(got, SENT) == {**SENT, "metadata": got["metadata"]}


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.calls
def test_a_team_can_be_born_blocked(own, admin, blocked):
    admin.post("/team/new", team_id="engineering-team", blocked=blocked)
    assert admin.get("/team/info", team_id="engineering-team")["blocked"] is blocked
    assert own.chat(admin.key_for(team_id="engineering-team")).status_code == (401 if blocked else 200)


@pytest.mark.calls
def test_spend_of_a_new_team_starts_at_zero_even_where_its_id_was_used_before(own, admin, team, eventually):
    key = admin.key_for(team_id="engineering-team")
    own.chat(key, output=100).raise_for_status()

    def spent():
        assert admin.get("/team/info", team_id="engineering-team")["spend"] > 0

    eventually(spent, 2)
    shell(own, DELETE).ok()
    assert shell(own, NEW).ok()["spend"] == 0
    admin.post("/team/update", team_id="engineering-team", max_budget=0.005)
    assert admin.get("/team/info", team_id="engineering-team")["spend"] == 0
    assert own.chat(admin.key_for(team_id="engineering-team"), output=10, max_tokens=10).status_code == 200


# List.


def test_list(own, team):
    got = shell(own, LIST).ok()["teams"]
    assert [part(t, SENT) for t in got] == [SENT]
    assert got[0]["spend"] == 0


def test_list_in_python(own, admin, team):
    admin.post("/team/new", team_id="second", team_alias="Second", models=["claude-2"], max_budget=12.345)
    assert python(own, LIST_PYTHON) == (
        "Team: Engineering Team\n  Spend: $0.00 / $1000.00\n  Models: gpt-4, gpt-3.5-turbo\n"
        "Team: Second\n  Spend: $0.00 / $12.35\n  Models: claude-2\n"
    )


def test_list_as_an_array_for_who_wants_that(admin, team):
    assert [t["team_id"] for t in admin.get("/team/list", format="array")] == ["engineering-team"]


# Info.


def test_info(own, team):
    got = shell(own, INFO).ok()
    assert part(got, SENT) == SENT
    assert got["spend"] == 0 and got["members"] == []
    assert part(got["team_info"], SENT) == SENT
    assert got["keys"] == [] and got["team_memberships"] == []


@pytest.mark.calls
def test_info_in_python_with_a_key_and_a_keyless_member(own, admin, team, eventually):
    admin.post("/team/member_add", team_id="engineering-team", member={"user_id": "alice", "role": "user"})
    key = admin.key_for(team_id="engineering-team", user_id="bob")
    before = admin.get("/team/info", team_id="engineering-team")["spend"]  # of another test's team of that id
    own.chat(key, output=4000).raise_for_status()
    after = before + (8 * 30 + 4000 * 60) / 1e6

    def printed():
        assert python(own, INFO_PYTHON) == f"Team: Engineering Team\nBudget: ${after:.2f} / $1000.00\nMembers: 2\n"

    eventually(printed, 3)


def test_members_in_python(own, admin, team):
    """Keys and users: one entry for each key, and for each member without one."""
    key = shell(own, ADD_MEMBER).ok()["key"]
    hers = admin.key_for(team_id="engineering-team", user_id="alice")
    admin.post("/team/member_add", team_id="engineering-team", member={"user_id": "bob", "role": "user"})
    lines = sorted(python(own, MEMBERS_PYTHON).splitlines())
    assert lines == sorted([f"Member: None, Key: sk-...{key[-4:]}", f"Member: alice, Key: sk-...{hers[-4:]}", "Member: bob, Key: None"])


# Update.


@pytest.mark.calls
def test_update(own, admin, team):
    shell(own, UPDATE).ok()
    got = admin.get("/team/info", team_id="engineering-team")
    assert part(got, SENT) == {**SENT, "max_budget": 2000.0, "models": ["gpt-4", "gpt-3.5-turbo", "claude-2"]}
    assert own.chat(admin.key_for(team_id="engineering-team"), model="claude-2").status_code == 200


def test_update_in_python(own, admin, team):
    assert python(own, UPDATE_PYTHON) == ""
    assert part(admin.get("/team/info", team_id="engineering-team"), SENT) == {**SENT, "max_budget": 2000.0, "tpm_limit": 2000000}


@pytest.mark.parametrize(
    "field, value",
    [("team_alias", "Renamed"), ("models", ["claude-2"]), ("max_budget", 1.5), ("tpm_limit", 5), ("rpm_limit", 6), ("metadata", {"new": [1]}), ("blocked", True), ("budget_duration", "1d")],
)
def test_update_changes_one_field_and_keeps_the_others(admin, team, field, value):
    before = admin.get("/team/info", team_id="engineering-team")["team_info"]
    admin.post("/team/update", team_id="engineering-team", **{field: value})
    after = admin.get("/team/info", team_id="engineering-team")["team_info"]
    assert after[field] == value
    moving = {field, "updated_at"} | ({"budget_reset_at"} if field == "budget_duration" else set())
    assert {k: v for k, v in after.items() if k not in moving} == {k: v for k, v in before.items() if k not in moving}


# Delete.


@pytest.mark.parametrize("run, example", [(shell, DELETE), (python, DELETE_PYTHON)], ids=["curl", "python"])
@pytest.mark.calls
def test_delete(own, admin, team, run, example):
    key = admin.key_for(team_id="engineering-team")
    own.chat(key).raise_for_status()
    run(own, example)
    assert admin.get("/team/list")["teams"] == []
    admin.get("/team/info", expect=404, team_id="engineering-team")
    assert own.chat(key).status_code == 401, "its keys are gone with it"


# Block.


@pytest.mark.calls
def test_block_and_unblock(own, admin, team):
    keys = [admin.key_for(team_id="engineering-team") for _ in range(2)]
    shell(own, BLOCK).ok()
    assert admin.get("/team/info", team_id="engineering-team")["blocked"] is True
    for key in keys:
        refused = own.chat(key)
        assert refused.status_code == 401 and "engineering-team" in refused.json()["error"]["message"]
    shell(own, UNBLOCK).ok()
    for key in keys:
        assert own.chat(key).status_code == 200


# Members.


@pytest.mark.calls
def test_a_members_key_inherits_the_teams_models_and_pays_from_its_budget(own, admin, team, eventually):
    got = shell(own, ADD_MEMBER).ok()
    assert got["team_id"] == "engineering-team" and got["models"] == ["gpt-4"] and got["expires"]
    assert own.chat(got["key"]).status_code == 200
    assert own.chat(got["key"], model="gpt-3.5-turbo").status_code == 403, "its own list binds as well"
    inherits = admin.key_for(team_id="engineering-team")
    assert own.chat(inherits, model="gpt-3.5-turbo", output=4000).status_code == 200
    refused = own.chat(inherits, model="claude-2")
    assert refused.status_code == 403 and refused.json()["error"]["type"] == "team_model_access_denied"

    def attributed():
        assert admin.get("/team/info", team_id="engineering-team")["spend"] > 0.006

    eventually(attributed, 2)


# The complete example.


def test_the_complete_example(own, admin):
    assert python(own, COMPLETE_PYTHON) == (
        "Created team: data-science-team\n"
        "Created key for user 1\nCreated key for user 2\nCreated key for user 3\n"
        "\nTeam Info:\n  Name: Data Science Team\n  Budget: $0.00 / $500.00\n  Members: 3\n"
        "\nUpdated team budget to $1000\n"
        "\nTotal teams: 1\n  - Data Science Team: $0.00 / $1000.00\n"
    )
    info = admin.get("/team/info", team_id="data-science-team")
    assert [m["user_id"] for m in info["members"]] == ["ds-user-1", "ds-user-2", "ds-user-3"]
    assert info["metadata"] == {"department": "Data Science"} and info["tpm_limit"] == 500000


# Budgets and rate limits of teams.


def test_strict_limits(own, admin):
    assert python(own, STRICT_PYTHON) == ""
    got = admin.get("/team/info", team_id="startup-team")
    assert (got["max_budget"], got["tpm_limit"], got["rpm_limit"], got["budget_duration"]) == (50.0, 100000, 1000, "30d")
    assert got["budget_reset_at"]


@pytest.mark.calls
def test_all_keys_share_the_teams_budget_and_none_exceeds_it(own, admin, unique, eventually):
    team, one = unique("team"), (8 * 30 + 40 * 60) / 1e6  # what a call with 40 tokens costs
    admin.post("/team/new", team_id=team, max_budget=2 * one + 0.00025, budget_duration="30d")
    keys = [admin.key_for(team_id=team) for _ in range(3)]
    answers = [own.chat(k, output=40, max_tokens=40) for k in keys]
    assert [a.status_code for a in answers] == [200, 200, 422]
    error = answers[2].json()["error"]
    assert error["type"] == "budget_exceeded" and error["scope"] == "team" and error["scope_id"] == team

    def tracked():
        assert admin.get("/team/info", team_id=team)["spend"] == pytest.approx(2 * one, abs=1e-9)

    eventually(tracked, 2)
    # The refused call cost nothing, and more budget serves at once.
    admin.post("/team/update", team_id=team, max_budget=10)
    assert own.chat(keys[2]).status_code == 200


@pytest.mark.parametrize("limit, calls", [({"rpm_limit": 3}, [200, 200, 200, 429]), ({"tpm_limit": 100}, [200, 200, 429])], ids=["rpm", "tpm"])
@pytest.mark.calls
def test_all_keys_share_the_teams_rate_limits_and_are_told_429(own, admin, unique, limit, calls):
    team = unique("team")
    admin.post("/team/new", team_id=team, **limit)
    keys = [admin.key_for(team_id=team) for _ in calls]
    answers = [own.chat(k, output=40, max_tokens=40) for k in keys]
    assert [a.status_code for a in answers] == calls
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["error"]["scope_id"] == team


@pytest.mark.parametrize("duration", ["1d", "30d", None], ids=["daily", "monthly", "never"])
def test_budgets_reset_daily_monthly_or_never(admin, duration):
    got = admin.post("/team/new", team_id="startup-team", max_budget=1, budget_duration=duration)
    assert got["budget_duration"] == duration
    assert (got["budget_reset_at"] is None) == (duration is None)
