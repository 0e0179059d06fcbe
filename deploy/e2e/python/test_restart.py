"""A stack that is stopped and started again: what was set and what was spent is still there."""

import pytest

from conftest import poll
from levels import FULL, MEMBERS
from stack import Stack
from test_limits import ANSWER, COST

pytestmark = pytest.mark.xdist_group("restart")

LEVELS = {**FULL, **MEMBERS}


@pytest.fixture(scope="module")
def restarted(stack):
    """One entity of each level, its budget used up, and everything the API said of it; then the restart."""
    import uuid

    with Stack(near=stack) as own:
        unique = lambda prefix: f"{prefix}-{uuid.uuid4().hex[:12]}"
        made = {name: make(own.admin, unique, max_budget=COST + 0.0002) for name, make in LEVELS.items()}
        blocked = own.admin.key_for()
        own.admin.post("/key/block", key=blocked)
        rate = own.admin.key_for(rpm_limit=0)
        for g in made.values():
            assert call(own, g).status_code == 200
            assert call(own, g).status_code == 422
        before = {name: poll(lambda: booked(own, g)) for name, g in made.items()}
        own.restart()
        yield own, made, before, blocked, rate


def booked(own, g):
    """What the API says of the entity's first key, as soon as its call is in the tables."""
    info = own.admin.get("/key/info", key=g.keys[0])["info"]
    assert info["spend"] == pytest.approx(COST, abs=1e-9)
    return info


def call(own, g, key=None):
    return own.chat(key or g.keys[0], output=ANSWER, max_tokens=ANSWER, headers=g.headers, **g.fields)


@pytest.mark.parametrize("level", LEVELS)
def test_a_budget_that_was_used_up_still_refuses(restarted, level):
    own, made, *_ = restarted
    g = made[level]
    for key in g.keys:
        refused = call(own, g, key)
        assert refused.status_code == 422
        error = refused.json()["error"]
        assert (error["scope"], error["scope_id"]) == (g.scope, g.scope_id)


@pytest.mark.parametrize("level", LEVELS)
def test_spend_is_what_it_was(restarted, level):
    own, made, before, *_ = restarted
    assert booked(own, made[level]) == before[level]


@pytest.mark.parametrize("level", LEVELS)
def test_a_raised_budget_admits_what_is_left_of_it(restarted, level):
    own, made, *_ = restarted
    g = made[level]
    g.update(max_budget=2 * COST + 0.0002)
    assert call(own, g).status_code == 200
    assert call(own, g).status_code == 422


def test_blocked_stays_blocked_and_limits_stay(restarted):
    own, _, _, blocked, rate = restarted
    assert own.chat(blocked).status_code == 401
    assert own.chat(rate).status_code == 429
