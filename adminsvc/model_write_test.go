package adminsvc

import (
	"context"
	"strings"
	"testing"

	"github.com/purser/purser/policy"
	fileconfig "github.com/purser/purser/policy/config"
	"github.com/purser/purser/policy/postgres"
	"github.com/purser/purser/policy/seal"
)

// keeper is what cmd/adminsvc hands the API, without Envoy.
type keeper struct {
	file *fileconfig.Config
	box  *seal.Box
}

func (k *keeper) Compile(m *policy.StoredModel) (*policy.Deployment, error) {
	c, err := k.file.Compile(m, k.box.Open)
	if err != nil {
		return nil, err
	}
	return c.Deployment, nil
}

func (k *keeper) Seal(id string, object []byte) ([]byte, error) {
	return fileconfig.MapSecrets(object, func(path, text string) (string, error) {
		if text == fileconfig.Masked {
			return "", &policy.Invalid{Field: path, Message: path + " is masked"}
		}
		return k.box.Seal(id, text), nil
	})
}

func (k *keeper) InFile(id string) bool { return k.file.Has(id) }

// modelAPI is an API that keeps models, and serves what it keeps.
func modelAPI(t *testing.T) (*api, *keeper) {
	t.Helper()
	file, err := fileconfig.Parse([]byte("model_list:\n- {model_name: gpt-4, litellm_params: {model: openai/gpt-4, api_key: k}, model_info: {id: of-the-file}}\n"), fileconfig.Options{})
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New("salt")
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{file, box}
	var store *postgres.Store
	a := setup(t, func(c *Config) {
		store = c.Store.(*spyStore).Store
		c.Models = k
		c.Catalog = func() *policy.Catalog {
			stored, _, err := policy.List[*policy.StoredModel](context.Background(), store, policy.Query{Kind: policy.EntityModel})
			if err != nil {
				t.Error(err)
			}
			var made []*fileconfig.Stored
			for _, m := range stored {
				if s, err := file.Compile(m, box.Open); err == nil {
					made = append(made, s)
				}
			}
			return policy.NewCatalog(file.With(made), nil)
		}
	})
	return a, k
}

const secretKey = "provider-key-0123456789"

func (a *api) stored(id string) *policy.StoredModel {
	a.t.Helper()
	m, err := policy.Get[*policy.StoredModel](context.Background(), a.store, policy.Ref{Kind: policy.EntityModel, ID: id})
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}

func TestModelsAreAddedChangedAndDeleted(t *testing.T) {
	a, k := modelAPI(t)
	made := a.post("/model/new", `{"model_name":"mine","litellm_params":{"model":"openai/gpt-4o","api_key":"`+secretKey+`","rpm":7,"api_base":"http://a/v1"},"model_info":{"id":"m-1","access_groups":["beta"],"owner":"me"}}`).ok().
		has(map[string]string{"model_id": `"m-1"`, "model_name": `"mine"`, "litellm_params.api_key": `"***"`, "litellm_params.rpm": "7", "model_info.db_model": "true",
			"model_info.id": `"m-1"`, "model_info.owner": `"me"`, "blocked": "false", "created_by": `"default_user_id"`})
	if made.at("created_at") == nil {
		t.Error("no created_at")
	}
	key := func() string {
		d, err := k.Compile(a.stored("m-1"))
		if err != nil {
			t.Fatal(err)
		}
		return d.Credential.Reveal()
	}
	if key() != secretKey {
		t.Error("the credential is not what was sent")
	}
	a.get("/v1/model/info?litellm_model_id=m-1").ok().has(map[string]string{"data.0.model_name": `"mine"`, "data.0.model_info.db_model": "true", "data.0.litellm_params.api_key": `"***"`})
	a.get("/model/info?litellm_model_id=of-the-file").ok().has(map[string]string{"data.0.model_info.db_model": "false"})
	if !strings.Contains(a.get("/models").ok().raw, `"mine"`) || !strings.Contains(a.get("/model_group/info").ok().raw, `"mine"`) {
		t.Error("not among the models")
	}

	// What is not sent stays, null clears, and a secret that comes back masked is kept.
	a.post("/model/update", `{"model_info":{"id":"m-1"},"litellm_params":{"api_key":"***","api_base":"http://b/v1","rpm":null}}`).ok().
		has(map[string]string{"litellm_params.api_base": `"http://b/v1"`, "litellm_params.rpm": "null", "model_name": `"mine"`, "model_info.owner": `"me"`})
	if key() != secretKey {
		t.Error("an update that does not name the credential has changed it")
	}
	a.post("/model/update", `{"id":"m-1","litellm_params":{"api_key":"rotated-0123456789"}}`).ok()
	if key() != "rotated-0123456789" {
		t.Error("the credential was not rotated")
	}
	a.call(master, "PATCH", "/model/m-1/update", `{"model_name":"renamed","model_info":{"owner":null,"mode":"chat"},"blocked":true}`).ok().
		has(map[string]string{"model_name": `"renamed"`, "model_info.owner": "null", "model_info.mode": `"chat"`, "blocked": "true"})
	a.post("/model/unblock", `{"model_id":"m-1"}`).ok().has(map[string]string{"blocked": "false"})
	a.post("/model/block", `{"model_id":"m-1"}`).ok().has(map[string]string{"blocked": "true"})
	a.get("/model/info?litellm_model_id=m-1").ok().has(map[string]string{"data.0.model_info.blocked": "true"})
	if !a.stored("m-1").Blocked {
		t.Error("not blocked")
	}
	a.post("/model/delete", `{"id":"m-1"}`).ok().has(map[string]string{"message": `"Model: m-1 deleted successfully"`})
	if strings.Contains(a.get("/model/info").ok().raw, "m-1") {
		t.Error("still there")
	}
	// Without an id one is made.
	if id := a.post("/model/new", `{"model_name":"other","litellm_params":{"model":"openai/gpt-4o","api_key":"k"}}`).ok().text("model_id"); id == "" {
		t.Error("no id")
	}
	a.noSecret(secretKey, "rotated-0123456789")
}

// noSecret checks that nothing stored or logged holds a secret.
func (a *api) noSecret(secrets ...string) {
	a.t.Helper()
	audit, err := a.store.Audit(context.Background(), postgres.AuditQuery{})
	if err != nil || len(audit.Entries) == 0 {
		a.t.Fatalf("%v, %d audit entries", err, len(audit.Entries))
	}
	text := a.log.String()
	for _, e := range audit.Entries {
		text += string(e.Before) + string(e.After)
	}
	models, _, err := policy.List[*policy.StoredModel](context.Background(), a.store, policy.Query{Kind: policy.EntityModel})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, m := range models {
		text += string(m.Params) + string(m.Info) + string(m.Fields)
	}
	for _, s := range secrets {
		if strings.Contains(text, s) {
			a.t.Errorf("%s… is in a table or a log", s[:7])
		}
	}
}

func TestBadModelsAreRefusedAndChangeNothing(t *testing.T) {
	a, _ := modelAPI(t)
	a.post("/model/new", `{"model_name":"mine","litellm_params":{"model":"openai/gpt-4o","api_key":"`+secretKey+`"},"model_info":{"id":"m-1"}}`).ok()
	before := a.revision()
	good := `"litellm_params":{"model":"openai/gpt-4o","api_key":"k"}`
	for name, c := range map[string]struct{ method, path, body, typ, param string }{
		"a provider nobody knows": {"POST", "/model/new", `{"model_name":"x","litellm_params":{"model":"nonsense"}}`, "bad_request_error", "litellm_params.model"},
		"no model":                {"POST", "/model/new", `{"model_name":"x","litellm_params":{}}`, "bad_request_error", "litellm_params.model"},
		"an empty name":           {"POST", "/model/new", `{"model_name":"",` + good + `}`, "bad_request_error", "model_name"},
		"an id that is taken":     {"POST", "/model/new", `{"model_name":"x",` + good + `,"model_info":{"id":"m-1"}}`, "bad_request_error", "model_info.id"},
		"an id with a space":      {"POST", "/model/new", `{"model_name":"x",` + good + `,"model_info":{"id":"a b"}}`, "bad_request_error", "model_info.id"},
		"an id that is a number":  {"POST", "/model/new", `{"model_name":"x",` + good + `,"model_info":{"id":7}}`, "bad_request_error", "model_info.id"},
		"a masked credential":     {"POST", "/model/new", `{"model_name":"x","litellm_params":{"model":"openai/x","api_key":"***"}}`, "bad_request_error", "litellm_params.api_key"},
		"a limit nobody enforces": {"POST", "/model/new", `{"model_name":"x",` + good + `,"model_info":{"team_id":"t"}}`, "bad_request_error", "model_info.team_id"},
		"a variable of ours":      {"POST", "/model/new", `{"model_name":"x","litellm_params":{"model":"openai/x","api_base":"http://x","api_key":"os.environ/DATABASE_URL"}}`, "bad_request_error", "litellm_params.api_key"},
		"a change that is wrong":  {"POST", "/model/update", `{"model_info":{"id":"m-1"},"litellm_params":{"rpm":-1}}`, "bad_request_error", "litellm_params.rpm"},
		"no id":                   {"POST", "/model/update", `{` + good + `}`, "bad_request_error", "model_info.id"},
		"the file's, changed":     {"POST", "/model/update", `{"model_info":{"id":"of-the-file"},"litellm_params":{"rpm":1}}`, "validation_error", "id"},
		"the file's, patched":     {"PATCH", "/model/of-the-file/update", `{"litellm_params":{"rpm":1}}`, "validation_error", "id"},
		"the file's, deleted":     {"POST", "/model/delete", `{"id":"of-the-file"}`, "validation_error", "id"},
		"the file's, blocked":     {"POST", "/model/block", `{"model_id":"of-the-file"}`, "validation_error", "id"},
		"one that is not there":   {"POST", "/model/delete", `{"id":"nobody"}`, "bad_request_error", "id"},
	} {
		t.Run(name, func(t *testing.T) { a.call(master, c.method, c.path, c.body).refused(400, c.typ, c.param) })
	}
	a.call(master, "PATCH", "/model/nobody/update", `{"blocked":true}`).refused(404, "not_found_error", "id")
	a.post("/model/new", `{`+good+`}`).invalid("missing", `["body","model_name"]`)
	a.post("/model/new", `{"model_name":"x","litellm_params":"text"}`).invalid("dict_type", `["body","litellm_params"]`)
	user := a.post("/key/generate", `{"user_id":"somebody"}`).ok().text("key")
	before++ // the key
	for _, c := range [][3]string{
		{"POST", "/model/new", `{"model_name":"x",` + good + `}`}, {"POST", "/model/update", `{"model_info":{"id":"m-1"},"litellm_params":{}}`},
		{"PATCH", "/model/m-1/update", `{}`}, {"POST", "/model/delete", `{"id":"m-1"}`}, {"POST", "/model/block", `{"model_id":"m-1"}`}, {"POST", "/model/unblock", `{"model_id":"m-1"}`},
	} {
		if r := a.call(user, c[0], c[1], c[2]); r.status != 401 && r.status != 403 {
			t.Errorf("%s for a user: %d %s", c[1], r.status, r.raw)
		}
	}
	if a.revision() != before {
		t.Errorf("%d changes, want %d", a.revision(), before)
	}
	a.noSecret(secretKey)
}

func TestWithoutAKeeperModelsStayAsTheyAre(t *testing.T) {
	a := setup(t)
	if r := a.post("/model/new", `{"model_name":"x","litellm_params":{"model":"openai/x"}}`); r.status != 501 {
		t.Errorf("%d %s", r.status, r.raw)
	}
}
