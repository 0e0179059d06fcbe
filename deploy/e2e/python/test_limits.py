"""Every kind of limit at every level, set through the API: admitted below it, refused at it, admitted again when it is
raised; what is refused consumes nothing; several keys share it; another level's callers are not touched.

The prompt "hello" is 8 tokens to the provider. A call answers with 40 tokens, its cap is 40, so it costs
8 × $30 + 40 × $60 per million = $0.00264 on gpt-4. Just below a limit Purser may count a prompt a few tokens too long,
so limits leave room for that, and never for another call.
"""

import threading

import pytest

from levels import FULL, MEMBER_FIELDS, MEMBERS, SHARED
from stack import Running

PROMPT, ANSWER = 8, 40
COST = (PROMPT * 30 + ANSWER * 60) / 1e6
ROOM = 5  # tokens

# kind of limit → the fields that let one call through and no second, those that let a second through, the kind and
# status of the refusal, and whether it is for gpt-4 alone.
KINDS = {
    "rpm_limit": ({"rpm_limit": 1}, {"rpm_limit": 3}, "requests", 429, False),
    "tpm_limit": ({"tpm_limit": PROMPT + ANSWER + ROOM}, {"tpm_limit": 1000}, "tokens", 429, False),
    "tpd_limit": ({"tpd_limit": PROMPT + ANSWER + ROOM}, {"tpd_limit": 1000}, "tokens", 429, False),
    "itpm_limit": ({"itpm_limit": PROMPT + ROOM}, {"itpm_limit": 1000}, "input_tokens", 429, False),
    "otpm_limit": ({"otpm_limit": ANSWER}, {"otpm_limit": 1000}, "output_tokens", 429, False),
    "max_budget": ({"max_budget": COST + 0.0002}, {"max_budget": 1}, "spend", 422, False),
    "budget_limits": (
        {"budget_limits": [{"budget_duration": "1d", "max_budget": COST + 0.0002}, {"budget_duration": "1mo", "max_budget": 100}]},
        {"budget_limits": [{"budget_duration": "1d", "max_budget": 1}, {"budget_duration": "1mo", "max_budget": 100}]},
        "spend", 422, False,
    ),
    "budget_limits, the longer": (
        {"budget_limits": [{"budget_duration": "1d", "max_budget": 100}, {"budget_duration": "1mo", "max_budget": COST + 0.0002}]},
        {"budget_limits": [{"budget_duration": "1d", "max_budget": 100}, {"budget_duration": "1mo", "max_budget": 1}]},
        "spend", 422, False,
    ),
    "model_max_budget": ({"model_max_budget": {"gpt-4": {"max_budget": COST + 0.0002, "budget_duration": "1d"}}}, {"model_max_budget": {"gpt-4": {"max_budget": 1, "budget_duration": "1d"}}}, "spend", 422, True),
    "model_max_budget, a number": ({"model_max_budget": {"gpt-4": COST + 0.0002}}, {"model_max_budget": {"gpt-4": 1}}, "spend", 422, True),
    "model_max_budget, rates": ({"model_max_budget": {"gpt-4": {"rpm_limit": 1}}}, {"model_max_budget": {"gpt-4": {"rpm_limit": 9}}}, "requests", 429, True),
    "model_rpm_limit": ({"model_rpm_limit": {"gpt-4": 1}}, {"model_rpm_limit": {"gpt-4": 3}}, "requests", 429, True),
    "model_tpm_limit": ({"model_tpm_limit": {"gpt-4": PROMPT + ANSWER + ROOM}}, {"model_tpm_limit": {"gpt-4": 1000}}, "tokens", 429, True),
    "model_itpm_limit": ({"model_itpm_limit": {"gpt-4": PROMPT + ROOM}}, {"model_itpm_limit": {"gpt-4": 1000}}, "input_tokens", 429, True),
    "model_otpm_limit": ({"model_otpm_limit": {"gpt-4": ANSWER}}, {"model_otpm_limit": {"gpt-4": 1000}}, "output_tokens", 429, True),
    "metadata.model_rpm_limit": ({"metadata": {"model_rpm_limit": {"gpt-4": 1}}}, {"metadata": {"model_rpm_limit": {"gpt-4": 3}}}, "requests", 429, True),
}
ZERO = {
    "rpm_limit": {"rpm_limit": 0},
    "tpm_limit": {"tpm_limit": 0},
    "tpd_limit": {"tpd_limit": 0},
    "itpm_limit": {"itpm_limit": 0},
    "otpm_limit": {"otpm_limit": 0},
    "max_parallel_requests": {"max_parallel_requests": 0},
    "max_budget": {"max_budget": 0},
    "budget_limits": {"budget_limits": [{"budget_duration": "1d", "max_budget": 0}]},
    "model_max_budget": {"model_max_budget": {"gpt-4": 0}},
    "model_rpm_limit": {"model_rpm_limit": {"gpt-4": 0}},
    "model_tpm_limit": {"model_tpm_limit": {"gpt-4": 0}},
}
# What the API has no field for: customers, tags and budgets carry no metadata of limits in LiteLLM.
NO_METADATA = {"customer", "tag", *SHARED}


def cases(kinds, levels):
    return [pytest.param(make, kind, id=f"{level}-{kind}") for level, make in levels.items() for kind in kinds if not (kind.startswith("metadata.") and level in NO_METADATA)]


EVERYWHERE = cases(KINDS, FULL) + cases(MEMBER_FIELDS, MEMBERS)


@pytest.fixture
def call(chat):
    def one(g, key=None, model="gpt-4", output=ANSWER):
        return chat(key or g.keys[0], model=model, output=output, headers=g.headers, max_tokens=ANSWER, **g.fields)

    return one


def refused(answer, g, kind, status):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["scope"], error["scope_id"], error["limit_kind"]) == (g.scope, g.scope_id, kind)
    assert error["type"] == ("budget_exceeded" if kind == "spend" else "throttling_error")
    if status == 429:
        assert 1 <= int(answer.headers["retry-after"]) <= 86400
    else:
        assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("make, kind", EVERYWHERE)
def test_admitted_below_refused_at_and_admitted_when_raised(admin, unique, call, make, kind):
    low, high, counted, status, of_model = KINDS[kind]
    g = make(admin, unique, **low)
    assert call(g).status_code == 200
    for key in g.keys:
        refused(call(g, key), g, counted, status)
    if of_model:
        assert call(g, model="gpt-3.5-turbo").status_code == 200, "the limit is for one model"
    g.update(**high)
    for key in g.keys[:2]:
        assert call(g, key).status_code == 200, "what was refused took nothing"


@pytest.mark.parametrize("make, kind", cases(["rpm_limit", "tpm_limit", "max_budget"], SHARED))
def test_a_shared_budgets_limits_hold_for_who_refers_to_it(admin, unique, call, make, kind):
    low, high, counted, status, _ = KINDS[kind]
    g = make(admin, unique, **low)
    assert call(g).status_code == 200
    refused(call(g, g.keys[-1]), g, counted, status)
    g.update(**high)
    assert call(g, g.keys[-1]).status_code == 200


def test_each_who_refers_to_a_shared_budget_counts_for_itself(admin, unique, chat):
    budget = unique("budget")
    admin.post("/budget/new", budget_id=budget, rpm_limit=1)
    keys = [admin.key_for(budget_id=budget) for _ in range(2)]
    assert [chat(k).status_code for k in keys for _ in range(2)] == [200, 429, 200, 429]


@pytest.mark.parametrize("make, kind", cases(ZERO, FULL) + cases(MEMBER_FIELDS, MEMBERS))
def test_zero_admits_nothing(admin, unique, call, make, kind):
    g = make(admin, unique, **ZERO[kind])
    assert call(g).status_code in (422, 429)


@pytest.mark.parametrize("make, kind", cases(ZERO, FULL) + cases(MEMBER_FIELDS, MEMBERS))
def test_null_is_no_limit_and_takes_one_away(admin, unique, call, make, kind):
    g = make(admin, unique, **ZERO[kind])
    (field,) = ZERO[kind]
    g.update(**{field: None})
    assert call(g).status_code == 200


@pytest.mark.parametrize("make", FULL.values(), ids=FULL)
def test_parallel_requests(admin, unique, stack, fake, make, eventually):
    g = make(admin, unique, max_parallel_requests=2)
    since, mark, answers = stack.fake.newest(), unique("mark"), []

    def long(key):
        text = mark + " " + fake(output_tokens=30, chunks=30, delay_ms=50)
        answers.append(Running(stack.info).chat(key, text, stream=True, headers=g.headers, **g.fields))

    threads = [threading.Thread(target=long, args=(g.keys[i % len(g.keys)],)) for i in range(2)]
    for t in threads:
        t.start()

    def both_are_under_way():
        assert len([r for r in stack.fake.records(since) if mark in r["body"]]) == 2

    eventually(both_are_under_way)
    third = stack.chat(g.keys[-1], headers=g.headers, **g.fields)
    refused(third, g, "parallel_requests", 429)
    assert third.headers["retry-after"] == "1"
    for t in threads:
        t.join()
    assert [a.status_code for a in answers] == [200, 200] and all("[DONE]" in a.text for a in answers)
    assert stack.chat(g.keys[-1], headers=g.headers, **g.fields).status_code == 200, "who is done makes room"


@pytest.mark.parametrize("make", [*FULL.values(), *MEMBERS.values()], ids=[*FULL, *MEMBERS])
def test_a_budget_that_is_set_after_spending_counts_what_was_spent(admin, unique, call, make):
    g = make(admin, unique)
    for key in g.keys:
        assert call(g, key).status_code == 200
    g.update(max_budget=COST * len(g.keys) + 0.0002)
    refused(call(g), g, "spend", 422)
    g.update(max_budget=COST * (len(g.keys) + 1) + 0.0004)
    assert call(g).status_code == 200
    refused(call(g), g, "spend", 422)


@pytest.mark.parametrize("make", FULL.values(), ids=FULL)
def test_a_soft_budget_only_records(admin, unique, call, make):
    g = make(admin, unique, soft_budget=0.000001)
    assert [call(g).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("path, body, auth", [
    ("/v1/embeddings", {"model": "text-embedding-ada-002", "input": "hello"}, None),
    ("/v1/completions", {"model": "gpt-4", "prompt": "hello", "max_tokens": 5}, None),
    ("/v1/responses", {"model": "gpt-4o", "input": "hello"}, None),
    ("/v1/messages", {"model": "claude-3-sonnet", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}, None),
    ("/v1beta/models/gemini-2.0-flash:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]}, None),
], ids=["embeddings", "completions", "responses", "messages", "gemini"])
@pytest.mark.parametrize("limit, status", [({"rpm_limit": 1}, 429), ({"max_budget": 0}, 422), ({"tpm_limit": 0}, 429)], ids=["rpm", "budget", "tpm"])
def test_limits_hold_for_every_format(stack, admin, path, body, auth, limit, status):
    api = stack.as_key(admin.key_for(**limit))
    first = 200 if limit == {"rpm_limit": 1} else status
    assert [api.call("POST", path, json=body).status_code for _ in range(2)] == [first, status]


def test_the_lowest_of_several_levels_holds_and_says_which(admin, unique, chat):
    org = admin.post("/organization/new", organization_alias=unique("org"), rpm_limit=5)["organization_id"]
    team = admin.post("/team/new", organization_id=org, rpm_limit=4)["team_id"]
    project = admin.post("/project/new", team_id=team, rpm_limit=2)["project_id"]
    keys = [admin.key_for(project_id=project, rpm_limit=1), admin.key_for(project_id=project)]
    answers = [chat(k) for k in (keys[0], keys[0], keys[1], keys[1])]
    assert [a.status_code for a in answers] == [200, 429, 200, 429]
    assert [answers[i].json()["error"]["scope"] for i in (1, 3)] == ["key", "project"]


def together(n, call):
    """What n threads answer that call at once."""
    answers, gate = [], threading.Barrier(n)

    def one():
        gate.wait()
        answers.append(call())

    threads = [threading.Thread(target=one) for _ in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def test_many_at_once_never_exceed_a_limit(admin, stack):
    """Twenty callers at once for five places."""
    key = admin.key_for(rpm_limit=5)
    codes = together(20, lambda: Running(stack.info).chat(key).status_code)
    assert sorted(codes) == [200] * 5 + [429] * 15


def test_many_at_once_never_overshoot_a_budget(admin, stack, eventually):
    key = admin.key_for(max_budget=10 * COST)
    codes = together(30, lambda: Running(stack.info).chat(key, output=ANSWER, max_tokens=ANSWER).status_code)
    assert codes.count(200) >= 8 and set(codes) <= {200, 422}

    def settled():
        spend = admin.get("/key/info", key=key)["info"]["spend"]
        assert COST * 5 < spend <= 10 * COST + 1e-12

    eventually(settled, 2)
