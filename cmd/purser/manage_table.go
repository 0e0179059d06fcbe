package main

var (
	keyColumns  = []string{"token", "key_name", "key_alias", "team_id", "project_id", "user_id", "spend", "max_budget", "expires"}
	teamColumns = []string{"team_id", "team_alias", "organization_id", "spend", "max_budget", "blocked"}
)

// managed is what the command line manages, and how.
var managed = map[string]map[string]verb{
	"key": {
		"create": {method: post, path: "/key/generate"}, "list": {method: read, path: "/key/list?return_full_object=true", rows: "keys", columns: keyColumns},
		"info": {method: read, path: "/key/info", id: "key"}, "update": {method: post, path: "/key/update", id: "key"}, "delete": {method: post, path: "/key/delete", id: "keys", many: true},
		"block": {method: post, path: "/key/block", id: "key"}, "unblock": {method: post, path: "/key/unblock", id: "key"}, "regenerate": {method: post, path: "/key/regenerate", id: "key"},
		"create-service": {method: post, path: "/key/service-account/generate", id: "team_id"}, "reset-spend": {method: post, path: "/key/{key}/reset_spend", id: "key"},
	},
	"team": {
		"create": {method: post, path: "/team/new"}, "list": {method: read, path: "/v2/team/list?page_size=100", rows: "teams", columns: teamColumns},
		"info": {method: read, path: "/team/info", id: "team_id"}, "update": {method: post, path: "/team/update", id: "team_id"}, "delete": {method: post, path: "/team/delete", id: "team_ids", many: true},
		"block": {method: post, path: "/team/block", id: "team_id"}, "unblock": {method: post, path: "/team/unblock", id: "team_id"},
		"add-member": {method: post, path: "/team/member_add", id: "team_id"}, "remove-member": {method: post, path: "/team/member_delete", id: "team_id"},
		"update-member": {method: post, path: "/team/member_update", id: "team_id"}, "add-models": {method: post, path: "/team/model/add", id: "team_id"}, "remove-models": {method: post, path: "/team/model/delete", id: "team_id"},
		"permissions": {method: read, path: "/team/permissions_list", id: "team_id"}, "set-permissions": {method: post, path: "/team/permissions_update", id: "team_id"},
	},
	"project": {
		"create": {method: post, path: "/project/new"}, "list": {method: read, path: "/project/list", columns: []string{"project_id", "project_alias", "team_id", "spend", "max_budget", "blocked"}},
		"info": {method: read, path: "/project/info", id: "project_id"}, "update": {method: post, path: "/project/update", id: "project_id"}, "delete": {method: del, path: "/project/delete", id: "project_ids", many: true},
	},
	"user": {
		"create": {method: post, path: "/user/new"}, "list": {method: read, path: "/user/list?page_size=100", rows: "users", columns: []string{"user_id", "user_email", "user_role", "spend", "max_budget", "blocked"}},
		"info": {method: read, path: "/user/info", id: "user_id"}, "update": {method: post, path: "/user/update", id: "user_id"}, "delete": {method: post, path: "/user/delete", id: "user_ids", many: true},
		"invite": {method: post, path: "/invitation/new", id: "user_id"},
	},
	"org": {
		"create": {method: post, path: "/organization/new"}, "list": {method: read, path: "/organization/list", columns: []string{"organization_id", "organization_alias", "spend"}},
		"info": {method: read, path: "/organization/info", id: "organization_id"}, "update": {method: patch, path: "/organization/update", id: "organization_id"}, "delete": {method: del, path: "/organization/delete", id: "organization_ids", many: true},
		"add-member": {method: post, path: "/organization/member_add", id: "organization_id"}, "update-member": {method: patch, path: "/organization/member_update", id: "organization_id"},
		"remove-member": {method: del, path: "/organization/member_delete", id: "organization_id"},
	},
	"customer": {
		"create": {method: post, path: "/customer/new", id: "user_id"}, "list": {method: read, path: "/customer/list", columns: []string{"user_id", "alias", "spend", "budget_id", "blocked"}},
		"info": {method: read, path: "/customer/info", id: "end_user_id"}, "update": {method: post, path: "/customer/update", id: "user_id"}, "delete": {method: post, path: "/customer/delete", id: "user_ids", many: true},
		"block": {method: post, path: "/customer/block", id: "user_ids", many: true}, "unblock": {method: post, path: "/customer/unblock", id: "user_ids", many: true},
	},
	"budget": {
		"create": {method: post, path: "/budget/new"}, "list": {method: read, path: "/budget/list", columns: []string{"budget_id", "max_budget", "budget_duration", "tpm_limit", "rpm_limit"}},
		"info": {method: post, path: "/budget/info", id: "budgets", many: true}, "update": {method: post, path: "/budget/update", id: "budget_id"}, "delete": {method: post, path: "/budget/delete", id: "id"},
	},
	"model": {
		"create": {method: post, path: "/model/new"}, "list": {method: read, path: "/v1/models", rows: "data", columns: []string{"id", "owned_by", "mode", "max_input_tokens", "max_output_tokens"}},
		"info": {method: read, path: "/model/info", id: "litellm_model_id"}, "delete": {method: post, path: "/model/delete", id: "id"},
		"update": {method: post, path: "/model/update", id: "id"}, "block": {method: post, path: "/model/block", id: "model_id"}, "unblock": {method: post, path: "/model/unblock", id: "model_id"},
		"test": {method: post, path: "/health/test_connection"}, "health": {method: read, path: "/health", id: "model"}, "deprecations": {method: read, path: "/model/deprecations"},
	},
	"tag": {
		"create": {method: post, path: "/tag/new", id: "name"}, "list": {method: read, path: "/tag/list", columns: []string{"name", "description", "spend", "budget_id", "created_at"}},
		"info": {method: post, path: "/tag/info", id: "names", many: true}, "update": {method: post, path: "/tag/update", id: "name"}, "delete": {method: post, path: "/tag/delete", id: "name"},
	},
	"access-group": {
		"create": {method: post, path: "/v1/access_group", id: "access_group_name"}, "list": {method: read, path: "/v1/access_group", columns: []string{"access_group_id", "access_group_name", "access_model_names", "description"}},
		"info": {method: read, path: "/v1/access_group/{access_group_id}", id: "access_group_id"}, "update": {method: put, path: "/v1/access_group/{access_group_id}", id: "access_group_id"},
		"delete": {method: del, path: "/v1/access_group/{access_group_id}", id: "access_group_id"},
	},
	"settings": {
		"ui": {method: read, path: "/get/ui_settings"}, "set-ui": {method: patch, path: "/update/ui_settings"},
		"users": {method: read, path: "/get/internal_user_settings"}, "set-users": {method: patch, path: "/update/internal_user_settings"},
		"teams": {method: read, path: "/get/default_team_settings"}, "set-teams": {method: patch, path: "/update/default_team_settings"},
	},
	"usage": {
		"user": usage("user", "user_id"), "team": usage("team", "team_id"), "organization": usage("organization", "organization_id"), "project": usage("project", "project_id"),
		"customer": usage("customer", "end_user_id"), "tag": usage("tag", "tag"),
	},
	"spend": {
		"logs": {method: read, path: "/spend/logs/v2", rows: "data", columns: []string{"startTime", "request_id", "model", "team_id", "user", "total_tokens", "spend", "status"}},
		"keys": {method: read, path: "/spend/keys", columns: keyColumns}, "users": {method: read, path: "/spend/users", columns: []string{"user_id", "user_email", "user_role", "spend", "max_budget"}}, "total": {method: read, path: "/global/spend"},
	},
	"limits":   {"": {method: read, path: "/limits", id: "key", rows: "limits", columns: []string{"scope", "scope_id", "kind", "model", "window", "limit", "used", "reserved", "remaining", "reset_at"}}},
	"simulate": {"": {method: post, path: "/policy/simulate", id: "key"}},
	"refusals": {"": {method: read, path: "/refusals", rows: "refusals", columns: []string{"minute", "count", "reason", "key_name", "team_id", "scope", "scope_id", "limit_kind", "model"}}},
	"audit":    {"": {method: read, path: "/audit", rows: "audit_logs", columns: []string{"updated_at", "changed_by", "action", "table_name", "object_id"}}},
}

// usage is what a kind of thing used, by day.
func usage(kind, column string) verb {
	return verb{method: read, path: "/" + kind + "/daily/activity/export?format=json", columns: []string{"date", column, "alias", "api_requests", "failed_requests", "total_tokens", "spend"}}
}
