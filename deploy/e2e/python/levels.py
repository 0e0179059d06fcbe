"""The levels a limit can be set at, each through the API: how an entity of the level is made with limits, how a call
is made that it governs, and how its limits are changed."""

from dataclasses import dataclass, field


@dataclass
class Governed:
    """One entity under test, and what a call needs to be governed by it."""

    scope: str  # in the machine fields of refusals
    scope_id: str
    keys: list  # several, whose calls the entity governs together
    update: object  # update(**limits) through the API
    fields: dict = field(default_factory=dict)  # of each call's body
    headers: dict = field(default_factory=dict)  # of each call


def key(admin, unique, **limits):
    made = admin.post("/key/generate", **limits)
    return Governed("key", made["token"], [made["key"]], lambda **l: admin.post("/key/update", key=made["key"], **l))


def user(admin, unique, **limits):
    name = unique("user")
    first = admin.post("/user/new", user_id=name, **limits)["key"]
    team = admin.post("/team/new")["team_id"]
    keys = [first, admin.key_for(user_id=name), admin.key_for(user_id=name, team_id=team)]
    return Governed("user", name, keys, lambda **l: admin.post("/user/update", user_id=name, **l))


def team(admin, unique, **limits):
    name = unique("team")
    admin.post("/team/new", team_id=name, **limits)
    keys = [admin.key_for(team_id=name), admin.key_for(team_id=name)]
    return Governed("team", name, keys, lambda **l: admin.post("/team/update", team_id=name, **l))


def project(admin, unique, **limits):
    name = unique("project")
    admin.post("/project/new", project_id=name, team_id=admin.post("/team/new")["team_id"], **limits)
    keys = [admin.key_for(project_id=name), admin.key_for(project_id=name)]
    return Governed("project", name, keys, lambda **l: admin.post("/project/update", project_id=name, **l))


def organization(admin, unique, **limits):
    name = admin.post("/organization/new", organization_alias=unique("org"), **limits)["organization_id"]
    teams = [admin.post("/team/new", organization_id=name)["team_id"] for _ in range(2)]
    keys = [admin.key_for(team_id=teams[0]), admin.key_for(team_id=teams[1]), admin.key_for(organization_id=name)]

    def update(**l):
        if None in l.values():  # null is absent to the older call, and clears with the newer
            admin.patch(f"/v2/organization/{name}", **l)
        else:
            admin.patch("/organization/update", organization_id=name, **l)

    return Governed("organization", name, keys, update)


def customer(admin, unique, **limits):
    name = unique("customer")
    admin.post("/customer/new", user_id=name, **limits)
    return Governed("customer", name, [admin.key_for(), admin.key_for()], lambda **l: admin.post("/customer/update", user_id=name, **l), fields={"user": name})


def tag(admin, unique, **limits):
    name = unique("tag")
    admin.post("/tag/new", name=name, **limits)
    return Governed("tag", name, [admin.key_for(), admin.key_for()], lambda **l: admin.post("/tag/update", name=name, **l), headers={"x-litellm-tags": name})


# A member's place in a team has limits of its own names.
MEMBER = {"max_budget": "max_budget_in_team"}


def member(admin, unique, **limits):
    """Limits of one member."""
    name, who = unique("team"), unique("member")
    admin.post("/team/new", team_id=name)
    admin.post("/team/member_add", team_id=name, member={"user_id": who, "role": "user"})

    def update(**l):
        admin.post("/team/member_update", team_id=name, user_id=who, **{MEMBER.get(k, k): v for k, v in l.items()})

    if limits:
        update(**limits)
    keys = [admin.key_for(team_id=name, user_id=who), admin.key_for(team_id=name, user_id=who)]
    return Governed("team_member", f"{name}/{who}", keys, update)


TEAM_MEMBER = {"max_budget": "team_member_budget", "budget_duration": "team_member_budget_duration", "rpm_limit": "team_member_rpm_limit", "tpm_limit": "team_member_tpm_limit"}


def any_member(admin, unique, **limits):
    """Limits a team has for each of its members."""
    name, who = unique("team"), unique("member")
    admin.post("/team/new", team_id=name, **{TEAM_MEMBER[k]: v for k, v in limits.items()})
    admin.post("/team/member_add", team_id=name, member={"user_id": who, "role": "user"})
    keys = [admin.key_for(team_id=name, user_id=who), admin.key_for(team_id=name, user_id=who)]
    return Governed("team_member", f"{name}/{who}", keys, lambda **l: admin.post("/team/update", team_id=name, **{TEAM_MEMBER[k]: v for k, v in l.items()}))


def shared_budget(of):
    """The level `of`, with its limits in a budget that it refers to."""

    def make(admin, unique, **limits):
        budget = unique("budget")
        admin.post("/budget/new", budget_id=budget, **limits)
        g = of(admin, unique, budget_id=budget)
        g.update = lambda **l: admin.post("/budget/update", budget_id=budget, **l)
        return g

    return make


# Levels that take every limit field.
FULL = {"key": key, "user": user, "team": team, "project": project, "organization": organization, "customer": customer, "tag": tag}
# Those that take a few: name → maker, fields.
MEMBERS = {"team member": member, "each team member": any_member}
MEMBER_FIELDS = ("rpm_limit", "tpm_limit", "max_budget")
SHARED = {f"budget of a {name}": shared_budget(of) for name, of in FULL.items()}
