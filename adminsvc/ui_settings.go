package adminsvc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// SettingReader reads what was kept under a name; policy.ErrNotFound where there is nothing.
type SettingReader interface {
	Setting(ctx context.Context, key string) (json.RawMessage, error)
}

// Names that settings are kept under.
const (
	settingUI    = "ui_settings"
	settingUsers = "internal_user_settings"
	settingTeams = "default_team_settings"
)

// uiFlags are the switches of Admin Settings → UI Settings. Those that forbid
// something are enforced by the API; the others tell the UI what to show.
type uiFlags struct {
	Body
	Projects        Opt[bool]     `json:"enable_projects_ui" default:"false" doc:"Show Projects in the sidebar"`
	NoCustomKeys    Opt[bool]     `json:"disable_custom_api_keys" default:"false" doc:"Refuse keys that callers choose themselves (key, new_key)"`
	NoOrgAdminKeys  Opt[bool]     `json:"disable_key_generate_for_org_admin" default:"false" doc:"Organization admins make no keys, unless as a team's admin"`
	NoMemberRemoval Opt[bool]     `json:"disable_team_admin_delete_team_user" default:"false" doc:"Team admins remove no members"`
	Pages           Opt[[]string] `json:"enabled_ui_pages_internal_users" default:"null" doc:"The pages that internal users see; null: all that their role has"`

	AgentsOff     Opt[Unenforced] `json:"disable_agents_for_internal_users"`
	StoresOff     Opt[Unenforced] `json:"disable_vector_stores_for_internal_users"`
	ModelAddOff   Opt[Unenforced] `json:"disable_model_add_for_internal_users"`
	PublicHub     Opt[Unenforced] `json:"require_auth_for_public_ai_hub"`
	ScopeSearch   Opt[Unenforced] `json:"scope_user_search_to_org"`
	TeamFields    Opt[Unenforced] `json:"team_admin_editable_team_fields"`
	ChatUI        Opt[Unenforced] `json:"enable_chat_ui"`
	ClientHeaders Opt[Unenforced] `json:"forward_client_headers_to_llm_api"`
}

// uiFlagsRow are the flags as they read back.
type uiFlagsRow struct {
	Projects        Opt[bool]     `json:"enable_projects_ui" default:"false"`
	NoCustomKeys    Opt[bool]     `json:"disable_custom_api_keys" default:"false"`
	NoOrgAdminKeys  Opt[bool]     `json:"disable_key_generate_for_org_admin" default:"false"`
	NoMemberRemoval Opt[bool]     `json:"disable_team_admin_delete_team_user" default:"false"`
	Pages           Opt[[]string] `json:"enabled_ui_pages_internal_users"`
}

// settingsRow is how LiteLLM tells of settings: what is in force, and what each is.
type settingsRow struct {
	Values Opt[Fields]         `json:"values"`
	Schema Opt[jsontext.Value] `json:"field_schema"`
	Source Opt[string]         `json:"source" doc:"db where they were set here, else config or default"`
}

type settingsUpdated struct {
	Message  Opt[string] `json:"message"`
	Status   Opt[string] `json:"status"`
	Settings Opt[Fields] `json:"settings"`
}

// uiSettingsRoutes: what the UI shows, and what new users get.
func uiSettingsRoutes(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "settings", Summary: summary, Reply: reply}
	}
	read := op(http.MethodGet, "/get/ui_settings", "The UI's settings", settingsRow{})
	read.Also = []string{"/ui_settings"}
	route(s, read, s.readUISettings)
	change := op(http.MethodPatch, "/update/ui_settings", "Change some of the UI's settings; the others stay", settingsUpdated{})
	change.Also = []string{"/ui_settings"}
	route(s, change, s.changeUISettings)
	route(s, op(http.MethodGet, "/get/internal_user_settings", "What new users get who were given nothing else", settingsRow{}), s.readUserSettings)
	route(s, op(http.MethodPatch, "/update/internal_user_settings", "Change what new users get", settingsUpdated{}), s.changeUserSettings)
	route(s, op(http.MethodGet, "/get/default_team_settings", "What new teams get that were given nothing else", settingsRow{}), s.readTeamSettings)
	route(s, op(http.MethodPatch, "/update/default_team_settings", "Change what new teams get", settingsUpdated{}), s.changeTeamSettings)
	for _, none := range []struct{ name, what string }{
		{"sso_settings", "single sign-on, which is not there yet"},
		{"ui_theme_settings", "the UI's theme, which is its own"},
	} {
		route(s, op(http.MethodGet, "/get/"+none.name, "Settings of "+none.what, settingsRow{}), s.noSettings)
	}
	route(s, op(http.MethodGet, "/sso/get/ui_settings", "What a UI asks before it signs in or queries much", ssoUISettings{}), s.ssoUISettings)
	config := op(http.MethodGet, "/.well-known/litellm-ui-config", "Where the UI is, and how to sign in to it", uiConfig{})
	config.Public = true
	route(s, config, s.uiConfig)
}

// stored reads a setting; nil where nothing was set.
func (s *server) stored(ctx context.Context, key string) (Fields, error) {
	if s.Kept == nil {
		return nil, nil
	}
	raw, err := s.Kept.Setting(ctx, key)
	if errors.Is(err, policy.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return storedFields(raw), nil
}

// uiSettings are the flags in force.
func (s *server) uiSettings(ctx context.Context) (Object, error) {
	stored, err := s.stored(ctx, settingUI)
	if err != nil {
		return nil, err
	}
	return render[uiFlagsRow](stored, nil), nil
}

// flag reports whether a flag that forbids something is on.
func (s *server) flag(ctx context.Context, name string) (bool, error) {
	stored, err := s.stored(ctx, settingUI)
	v, _ := stored.Get(name)
	return string(v) == "true", err
}

func source(stored Fields, configured bool) string {
	switch {
	case stored != nil:
		return "db"
	case configured:
		return "config"
	}
	return "default"
}

func (s *server) readUISettings(ctx context.Context, _ *Caller, _ *nothing) (any, error) {
	stored, err := s.stored(ctx, settingUI)
	if err != nil {
		return nil, err
	}
	return Object{{"values", render[uiFlagsRow](stored, nil)}, {"field_schema", s.schemaOfType("UiFlags")}, {"source", source(stored, false)}}, nil
}

// changeUISettings merges what was sent into what is kept.
func (s *server) changeUISettings(ctx context.Context, c *Caller, in *uiFlags) (any, error) {
	merged, err := s.mergeSetting(ctx, c, settingUI, in.Sent)
	if err != nil {
		return nil, err
	}
	return Object{{"message", "The settings were changed"}, {"status", "success"}, {"settings", render[uiFlagsRow](merged, nil)}}, nil
}

func (s *server) mergeSetting(ctx context.Context, c *Caller, key string, sent Fields) (merged Fields, err error) {
	if err := s.authorize(ctx, c, settingsChange, target{}); err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		stored, err := s.stored(ctx, key) // no other write runs beside this one
		if err != nil {
			return err
		}
		merged = stored.Merge(sent)
		return tx.Keep(ctx, policy.NewSetting{Key: key, Value: json.RawMessage(merged.Stored())})
	})
	return merged, err
}

// userSettings are what new users get: kept here, else config.yaml's.
type userSettings struct {
	Body
	Role     Opt[string]       `json:"user_role" enum:"internal_user,internal_user_viewer" doc:"Admins are made one by one"`
	Budget   Opt[policy.Money] `json:"max_budget"`
	Duration Opt[string]       `json:"budget_duration"`
	Models   Opt[[]string]     `json:"models"`
	Teams    Opt[userTeams]    `json:"teams"`
}

func (s *server) defaultsOfUsers(ctx context.Context) (Fields, string, error) {
	stored, err := s.stored(ctx, settingUsers)
	if err != nil || stored != nil {
		return stored, "db", err
	}
	return storedFields(s.UserDefaults), source(nil, len(s.UserDefaults) > 0), nil
}

func (s *server) readUserSettings(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, settingsRead, target{}); err != nil {
		return nil, err
	}
	values, from, err := s.defaultsOfUsers(ctx)
	if err != nil {
		return nil, err
	}
	return Object{{"values", render[userSettings](values, nil)}, {"field_schema", s.schemaOfType("UserSettings")}, {"source", from}}, nil
}

func (s *server) changeUserSettings(ctx context.Context, c *Caller, in *userSettings) (any, error) {
	if b, ok := in.Budget.Get(); ok && b < 0 {
		return nil, badRequest("max_budget", "max_budget must not be negative")
	}
	if d := in.Duration.Or(""); d != "" {
		if _, err := policy.ParseDuration(d); err != nil {
			return nil, badRequest("budget_duration", "%v", err)
		}
	}
	for _, t := range in.Teams.Or(nil) {
		if team, err := find[*policy.Team](ctx, s.Store, policy.EntityTeam, t.id); err != nil {
			return nil, err
		} else if team == nil {
			return nil, badRequest("teams", "There is no team %s", clip(t.id))
		}
	}
	values, from, err := s.defaultsOfUsers(ctx)
	if err != nil {
		return nil, err
	}
	sent := in.Sent
	if from == "config" {
		sent = values.Merge(sent) // the file's stay in force until they are set here
	}
	merged, err := s.mergeSetting(ctx, c, settingUsers, sent)
	if err != nil {
		return nil, err
	}
	return Object{{"message", "The settings were changed"}, {"status", "success"}, {"settings", render[userSettings](merged, nil)}}, nil
}

func (s *server) noSettings(ctx context.Context, c *Caller, _ *nothing) (any, error) {
	if err := s.authorize(ctx, c, settingsRead, target{}); err != nil {
		return nil, err
	}
	return Object{{"values", Object{}}, {"field_schema", Object{{"properties", Object{}}}}, {"source", "default"}}, nil
}

// schemaOfType is a component of the OpenAPI document.
func (s *server) schemaOfType(name string) any {
	return s.openapi.Components.Schemas.Map()[name]
}

type uiConfig struct {
	Root         Opt[string] `json:"server_root_path"`
	Base         Opt[string] `json:"proxy_base_url"`
	AutoRedirect Opt[bool]   `json:"auto_redirect_to_sso"`
	Disabled     Opt[bool]   `json:"admin_ui_disabled"`
	SSO          Opt[bool]   `json:"sso_configured"`
}

func (s *server) uiConfig(context.Context, *Caller, *nothing) (any, error) {
	return Object{{"server_root_path", "/"}, {"proxy_base_url", nil}, {"auto_redirect_to_sso", false}, {"admin_ui_disabled", s.SignIn == nil}, {"sso_configured", false}}, nil
}

type ssoUISettings struct {
	Base      Opt[string] `json:"PROXY_BASE_URL"`
	Logout    Opt[string] `json:"PROXY_LOGOUT_URL"`
	NoTeam    Opt[bool]   `json:"DEFAULT_TEAM_DISABLED"`
	SSO       Opt[bool]   `json:"SSO_ENABLED"`
	LogRows   Opt[int64]  `json:"NUM_SPEND_LOGS_ROWS" doc:"Not counted here: queries stay fast however many there are"`
	Expensive Opt[bool]   `json:"DISABLE_EXPENSIVE_DB_QUERIES"`
}

func (s *server) ssoUISettings(context.Context, *Caller, *nothing) (any, error) {
	return Object{{"PROXY_BASE_URL", nil}, {"PROXY_LOGOUT_URL", nil}, {"DEFAULT_TEAM_DISABLED", false}, {"SSO_ENABLED", false},
		{"NUM_SPEND_LOGS_ROWS", 0}, {"DISABLE_EXPENSIVE_DB_QUERIES", false}}, nil
}
