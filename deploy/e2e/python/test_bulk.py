"""Changes of many things at once, budgets of access groups, reports of one thing."""

import datetime


def test_many_keys_each_on_its_own(admin, as_key, chat, unique):
    a, b = admin.key_for(max_budget=1), admin.key_for()
    got = admin.post("/key/bulk_update", keys=[{"key": a, "max_budget": 0}, {"key": "sk-nobody-has-this-key"}, {"key": b, "max_budget": -1}, {"key": b, "tags": ["x"]}])
    assert got["total_requested"] == 4
    assert [u["key_info"].get("max_budget") for u in got["successful_updates"]] == [0, None]
    assert len(got["failed_updates"]) == 2 and "max_budget" in got["failed_updates"][1]["failed_reason"]
    assert [u["key"] for u in got["successful_updates"]] == [a, b] and [u["key"] for u in got["failed_updates"]] == ["sk-nobody-has-this-key", b]
    assert not any(key in str(u.get("key_info")) + str(u.get("failed_reason")) for u in got["successful_updates"] + got["failed_updates"] for key in (a, b))
    assert chat(a, output=5).status_code == 422
    assert chat(b, output=5).status_code == 200
    assert as_key(b).call("POST", "/key/bulk_update", json={"keys": [{"key": a}]}).status_code == 401
    assert admin.call("POST", "/key/bulk_update", json={"keys": [{"key": a}] * 501}).status_code == 400


def test_all_keys_of_a_team(admin, chat, unique):
    team = unique("team")
    admin.post("/team/new", team_id=team)
    own, other = admin.key_for(team_id=team), admin.key_for()
    got = admin.post("/team/key/bulk_update", team_id=team, all_keys_in_team=True, update_fields={"models": ["gpt-3.5-turbo"]})
    assert got["total_requested"] == 1 and len(got["successful_updates"]) == 1
    assert chat(own, output=5).status_code == 403 and chat(other, output=5).status_code == 200
    got = admin.post("/team/key/bulk_update", team_id=team, key_ids=[own, other], update_fields={"rpm_limit": 0})
    assert len(got["successful_updates"]) == 1 and team in got["failed_updates"][0]["failed_reason"]
    assert chat(other, output=5).status_code == 200
    for bad in {"team_id": unique()}, {"key_ids": [own], "all_keys_in_team": True}, {"all_keys_in_team": True}:
        body = {"team_id": team, "update_fields": {"key_alias": "x"}, **bad}
        assert admin.call("POST", "/team/key/bulk_update", json=body).status_code in (400, 404)


def test_permissions_of_many_teams(admin, as_key, unique):
    teams = [unique("team") for _ in range(2)]
    for t in teams:
        admin.post("/team/new", team_id=t, members_with_roles=[{"user_id": t + "-m", "role": "user"}])
    member = as_key(admin.key_for(user_id=teams[0] + "-m", team_id=teams[0]))
    assert member.call("POST", "/key/generate", json={"team_id": teams[0]}).status_code == 401
    assert admin.call("POST", "/team/permissions_bulk_update", json={"permissions": ["/key/generate"], "team_ids": [teams[0], unique()]}).status_code == 404
    assert member.call("POST", "/key/generate", json={"team_id": teams[0]}).status_code == 401, "all or none"
    got = admin.post("/team/permissions_bulk_update", permissions=["/key/generate"], team_ids=teams)
    assert got["teams_updated"] == 2 and got["permissions_appended"] == ["/key/generate"]
    for t in teams:
        assert "/key/generate" in admin.get("/team/permissions_list", team_id=t)["team_member_permissions"]
    member.post("/key/generate", team_id=teams[0])
    assert member.call("POST", "/team/permissions_bulk_update", json={"permissions": ["/key/generate"], "apply_to_all_teams": True}).status_code == 401
    assert admin.call("POST", "/team/permissions_bulk_update", json={"permissions": ["/fly"], "team_ids": teams}).status_code == 400


def test_a_budget_for_an_access_group(make_stack, eventually):
    with make_stack() as own:
        admin, path = own.admin, "/access_group/beta-models/budget"
        group = admin.get("/access_group/beta-models/info")
        inside = group["model_names"][0]
        outside = next(m["id"] for m in admin.get("/v1/models")["data"] if m["id"] not in group["model_names"] and m["id"].startswith("gpt-"))
        assert admin.get(path) == {"access_group": "beta-models", "spend": 0, "budget": None}
        key, another = admin.key_for(), admin.key_for()
        assert own.chat(key, model=inside, output=5).status_code == 200
        got = admin.put(path, max_budget=0.0005, budget_duration="1d")
        assert got["budget"]["max_budget"] == 0.0005 and got["budget"]["budget_duration"] == "1d" and got["budget"]["budget_reset_at"]
        for _ in range(200):
            r = own.chat(key, "word " * 500, model=inside, output=40)
            if r.status_code != 200:
                break
        assert r.status_code == 422 and r.json()["error"]["scope_id"] == "access_group:beta-models"
        assert own.chat(another, "word " * 500, model=inside, output=40).status_code == 422, "everybody together"
        assert own.chat(another, "word " * 500, model=inside, output=40, metadata={"tags": ["access_group:beta-models"]}).status_code == 422
        assert own.chat(another, model=outside, output=5, metadata={"tags": ["access_group:beta-models"]}).status_code == 200, "a tag of that name is nobody's to send"

        def counted():
            assert 0 < admin.get(path)["spend"] <= 0.0005

        eventually(counted)
        assert admin.put(path, max_budget=10)["budget"]["budget_duration"] is None, "replaced whole"
        assert own.chat(another, model=inside, output=5).status_code == 200
        assert admin.delete(path)["budget_deleted"] is True
        assert admin.call("DELETE", path).status_code == 404
        assert admin.call("GET", "/access_group/nothing/budget").status_code == 404
        assert own.as_key(key).call("PUT", path, json={"max_budget": 1}).status_code == 401
        assert own.chat(key, model=inside, output=5).status_code == 200


def test_reports_of_one_thing(admin, as_key, chat, rows, unique, eventually):
    team, user, tag = unique("team"), unique("user"), unique("tag")
    admin.post("/team/new", team_id=team, team_alias="Alias", members_with_roles=[{"user_id": user, "role": "user"}])
    key = admin.key_for(team_id=team, user_id=user)
    assert chat(key, output=10, metadata={"tags": [tag]}).status_code == 200
    spend = rows(admin, key)[0]["spend"]
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()

    by_user = admin.get("/team/spend/by_user", team_ids=team)
    assert by_user["end_date"] == today
    assert [(r["team_alias"], r["user_id"], r["spend"], r["api_requests"]) for r in by_user["results"]] == [("Alias", user, spend, 1)]
    summary = admin.get("/tag/summary", start_date=today, end_date=today, tag_filter=tag)["results"]
    assert [(r["tag"], r["unique_users"], r["total_requests"], r["total_spend"]) for r in summary] == [(tag, 1, 1, spend)]
    for path, params, group, total in (
        ("/team/spend/report", {"team_id": team}, "teams", 1), ("/user/spend/report", {"internal_user_id": user}, "users", 1), ("/key/spend/report", {"api_key": key}, "api_keys", 1),
    ):
        days = admin.get(path, **params)
        assert len(days) == 1 and days[0][group][0]["total_spend"] == spend, path
    own = as_key(key)
    assert own.get("/key/spend/report")[0]["api_keys"][0]["total_spend"] == spend
    assert own.call("GET", "/key/spend/report", params={"api_key": admin.key_for()}).status_code in (401, 403)
    assert own.call("GET", "/team/spend/report", params={"team_id": team}).status_code in (401, 403)
    assert own.call("GET", "/team/spend/by_user").status_code in (401, 403)
    assert own.call("GET", "/tag/summary").status_code in (401, 403)
    assert admin.call("GET", "/team/spend/report", params={"start_date": "soon"}).status_code == 400


def test_what_is_not_supported_says_so(admin, stack):
    import requests

    for method, path in (("GET", "/spend/capture_rate"), ("GET", "/health/backlog")):
        r = admin.call(method, path)
        assert r.status_code == 501 and r.json()["detail"]["error"].startswith("Not supported: "), path
        assert requests.request(method, stack.url + path).status_code == 401


def test_lists_with_their_filters(admin, unique):
    team = unique("team")
    admin.post("/team/new", team_id=team)
    ids = {name: admin.post("/key/generate", team_id=team, key_alias=f"{team}-{name}", **more)["token"] for name, more in
           {"soon": {"duration": "1h"}, "late": {"duration": "30d"}, "never": {}, "blocked": {"blocked": True}}.items()}
    for params, want in (
        ({"expires": "7d"}, ["soon"]), ({"expires": "never"}, ["blocked", "never"]), ({"status": "active"}, ["never", "late", "soon"]), ({"status": "revoked"}, ["blocked"]),
        ({"key_alias": f"{team}-late"}, ["late"]), ({"search": "-so"}, ["soon"]), ({"sort_by": "key_alias", "sort_order": "asc"}, ["blocked", "late", "never", "soon"]),
        ({"size": 1, "page": 2, "sort_by": "key_alias", "sort_order": "asc"}, ["late"]),
    ):
        got = admin.get("/key/list", team_id=team, **params)["keys"]
        assert got == [ids[n] for n in want], params
    assert admin.call("GET", "/key/list", params={"expires": "some day"}).status_code == 400
    assert admin.get("/key/aliases", team_id=team, search="LATE")["aliases"] == [f"{team}-late"]
    both = admin.post("/v2/key/info", keys=[ids["soon"], ids["late"]])
    assert [i["key_alias"] for i in both["info"]] == [f"{team}-soon", f"{team}-late"]
