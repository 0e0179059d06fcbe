package adminsvc

import (
	"cmp"
	"strconv"
	"time"

	"github.com/purser/purser/policy"
)

// spendLog is one request, in the shape of LiteLLM's SpendLogs table. Prompts and
// answers are never stored, so that messages and response are always empty.
type spendLog struct {
	RequestID           Opt[string]       `json:"request_id" doc:"The provider's response id; ours where it gave none"`
	CallID              Opt[string]       `json:"litellm_call_id" doc:"Ours: the reply's x-litellm-call-id"`
	CallType            Opt[string]       `json:"call_type"`
	APIKey              Opt[string]       `json:"api_key" doc:"The key's hash"`
	Spend               Opt[policy.Money] `json:"spend"`
	TotalTokens         Opt[int64]        `json:"total_tokens"`
	PromptTokens        Opt[int64]        `json:"prompt_tokens"`
	CompletionTokens    Opt[int64]        `json:"completion_tokens"`
	StartTime           Opt[time.Time]    `json:"startTime"`
	EndTime             Opt[time.Time]    `json:"endTime"`
	RequestDurationMs   Opt[int64]        `json:"request_duration_ms"`
	CompletionStartTime Opt[time.Time]    `json:"completionStartTime"`
	Model               Opt[string]       `json:"model" doc:"The provider's name"`
	ModelID             Opt[string]       `json:"model_id" doc:"The deployment"`
	ModelGroup          Opt[string]       `json:"model_group" doc:"The public name"`
	Provider            Opt[string]       `json:"custom_llm_provider"`
	APIBase             Opt[string]       `json:"api_base"`
	User                Opt[string]       `json:"user"`
	KeyAlias            Opt[string]       `json:"key_alias"`
	TeamID              Opt[string]       `json:"team_id"`
	TeamAlias           Opt[string]       `json:"team_alias"`
	ProjectID           Opt[string]       `json:"project_id"`
	ProjectAlias        Opt[string]       `json:"project_alias"`
	OrganizationID      Opt[string]       `json:"organization_id"`
	EndUser             Opt[string]       `json:"end_user"`
	RequestTags         Opt[[]string]     `json:"request_tags" default:"[]"`
	Metadata            Opt[Fields]       `json:"metadata"`
	CacheHit            Opt[string]       `json:"cache_hit"`
	CacheKey            Opt[string]       `json:"cache_key"`
	IP                  Opt[string]       `json:"requester_ip_address"`
	Messages            Opt[Fields]       `json:"messages" default:"{}"`
	Response            Opt[Fields]       `json:"response" default:"{}"`
	ProxyServerRequest  Opt[Fields]       `json:"proxy_server_request" default:"{}"`
	SessionID           Opt[string]       `json:"session_id"`
	Status              Opt[string]       `json:"status" doc:"success, failure, or abandoned: the client left before the end"`

	Limits Opt[rows] `json:"limits" optional:"true" doc:"Only of a request asked for by itself: those its decision met, in the order they were checked, as /limits lists them. used is what others had taken before it, asked what was held for it, remaining what that left"`
}

// spendLogRow renders a journal entry.
func spendLogRow(e *policy.Entry) Object {
	tags := e.Tags
	if tags == nil {
		tags = []string{}
	}
	return render[spendLog](nil, Object{
		{"request_id", cmp.Or(e.RequestID, e.CallID)}, {"litellm_call_id", e.CallID}, {"call_type", e.CallType}, {"api_key", e.KeyHash},
		{"spend", dollars(e.Cost.Total)}, {"total_tokens", e.Usage.Total()}, {"prompt_tokens", e.Usage.Input}, {"completion_tokens", e.Usage.Output},
		{"startTime", when(e.StartedAt)}, {"endTime", when(e.EndedAt)}, {"request_duration_ms", millis(e.StartedAt, e.EndedAt)}, {"completionStartTime", when(e.FirstByte)},
		{"model", e.Model}, {"model_id", e.Deployment}, {"model_group", cmp.Or(e.ModelGroup, e.ModelAsked)}, {"custom_llm_provider", e.Provider}, {"api_base", e.APIBase},
		{"user", e.UserID}, {"key_alias", orNull(e.KeyAlias)}, {"team_id", orNull(e.TeamID)}, {"team_alias", orNull(e.TeamAlias)},
		{"project_id", orNull(e.ProjectID)}, {"project_alias", orNull(e.ProjectAlias)}, {"organization_id", orNull(e.OrganizationID)}, {"end_user", orNull(e.CustomerID)},
		{"request_tags", tags}, {"metadata", spendLogMetadata(e)}, {"cache_hit", "False"}, {"cache_key", ""}, {"requester_ip_address", orNull(e.ClientIP)},
		{"session_id", orNull(e.Session)}, {"status", string(e.Status)},
	})
}

func millis(from, until time.Time) any {
	if from.IsZero() || until.Before(from) {
		return nil
	}
	return until.Sub(from).Milliseconds()
}

// spendLogMetadata is where LiteLLM keeps whose request it was and what it cost by part.
func spendLogMetadata(e *policy.Entry) Object {
	m := Object{
		{"user_api_key", orNull(e.KeyHash)}, {"user_api_key_alias", orNull(e.KeyAlias)},
		{"user_api_key_team_id", orNull(e.TeamID)}, {"user_api_key_team_alias", orNull(e.TeamAlias)},
		{"user_api_key_org_id", orNull(e.OrganizationID)}, {"user_api_key_user_id", orNull(e.UserID)},
		{"user_api_key_project_id", orNull(e.ProjectID)}, {"user_api_key_project_alias", orNull(e.ProjectAlias)},
		{"user_api_key_end_user_id", orNull(e.CustomerID)},
		{"requester_ip_address", orNull(e.ClientIP)}, {"user_agent", orNull(e.UserAgent)}, {"litellm_call_id", e.CallID}, {"upstream_request_id", orNull(e.Upstream)},
		{"status", string(e.Status)}, {"error_information", errorInformation(e)}, {"usage_object", usageObject(e.Usage)}, {"cost_breakdown", costBreakdown(e.Cost)},
		{"usage_source", e.Usage.Source.String()}, {"route", e.Route}, {"model_asked", orNull(e.ModelAsked)}, {"stream", e.Stream},
		{"attempted_retries", max(e.Attempts-1, 0)},
	}
	if e.Clamped > 0 {
		m.Set("max_tokens_lowered_to", e.Clamped)
	}
	if e.Type == policy.EntryAdjustment {
		m.Set("adjustment", Object{{"scope", e.AdjustedKind}, {"scope_id", e.AdjustedID}})
	}
	return m
}

// errorInformation is null for what went well.
func errorInformation(e *policy.Entry) any {
	if e.Status == policy.StatusSuccess {
		return nil
	}
	return Object{{"error_code", errorCode(e)}, {"error_class", string(e.Status)}, {"llm_provider", e.Provider}, {"error_message", e.Error}, {"traceback", ""}}
}

func errorCode(e *policy.Entry) string {
	if e.HTTPStatus == 0 {
		return ""
	}
	return strconv.Itoa(e.HTTPStatus)
}

// usageObject is a usage as OpenAI writes it, with the cache's tokens as Anthropic names them.
func usageObject(u policy.Usage) Object {
	return Object{
		{"prompt_tokens", u.Input}, {"completion_tokens", u.Output}, {"total_tokens", u.Total()},
		{"prompt_tokens_details", Object{{"cached_tokens", u.Cached}, {"audio_tokens", u.AudioInput}, {"image_tokens", u.ImageInput}}},
		{"completion_tokens_details", Object{{"reasoning_tokens", u.Reasoning}, {"audio_tokens", u.AudioOutput}, {"image_tokens", u.ImageOutput}}},
		{"cache_read_input_tokens", u.Cached}, {"cache_creation_input_tokens", u.CacheWrite5m + u.CacheWrite1h},
	}
}

// costBreakdown has parts that add up to the total.
func costBreakdown(c policy.Cost) Object {
	return Object{
		{"input_cost", dollars(c.Input)}, {"output_cost", dollars(c.Output)}, {"cache_read_cost", dollars(c.CacheRead)}, {"cache_creation_cost", dollars(c.CacheWrite)},
		{"reasoning_cost", dollars(c.Reasoning)}, {"tool_usage_cost", dollars(c.Other)}, {"total_cost", dollars(c.Total)}, {"original_cost", dollars(c.Total)},
	}
}
