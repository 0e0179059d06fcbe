"""LiteLLM's own client library, unchanged, against Purser: every call it has. Those for credentials hear why there are
none: a provider's key is a part of its model."""

import hashlib

import pytest
import requests
from litellm.proxy.client import Client, UsersManagementClient
from litellm.proxy.client.exceptions import NotFoundError, UnauthorizedError
from litellm.proxy.client.health import HealthManagementClient


@pytest.fixture
def client(stack):
    return Client(base_url=stack.url, api_key=stack.master)


@pytest.fixture
def users(stack):
    return UsersManagementClient(base_url=stack.url, api_key=stack.master)


def token(key):
    return hashlib.sha256(key.encode()).hexdigest()


def test_keys(client, admin, unique, chat):
    alias, team, user = unique("alias"), unique("team"), unique("user")
    admin.post("/team/new", team_id=team)
    made = client.keys.generate(models=["gpt-4"], aliases={"mine": "gpt-4"}, spend=0, duration="1h", key_alias=alias, team_id=team, user_id=user, config={})
    key = made["key"]
    assert key.startswith("sk-") and made["token"] == token(key)
    assert (made["models"], made["aliases"], made["key_alias"], made["team_id"], made["user_id"]) == (["gpt-4"], {"mine": "gpt-4"}, alias, team, user)
    assert made["expires"]
    assert chat(key, model="mine").status_code == 200

    for found in (
        client.keys.list(key_alias=alias),
        client.keys.list(team_id=team),
        client.keys.list(user_id=user),
        client.keys.list(key_hash=token(key)),
        client.keys.list(team_id=team, include_team_keys=True),
    ):
        assert found["keys"] == [token(key)]
        assert (found["total_count"], found["current_page"], found["total_pages"]) == (1, 1, 1)
    (whole,) = client.keys.list(key_alias=alias, return_full_object=True)["keys"]
    assert (whole["token"], whole["key_alias"], whole["models"]) == (token(key), alias, ["gpt-4"])

    second = client.keys.generate(team_id=team, key_alias=unique("alias"))["key"]
    pages = [client.keys.list(team_id=team, page=n, size=1)["keys"] for n in (1, 2)]
    assert sorted(sum(pages, [])) == sorted([token(key), token(second)])

    for name in key, token(key):
        got = client.keys.info(name)
        assert got["key"] == name and got["info"]["key_alias"] == alias and got["info"]["spend"] >= 0
    client.keys.update(key=key, models=["gpt-3.5-turbo"], aliases={}, key_alias=alias + "2", duration="2h", user_id=user)
    info = client.keys.info(key)["info"]
    assert (info["models"], info["key_alias"], info["team_id"]) == (["gpt-3.5-turbo"], alias + "2", team)
    assert chat(key).status_code == 403

    # As its `keys import` brings a key along from another proxy.
    came = client.keys.generate(spend=2.5, key_alias=unique("alias"))["key"]
    assert client.keys.info(came)["info"]["spend"] == 2.5
    assert chat(admin.key_for(spend=2.5, max_budget=2.5)).status_code == 422

    assert client.keys.delete(keys=[key]) == {"deleted_keys": [key]}
    assert chat(key).status_code == 401
    assert client.keys.list(key_alias=alias + "2")["keys"] == []
    alias2 = client.keys.info(second)["info"]["key_alias"]
    assert client.keys.delete(key_aliases=[alias2])["deleted_keys"]
    assert chat(second).status_code == 401
    with pytest.raises(requests.HTTPError) as e:
        client.keys.info("sk-there-is-no-such-key")
    assert e.value.response.status_code == 404


def test_teams(client, admin, unique):
    ids = [unique("team") for _ in range(2)]
    for i, team in enumerate(ids):
        admin.post("/team/new", team_id=team, team_alias=f"alias {team}", models=["gpt-4"], max_budget=10 + i)
    page = client.teams.list_v2(team_id=ids[0])
    assert [t["team_id"] for t in page["teams"]] == [ids[0]]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (1, 1, 10, 1)
    assert [t["team_id"] for t in client.teams.list_v2(team_alias=f"alias {ids[1]}")["teams"]] == [ids[1]]
    newest = client.teams.list_v2(page_size=2, sort_by="created_at", sort_order="desc")["teams"]
    assert newest[0]["created_at"] >= newest[1]["created_at"]

    user = unique("user")
    admin.post("/team/member_add", team_id=ids[0], member={"user_id": user, "role": "user"})
    assert [t["team_id"] for t in client.teams.list_v2(user_id=user)["teams"]] == [ids[0]]
    # /team/list is the documents' object by default: their own examples read "teams" from it.
    assert [t["team_id"] for t in client.teams.list(user_id=user)["teams"]] == [ids[0]]
    assert isinstance(client.teams.get_available(), list)

    admin.post("/team/delete", team_ids=ids)
    assert client.teams.list_v2(team_id=ids[0])["teams"] == []


def test_users(users, unique, chat):
    user, email = unique("user"), unique("mail") + "@example.com"
    made = users.create_user({"user_id": user, "user_email": email, "user_role": "internal_user", "max_budget": 5, "models": ["gpt-4"]})
    assert made["user_id"] == user and made["user_email"] == email and made["max_budget"] == 5
    assert chat(made["key"]).status_code == 200
    assert chat(made["key"], model="claude-2").status_code == 403

    assert [u["user_id"] for u in users.list_users({"user_ids": user})] == [user]
    assert [u["user_id"] for u in users.list_users({"user_email": email})] == [user]
    got = users.get_user(user)
    assert got["user_id"] == user and got["user_info"]["user_email"] == email and got["teams"] == []
    assert [k["token"] for k in got["keys"]] == [token(made["key"])]
    assert users.get_user_v2(user)["user_id"] == user

    assert users.delete_user([user]) == 1
    with pytest.raises(NotFoundError):
        users.get_user(user)
    assert users.list_users({"user_ids": user}) == []
    assert chat(made["key"]).status_code == 401, "a user's keys go with it"


def test_models(client):
    listed = {m["id"] for m in client.models.list()}
    assert {"gpt-4", "gpt-3.5-turbo", "claude-2", "text-embedding-ada-002"} <= listed
    infos = client.models.info()
    assert {m["model_name"] for m in infos} == listed
    one = client.models.get(model_name="gpt-4")
    assert one["model_info"]["input_cost_per_token"] == pytest.approx(0.00003)
    assert client.models.get(model_id=one["model_info"]["id"]) == one
    assert "sk-fake" not in str(infos), "secrets of providers are not shown"
    with pytest.raises(NotFoundError):
        client.models.get(model_name="no-such-model")


def test_models_can_be_added_and_removed(client, stack, unique, chat, admin):
    name = unique("model")
    made = client.models.new(
        name,
        {"model": "openai/gpt-4", "api_base": stack.fake.url + "/v1", "api_key": stack.fake.key},
        {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002},
    )
    model_id = made["model_info"]["id"]
    assert name in {m["id"] for m in client.models.list()}
    assert chat(admin.key_for(), model=name).status_code == 200
    client.models.update(model_id, {"model": "openai/gpt-3.5-turbo", "api_base": stack.fake.url + "/v1", "api_key": stack.fake.key})
    client.models.delete(model_id)
    assert name not in {m["id"] for m in client.models.list()}
    with pytest.raises((NotFoundError, requests.HTTPError)):
        client.models.delete(model_id)


def test_model_groups(client):
    groups = {g["model_group"]: g for g in client.model_groups.info()}
    assert groups["gpt-4"]["providers"] == ["openai"] and groups["gpt-4"]["mode"] == "chat"
    assert sorted(groups["claude-2"]["providers"]) == ["anthropic", "openai"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_chat(client, stack, admin, rows, stream):
    key = admin.key_for()
    chat = Client(base_url=stack.url, api_key=key).chat
    messages = [{"role": "user", "content": 'hello fake:{"output_tokens":11}'}]
    if stream:
        chunks = list(chat.completions_stream("gpt-4", messages, temperature=0.5, user="someone"))
        assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    else:
        assert chat.completions("gpt-4", messages, temperature=0.5, max_tokens=20, user="someone")["usage"]["completion_tokens"] == 11
    (row,) = rows(admin, key)
    assert row["completion_tokens"] == 11 and row["end_user"] == "someone"


def test_health(stack):
    health = HealthManagementClient(base_url=stack.url, api_key=stack.master)
    ready = health.get_readiness()
    assert ready["status"] == "healthy" and ready["db"] == "connected"
    assert health.get_server_version() == ready["litellm_version"]


def test_credentials_say_where_keys_of_providers_are(client):
    calls = (
        client.credentials.list,
        lambda: client.credentials.create("c", {}, {"api_key": "x"}),
        lambda: client.credentials.get("c"),
        lambda: client.credentials.update_display_name("c", "d"),
        lambda: client.credentials.delete("c"),
    )
    for call in calls:
        with pytest.raises(requests.HTTPError) as e:
            call()
        assert e.value.response.status_code == 501 and "litellm_params" in e.value.response.text


def test_every_call_of_the_client_is_called_here(client):
    """A release of the client with a new call fails here, until it is tried."""
    tried = {
        "chat": {"completions", "completions_stream"}, "credentials": {"create", "delete", "get", "list", "update_display_name"}, "http": {"request"},
        "keys": {"delete", "generate", "info", "list", "update"}, "model_groups": {"info"}, "models": {"delete", "get", "info", "list", "new", "update"},
        "teams": {"get_available", "list", "list_v2"},
    }
    has = {part: {m for m in dir(getattr(client, part)) if not m.startswith("_")} for part in vars(client) if not part.startswith("_")}
    assert has == tried
    assert {m for m in dir(UsersManagementClient) if not m.startswith("_")} == {"create_user", "delete_user", "get_user", "get_user_v2", "list_users"}
    assert {m for m in dir(HealthManagementClient) if not m.startswith("_")} == {"get_readiness", "get_server_version"}


def test_plain_http(client):
    assert client.http.request("GET", "/key/info", params={"key": client.keys.generate()["key"]})["info"]["spend"] == 0


def test_a_wrong_key_is_the_clients_own_unauthorized_error(stack):
    wrong = Client(base_url=stack.url, api_key="sk-this-key-does-not-exist")
    for call in wrong.keys.list, wrong.keys.generate, wrong.teams.list, wrong.teams.list_v2, wrong.models.list, wrong.models.info, wrong.model_groups.info:
        with pytest.raises(UnauthorizedError):
            call()
    with pytest.raises(UnauthorizedError):
        UsersManagementClient(base_url=stack.url, api_key="sk-this-key-does-not-exist").list_users()


def test_a_virtual_key_may_not_manage(stack, admin):
    own = Client(base_url=stack.url, api_key=admin.key_for())
    for call in own.keys.generate, lambda: own.keys.delete(keys=["sk-1234567890123456"]):
        with pytest.raises((UnauthorizedError, requests.HTTPError)) as e:
            call()
        assert isinstance(e.value, UnauthorizedError) or e.value.response.status_code in (403, 404)
