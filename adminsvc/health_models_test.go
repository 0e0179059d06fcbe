package adminsvc

import (
	"context"
	"testing"
	"time"

	"github.com/purser/purser/policy"
)

// prober answers as its table says.
type tableProber map[string]Probe

func (p tableProber) Probe(_ context.Context, d *policy.Deployment) Probe { return p[d.ID] }

func TestHealthOfDeployments(t *testing.T) {
	t.Parallel()
	a := setup(t, func(c *Config) {
		c.Prober = tableProber{
			"d1": {Healthy: true, Status: 200, How: "POST /v1/chat/completions", Took: 12 * time.Millisecond}, "d2": {Status: 401, Problem: "it answered 401: no"},
			"d3": {Healthy: true, Status: 200}, "d4": {Healthy: true, Status: 200},
		}
	})
	a.get("/health/latest").ok().has(map[string]string{"latest_health_checks": "{}", "total_models": "0"})
	a.get("/health").ok().has(map[string]string{"healthy_count": "3", "unhealthy_count": "1", "healthy_endpoints.0.model_id": `"d1"`, "healthy_endpoints.0.response_time_ms": "12",
		"healthy_endpoints.0.status_code": "200", "unhealthy_endpoints.0.model_name": `"gpt-3.5-turbo"`, "unhealthy_endpoints.0.error": `"it answered 401: no"`})
	a.get("/health?model=gpt-4").ok().has(map[string]string{"healthy_count": "1", "unhealthy_count": "0"})
	a.get("/health?model_id=d2").ok().has(map[string]string{"healthy_count": "0", "unhealthy_count": "1"})
	a.get("/health/latest").ok().has(map[string]string{"total_models": "4", "latest_health_checks.d2.status": `"unhealthy"`, "latest_health_checks.d2.error_message": `"it answered 401: no"`,
		"latest_health_checks.d1.status": `"healthy"`, "latest_health_checks.d1.healthy_count": "1"})
	if r := a.get("/health?model=nothing"); r.status != 404 {
		t.Error(r.raw)
	}
	k := a.post("/key/generate", `{}`).ok().text("key")
	for _, path := range []string{"/health", "/health/latest"} {
		if r := a.call(k, "GET", path, ""); r.status < 400 {
			t.Errorf("%s for anybody: %d", path, r.status)
		}
	}
	if r := setup(t).get("/health"); r.status != 501 {
		t.Error(r.raw)
	}
}

func TestModelInfoInPages(t *testing.T) {
	t.Parallel()
	a := setup(t)
	a.get("/v2/model/info?size=3").ok().has(map[string]string{"total_count": "4", "current_page": "1", "total_pages": "2", "size": "3", "data.2.model_info.id": `"d3"`, "data.3": "null"})
	a.get("/v2/model/info?size=3&page=2").ok().has(map[string]string{"current_page": "2", "data.0.model_info.id": `"d4"`, "data.1": "null"})
	a.get("/v2/model/info?page=9").ok().has(map[string]string{"data": "[]", "total_count": "4"})
	for query, want := range map[string]string{
		"search=GPT": "d1", "model=gpt-3.5-turbo": "d2", "modelId=d3": "d3", "access_group=beta-models": "d3", "wildcard_only=true": "d4",
		"sortBy=costs&sortOrder=desc": "d1", "sortBy=model_name": "d3", "sortBy=updated_at": "d1", "sortBy=status&sortOrder=desc": "d1",
	} {
		a.get("/v2/model/info?" + query).ok().has(map[string]string{"data.0.model_info.id": `"` + want + `"`})
	}
	for _, query := range []string{"sortBy=x", "sortOrder=up", "page=0", "size=0"} {
		if r := a.get("/v2/model/info?" + query); r.status != 400 && r.status != 422 {
			t.Errorf("%s: %d", query, r.status)
		}
	}
	k := a.post("/key/generate", `{"models":["gpt-4"]}`).ok().text("key")
	a.call(k, "GET", "/v2/model/info", "").ok().has(map[string]string{"total_count": "1", "data.0.model_info.id": `"d1"`})
	a.call(k, "GET", "/model_group/info", "").ok().has(map[string]string{"data.0.mode": `"chat"`, "data.0.supports_vision": "false", "data.0.supported_openai_params": "[]", "data.1": "null"})
}
