"""Fixtures for tests against a running stack: PURSER_STATE_DIR is the state folder of the one to use."""

import json
import os
import time
import uuid

# The litellm package would look for its price list on the internet when it is imported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import pytest

from stack import Api, Stack, main_stack


@pytest.fixture(scope="session")
def stack():
    """The stack that most tests share. What a test makes there has names of its own: see unique."""
    return main_stack()


@pytest.fixture(scope="session")
def documents(stack):
    """A stack for the documents' examples, which name teams and projects literally and print whole
    lists. Nothing is ever spent there, so that every test finds what it makes unspent."""
    with Stack(near=stack) as own:
        yield own


@pytest.fixture(scope="session")
def spending_documents(stack):
    """Another one, for the tests that call models."""
    with Stack(near=stack) as own:
        yield own


@pytest.fixture(scope="session")
def make_stack(stack):
    """Starts a stack of the test's own: with make_stack(extra="…") as own."""
    return lambda **kw: Stack(near=stack, **kw)


@pytest.fixture
def own(request):
    """The documents' stack, emptied when the test is over: the one where models are called for tests marked calls."""
    calls = request.node.get_closest_marker("calls")
    own = request.getfixturevalue("spending_documents" if calls else "documents")
    yield own
    assert calls or own.fake.records() == [], "this test calls a model: mark it"
    admin = own.admin
    while keys := admin.get("/key/list", size=100)["keys"]:
        admin.post("/key/delete", keys=keys)
    if projects := [p["project_id"] for p in admin.get("/project/list")]:
        admin.delete("/project/delete", project_ids=projects)
    if teams := [t["team_id"] for t in admin.get("/team/list")["teams"]]:
        admin.post("/team/delete", team_ids=teams)
    if users := [u["user_id"] for u in admin.get("/user/list", page_size=100)["users"]]:
        admin.post("/user/delete", user_ids=users)


@pytest.fixture
def url(stack):
    return stack.url


@pytest.fixture
def admin(stack):
    return stack.admin


@pytest.fixture
def as_key(stack):
    """The management API as the holder of a key."""
    return stack.as_key


@pytest.fixture
def chat(stack):
    """A raw chat call: chat(key, text, model="gpt-4", output=tokens, **fields) -> requests.Response."""
    return stack.chat


@pytest.fixture
def unique():
    """A name no other test has."""
    return lambda prefix="t": f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def openai_client(url):
    """The official SDK, which never tries again by itself here."""
    import openai

    return lambda key, **kw: openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, **kw)


@pytest.fixture
def anthropic_client(url):
    import anthropic

    return lambda key, **kw: anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, **kw)


@pytest.fixture
def fake():
    """An instruction to the fake provider, as the text of a message."""
    return lambda **kw: "fake:" + json.dumps(kw)


@pytest.fixture
def eventually():
    """Repeats a check until it holds; what it last said where it never does."""
    return poll


def poll(check, seconds=5.0):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture
def rows(eventually):
    """The rows of a key in /spend/logs, as soon as there are n of them: within two seconds, but for a machine that is busy with something else."""

    def wait(admin: Api, key, n=1, seconds=15.0):
        def check():
            found = admin.get("/spend/logs", api_key=key)
            assert len(found) == n, f"{len(found)} rows, not {n}: {found}"
            return found

        return eventually(check, seconds)

    return wait


@pytest.fixture
def gemini_client(url):
    """Google's SDK; it never tries again by itself."""
    from google import genai

    return lambda key: genai.Client(api_key=key, http_options={"base_url": url})


@pytest.fixture(scope="session")
def model(stack):
    """Adds a model of the fake provider while the stack runs, and takes it away at the end: model("openai/tts-1", mode=…, …)
    -> its public name."""
    made = []

    def add(target, **info):
        name = f"{target.rsplit('/')[-1]}-{uuid.uuid4().hex[:8]}"
        params = {"model": target, "api_base": stack.fake.url, "api_key": stack.fake.key}
        made.append(stack.admin.post("/model/new", model_name=name, litellm_params=params, model_info=info)["model_id"])
        return name

    yield add
    for model_id in made:
        stack.admin.post("/model/delete", id=model_id)
