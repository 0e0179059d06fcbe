"""Each endpoint that writes × everything that can be wrong with a request: the documented envelope, naming the field,
and not one row of the database changed."""

import json
from dataclasses import dataclass, field

import psycopg
import pytest

from stack import Stack

LIMITS = ("max_budget", "soft_budget", "rpm_limit", "tpm_limit", "max_parallel_requests")
# What may change by itself: heartbeats, and the counts of what was refused.
MOVING = {"replicas", "refusals", "goose_db_version"}


@dataclass
class Endpoint:
    method: str
    path: str
    good: dict  # a body that would succeed
    required: tuple = ()
    numbers: tuple = ()
    lists: tuple = ()
    unknown: tuple = ()  # fields that refer to something
    taken: dict = field(default_factory=dict)  # field → what has that id or name already
    foreign: bool = True  # a stranger's key may not call it on what is not theirs


ENDPOINTS = [
    Endpoint("POST", "/key/generate", {"models": ["gpt-4"]}, numbers=LIMITS, lists=("models", "tags"), unknown=("team_id", "project_id", "organization_id", "budget_id"), taken={"key_alias": "taken-alias"}),
    Endpoint("POST", "/key/service-account/generate", {"team_id": "t1"}, required=("team_id",), numbers=LIMITS, unknown=("team_id",)),
    Endpoint("POST", "/key/update", {"key": "{key}"}, numbers=LIMITS, lists=("models",), unknown=("key", "team_id"), taken={"key_alias": "taken-alias"}),
    Endpoint("POST", "/key/block", {"key": "{key}"}, required=("key",), unknown=("key",)),
    Endpoint("POST", "/key/unblock", {"key": "{key}"}, required=("key",), unknown=("key",)),
    Endpoint("POST", "/key/delete", {"keys": ["{key}"]}, lists=("keys", "key_aliases")),
    Endpoint("POST", "/key/regenerate", {"key": "{key}"}, numbers=LIMITS, unknown=("key",)),
    Endpoint("POST", "/key/{key}/reset_spend", {"reset_to": 0}, required=("reset_to",), numbers=("reset_to",)),
    Endpoint("POST", "/team/new", {"team_alias": "x"}, numbers=LIMITS, lists=("models",), unknown=("organization_id", "budget_id"), taken={"team_id": "t1"}),
    Endpoint("POST", "/team/update", {"team_id": "t1"}, required=("team_id",), numbers=LIMITS, lists=("models",), unknown=("team_id", "organization_id")),
    Endpoint("PATCH", "/team/t1", {"team_alias": "x"}, numbers=LIMITS, lists=("models",)),
    Endpoint("POST", "/team/delete", {"team_ids": ["t2"]}, required=("team_ids",), lists=("team_ids",)),
    Endpoint("POST", "/team/block", {"team_id": "t1"}, required=("team_id",), unknown=("team_id",)),
    Endpoint("POST", "/team/unblock", {"team_id": "t1"}, required=("team_id",), unknown=("team_id",)),
    Endpoint("POST", "/team/member_add", {"team_id": "t1", "member": {"user_id": "new", "role": "user"}}, required=("team_id", "member"), numbers=("max_budget_in_team",), unknown=("team_id",)),
    Endpoint("POST", "/team/member_update", {"team_id": "t1", "user_id": "m1"}, required=("team_id",), numbers=("max_budget_in_team", "rpm_limit", "tpm_limit"), unknown=("team_id", "user_id")),
    Endpoint("POST", "/team/member_delete", {"team_id": "t1", "user_id": "m1"}, required=("team_id",), unknown=("team_id", "user_id")),
    Endpoint("POST", "/project/new", {"team_id": "t1"}, required=("team_id",), numbers=LIMITS, lists=("models",), unknown=("team_id", "budget_id"), taken={"project_id": "p1"}),
    Endpoint("POST", "/project/update", {"project_id": "p1"}, required=("project_id",), numbers=LIMITS, lists=("models",), unknown=("project_id", "team_id")),
    Endpoint("DELETE", "/project/delete", {"project_ids": ["p1"]}, required=("project_ids",), lists=("project_ids",)),
    Endpoint("POST", "/user/new", {"user_alias": "x"}, numbers=LIMITS, lists=("models",), taken={"user_id": "u1", "user_email": "u1@example.com"}),
    Endpoint("POST", "/user/update", {"user_id": "u1"}, numbers=LIMITS, lists=("models",), unknown=("user_id",)),
    Endpoint("POST", "/user/delete", {"user_ids": ["u1"]}, required=("user_ids",), lists=("user_ids",)),
    Endpoint("POST", "/customer/new", {"user_id": "c9"}, required=("user_id",), numbers=("max_budget",), unknown=("budget_id",), taken={"user_id": "c1"}),
    Endpoint("POST", "/customer/update", {"user_id": "c1"}, required=("user_id",), numbers=("max_budget",), unknown=("user_id",)),
    Endpoint("POST", "/customer/delete", {"user_ids": ["c1"]}, required=("user_ids",), lists=("user_ids",)),
    Endpoint("POST", "/organization/new", {"organization_alias": "x"}, required=("organization_alias",), numbers=LIMITS, lists=("models",), unknown=("budget_id",)),
    Endpoint("PATCH", "/organization/update", {"organization_id": "o1"}, required=("organization_id",), numbers=LIMITS, lists=("models",), unknown=("organization_id",)),
    Endpoint("DELETE", "/organization/delete", {"organization_ids": ["o1"]}, required=("organization_ids",), lists=("organization_ids",)),
    Endpoint("POST", "/budget/new", {"max_budget": 1}, numbers=LIMITS, taken={"budget_id": "b1"}),
    Endpoint("POST", "/budget/update", {"budget_id": "b1"}, required=("budget_id",), numbers=LIMITS, unknown=("budget_id",)),
    Endpoint("POST", "/budget/delete", {"id": "b1"}, required=("id",), unknown=("id",)),
    Endpoint("POST", "/tag/new", {"name": "tag9"}, required=("name",), numbers=("max_budget",), lists=("models",), taken={"name": "tag1"}),
    Endpoint("POST", "/tag/update", {"name": "tag1"}, required=("name",), numbers=("max_budget",), unknown=("name",)),
    Endpoint("POST", "/key/bulk_update", {"keys": [{"key": "{key}"}]}, required=("keys",)),
    Endpoint("POST", "/team/key/bulk_update", {"team_id": "t1", "all_keys_in_team": True, "update_fields": {"max_budget": 1}}, required=("team_id", "update_fields"), unknown=("team_id",)),
    Endpoint("POST", "/team/permissions_bulk_update", {"permissions": ["/key/info"], "team_ids": ["t1"]}, required=("permissions",), lists=("permissions", "team_ids")),
    Endpoint("PUT", "/access_group/beta-models/budget", {"max_budget": 1}, required=("max_budget",), numbers=("max_budget", "soft_budget"), unknown=("budget_id",)),
    Endpoint("POST", "/tag/delete", {"name": "tag1"}, required=("name",), unknown=("name",)),
]
pytestmark = pytest.mark.xdist_group("bad input")

IDS = [f"{e.method} {e.path}" for e in ENDPOINTS]


class World:
    """A stack nobody else uses, with one entity of each kind."""

    def __init__(self, stack):
        self.stack, a = stack, stack.admin
        a.post("/organization/new", organization_id="o1", organization_alias="org")
        a.post("/team/new", team_id="t1", members_with_roles=[{"user_id": "m1", "role": "user"}])
        a.post("/team/new", team_id="t2")
        a.post("/project/new", project_id="p1", team_id="t1")
        a.post("/user/new", user_id="u1", user_email="u1@example.com", auto_create_key=False)
        a.post("/customer/new", user_id="c1")
        a.post("/budget/new", budget_id="b1", max_budget=5)
        a.post("/tag/new", name="tag1")
        a.post("/key/generate", key_alias="taken-alias")
        self.key = a.post("/key/generate", key_alias="mine")["token"]
        self.stranger = stack.as_key(a.key_for())
        self.db = psycopg.connect(stack.database_url, autocommit=True)
        tables = [r[0] for r in self.db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1") if r[0] not in MOVING]
        assert {"keys", "teams", "projects", "users", "customers", "organizations", "budgets", "tags", "audit_log"} <= set(tables)
        self._sql = " UNION ALL ".join(f"SELECT '{t}', md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM \"{t}\" x" for t in tables)
        self.before = self.rows()

    def rows(self):
        return dict(self.db.execute(self._sql).fetchall())

    def put(self, value):
        return json.loads(json.dumps(value).replace("{key}", self.key))

    def refused(self, e, body, caller=None, statuses=(400, 422)):
        """Sends a body, text or value, and returns the refusal, whose form is checked."""
        raw = body if isinstance(body, str) else json.dumps(self.put(body))
        caller = caller or self.stack.admin
        r = caller.call(e.method, e.path.replace("{key}", self.key), data=raw.encode(), headers={"Content-Type": "application/json"})
        what = f"{e.method} {e.path} {raw[:200]} answered {r.status_code}: {r.text[:500]}"
        after = self.rows()
        changed = [t for t in after if after[t] != self.before[t]]
        self.before = after
        assert not changed, f"{what}\nand changed {changed}"
        assert r.status_code in statuses, what
        envelope(r, what)
        return r


def envelope(r, what):
    """One of the three documented forms of an error; where LiteLLM has detail.error the envelope stands beside it, and says the same."""
    assert r.headers["content-type"].startswith("application/json"), what
    got = r.json()
    if "error" in got:
        error = got["error"]
        assert set(got) <= {"error", "detail"} and error["message"] and error["type"] and "param" in error, what
        assert got.get("detail", {"error": error["message"]})["error"] == error["message"], what
        assert error["code"] == str(r.status_code), what
    elif isinstance(got["detail"], list):
        assert r.status_code == 422, what
        for problem in got["detail"]:
            assert problem["loc"] and problem["msg"] and problem["type"], what
    else:
        assert isinstance(got["detail"], (str, dict)) and got["detail"], what


def names(r, field):
    return field in r.text


@pytest.fixture(scope="module")
def world(stack):
    with Stack(near=stack) as own:
        made = World(own)
        yield made
        made.db.close()


every = pytest.mark.parametrize("e", ENDPOINTS, ids=IDS)


@every
def test_what_is_no_json(world, e):
    for raw in "{", "[1]", '"text"', "7", '{"a":1,}', "\x00", '{"a":"\ud800"}'.encode("utf-8", "surrogatepass").decode("utf-8", "replace")[:-2]:
        world.refused(e, raw)


@every
def test_missing(world, e):
    for name in e.required:
        body = {k: v for k, v in e.good.items() if k != name}
        assert names(world.refused(e, body), name)
        assert names(world.refused(e, {**e.good, name: None}), name)


@every
def test_wrong_type(world, e):
    for name, value in e.good.items():
        wrong = {"a": []} if not isinstance(value, dict) else 7
        assert names(world.refused(e, {**e.good, name: wrong}), name)
    for name in e.numbers:
        for wrong in "many", [], {}, True:
            assert names(world.refused(e, {**e.good, name: wrong}), name)
    for name in e.lists:
        for wrong in "gpt-4", 7, [7], [{}]:
            assert names(world.refused(e, {**e.good, name: wrong}), name)


@every
def test_negative_not_finite_and_huge(world, e):
    for name in e.numbers:
        for raw in "-1", "-0.5", "NaN", "Infinity", "-Infinity", "1e400", "1e30", '"NaN"', '"Infinity"', "9" * 40:
            body = json.dumps(world.put({**e.good, name: "@"})).replace('"@"', raw)
            assert names(world.refused(e, body), name), raw


@every
def test_huge_text(world, e):
    for name, value in e.good.items():
        if isinstance(value, str):
            world.refused(e, {**e.good, name: "x" * 100_000}, statuses=(400, 404, 422))
        if isinstance(value, list):
            world.refused(e, {**e.good, name: ["x" * 100_000]}, statuses=(400, 404, 422))


@every
def test_duplicate_and_case_variant_names(world, e):
    for name, value in e.good.items():
        good = json.dumps(world.put(e.good))
        twice = good[:-1] + f", {json.dumps(name)}: {json.dumps(world.put(value))}}}"
        assert names(world.refused(e, twice), name)
        assert names(world.refused(e, {**e.good, name.upper(): value}), name.upper())


@every
def test_unknown_ids(world, e):
    for name in e.unknown:
        r = world.refused(e, {**e.good, name: "sk-there-is-no-such-thing" if name == "key" else "there-is-no-such-thing"}, statuses=(400, 404))
        assert "there-is-no-such-thing" in r.text or names(r, name) or "not found" in r.text.lower()


@every
def test_taken_ids_and_names(world, e):
    for name, value in e.taken.items():
        world.refused(e, {**e.good, name: value}, statuses=(400, 409))


@every
def test_foreign_ids(world, e):
    """Somebody else's: a caller with a key of their own may not touch what is not theirs, nor learn whether it is there."""
    if e.path.endswith(("/new", "/generate")) and "team_id" not in e.good:
        body = {**e.good, "team_id": "t1"} if e.path == "/key/generate" else e.good
    else:
        body = e.good
    world.refused(e, body, caller=world.stranger, statuses=(400, 401, 403, 404))
    world.refused(e, e.good, caller=world.stack.as_key("sk-there-is-no-such-key"), statuses=(401,))


def test_a_body_over_the_limit(world):
    r = world.stack.admin.call("POST", "/key/generate", data=b'{"metadata": {"a": "' + b"x" * (17 << 20) + b'"}}', headers={"Content-Type": "application/json"})
    assert r.status_code == 413
    envelope(r, r.text)
    assert world.rows() == world.before


def test_unknown_paths_and_wrong_methods(world):
    r = world.stack.admin.call("POST", "/key/nothing", json={})
    assert r.status_code == 404 and r.json() == {"detail": "Not Found"}
    for e in ENDPOINTS:
        if e.method == "PUT":
            continue
        r = world.stack.admin.call("PUT", e.path.replace("{key}", world.key), json=world.put(e.good))
        assert r.status_code == 405 and r.headers["allow"] and r.json() == {"detail": "Method Not Allowed"}, f"PUT {e.path}: {r.status_code} {r.text}"
    assert world.rows() == world.before


@pytest.mark.parametrize("path", ["/team/info?team_id=", "/project/info?project_id=", "/key/info?key=sk-", "/user/info?user_id=", "/customer/info?end_user_id=", "/organization/info?organization_id=", "/v1/models/"])
def test_reading_what_is_not_there_is_404(world, path):
    r = world.stack.admin.call("GET", path + "there-is-no-such-thing")
    assert r.status_code == 404, r.text
    envelope(r, r.text)


def test_the_good_bodies_are_good(world):
    """So that each refusal above was for what was made wrong. Runs last: it changes what is there."""
    for e in sorted(ENDPOINTS, key=lambda e: ("delete" in e.path, "regenerate" in e.path)):
        r = world.stack.admin.call(e.method, e.path.replace("{key}", world.key), json=world.put(e.good))
        assert r.status_code == 200, f"{e.method} {e.path}: {r.status_code} {r.text}"
        if e.path == "/key/regenerate":
            world.key = r.json()["token"]
