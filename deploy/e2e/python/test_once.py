"""Idempotency-Key on creating calls, through Envoy: whoever did not hear the answer asks again and hears it, and
nothing is made twice."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import requests


def send(stack, as_key, once, path, **body):
    return requests.post(stack.url + path, json=body, headers={"Authorization": f"Bearer {as_key}", "Idempotency-Key": once}, timeout=60)


def test_a_key_is_made_once(stack, admin, unique, chat):
    once, alias = unique(), unique()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(stack, stack.master, once, "/key/generate", key_alias=alias, max_budget=1), range(8)))
    assert {r.status_code for r in answers} == {200}
    assert len({r.text for r in answers}) == 1
    assert sorted(r.headers.get("Idempotent-Replayed", "") for r in answers) == [""] + ["true"] * 7
    assert admin.get("/key/list", key_alias=alias)["total_count"] == 1
    key = answers[0].json()["key"]
    assert chat(key).status_code == 200
    other = send(stack, stack.master, once, "/key/generate", key_alias=alias, max_budget=2)
    assert other.status_code == 422 and other.json()["error"]["param"] == "Idempotency-Key"
    with psycopg.connect(stack.info["database_url"]) as db:  # nothing kept shows the key
        assert not [row for row in db.execute("SELECT reply FROM idempotency") if key.encode() in row[0]]


def test_a_regenerated_key_is_not_lost_with_its_answer(stack, admin, unique, chat):
    old, once = admin.key_for(max_budget=1), unique()
    first = send(stack, stack.master, once, "/key/regenerate", key=old)
    again = send(stack, stack.master, once, "/key/regenerate", key=old)
    assert first.status_code == 200 and again.text == first.text
    assert chat(first.json()["key"]).status_code == 200 and chat(old).status_code == 401


def test_what_was_refused_may_be_sent_again(stack, admin, unique):
    once, team = unique(), unique()
    assert send(stack, stack.master, once, "/project/new", team_id=team).status_code == 404
    admin.post("/team/new", team_id=team)
    made = send(stack, stack.master, once, "/project/new", team_id=team)
    assert made.status_code == 200
    assert send(stack, stack.master, once, "/project/new", team_id=team).json()["project_id"] == made.json()["project_id"]
    assert [p["project_id"] for p in admin.get("/project/list") if p["team_id"] == team] == [made.json()["project_id"]]
