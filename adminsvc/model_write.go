package adminsvc

import (
	"context"
	"errors"
	"net/http"
	"strings"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purser/purser/policy"
)

// ModelKeeper knows what a model of the database means, and keeps its secrets.
type ModelKeeper interface {
	// Compile says what a stored model is served as. Its error is a *policy.Invalid that
	// names the field.
	Compile(m *policy.StoredModel) (*policy.Deployment, error)
	// Seal seals the secrets in a model's JSON object. Its error is as Compile's.
	Seal(id string, object []byte) ([]byte, error)
	// InFile reports whether the configuration file has a deployment of this id.
	InFile(id string) bool
}

// modelWrites: models that are kept in the database.
func modelWrites(s *server) {
	op := func(method, path, summary string, reply any) operation {
		return operation{Method: method, Path: path, Tag: "models", Summary: summary, Reply: reply}
	}
	route(s, creating(op(http.MethodPost, "/model/new", "Add a deployment; it is served when the answer comes", storedModelRow{})), s.newModel)
	route(s, op(http.MethodPost, "/model/update", "Change a deployment of the database: absent stays, null clears", storedModelRow{}), s.updateModel)
	route(s, op(http.MethodPatch, "/model/{model_id}/update", "Change a deployment of the database: absent stays, null clears", storedModelRow{}), s.patchModel)
	route(s, op(http.MethodPost, "/model/delete", "Delete a deployment of the database", messageRow{}), s.deleteModel)
	route(s, op(http.MethodPost, "/model/block", "Send no calls to a deployment of the database", storedModelRow{}), s.blockModel(true))
	route(s, op(http.MethodPost, "/model/unblock", "Send calls to it again", storedModelRow{}), s.blockModel(false))
}

const modelWrite action = "add, change or delete models"

func init() { rules[modelWrite] = rule{allow: isAdmin} }

type messageRow struct {
	Message Opt[string] `json:"message"`
}

type storedModelRow struct {
	ModelID   Opt[string] `json:"model_id"`
	ModelName Opt[string] `json:"model_name"`
	Params    Opt[Fields] `json:"litellm_params"`
	Info      Opt[Fields] `json:"model_info"`
	Blocked   Opt[bool]   `json:"blocked"`
	CreatedAt Opt[string] `json:"created_at"`
	CreatedBy Opt[string] `json:"created_by"`
	UpdatedAt Opt[string] `json:"updated_at"`
	UpdatedBy Opt[string] `json:"updated_by"`
}

type modelNew struct {
	Body
	Name    Opt[string] `json:"model_name" required:"true" doc:"The public name; openai/* and the like serve every name they match"`
	Params  Opt[Fields] `json:"litellm_params" required:"true" doc:"As in config.yaml: model, api_base, api_key, prices, rpm, tpm, weight, …"`
	Info    Opt[Fields] `json:"model_info" doc:"As in config.yaml: id, mode, access_groups, base_model, …"`
	Blocked Opt[bool]   `json:"blocked"`
}

type modelChange struct {
	Body
	ID      Opt[string] `json:"id" doc:"The deployment; else model_info.id"`
	Name    Opt[string] `json:"model_name"`
	Params  Opt[Fields] `json:"litellm_params" doc:"Merged: absent stays, null clears"`
	Info    Opt[Fields] `json:"model_info" doc:"Merged in the same way; its id names the deployment"`
	Blocked Opt[bool]   `json:"blocked"`
}

type modelPatch struct {
	modelChange
	PathID Opt[string] `path:"model_id"`
}

// mayWriteModels refuses who may not, and where nobody can.
func (s *server) mayWriteModels(ctx context.Context, c *Caller) error {
	if err := s.authorize(ctx, c, modelWrite, target{}); err != nil {
		return err
	}
	if s.Models == nil {
		return &Error{Status: http.StatusNotImplemented, Type: "not_implemented_error", Message: "Models cannot be kept in the database here: edit config.yaml"}
	}
	return nil
}

// modelID is the id in a model_info; "" for none.
func modelID(info Fields) (string, error) {
	v, ok := info.Get("id")
	switch {
	case !ok || v.Kind() == 'n':
		return "", nil
	case v.Kind() != '"':
		return "", badRequest("model_info.id", "model_info.id must be text")
	}
	return unquote(v), nil
}

// validModelID refuses ids that Envoy could not name a cluster by.
func validModelID(id string) error {
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return badRequest("model_info.id", "model_info.id must be at most 128 printable ASCII characters without spaces")
	}
	return nil
}

func (s *server) newModel(ctx context.Context, c *Caller, in *modelNew) (any, error) {
	if err := s.mayWriteModels(ctx, c); err != nil {
		return nil, err
	}
	id, err := modelID(in.Info.Value)
	if err == nil {
		err = validModelID(id)
	}
	if err != nil {
		return nil, err
	}
	if id == "" {
		id = s.NewID()
	}
	now := s.now()
	m := &policy.StoredModel{ID: id, Name: in.Name.Value, Blocked: in.Blocked.Or(false)}
	m.Record = policy.Record{CreatedAt: now, UpdatedAt: now, CreatedBy: c.UserID, UpdatedBy: c.UserID}
	if err := s.fillModel(m, nil, nil, in.Params.Value, in.Info.Value); err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		err := tx.Create(ctx, m)
		if errors.Is(err, policy.ErrConflict) {
			return badRequest("model_info.id", "A model with the id %s exists already", id)
		}
		return err
	})
	return s.changedModel(ctx, m, err)
}

// fillModel merges what was sent into what was there, and checks the whole.
func (s *server) fillModel(m *policy.StoredModel, params, info, sentParams, sentInfo Fields) error {
	var err error
	if m.Params, err = s.mergeSealed(m.ID, "litellm_params", params, sentParams); err != nil {
		return err
	}
	if m.Info, err = s.mergeSealed(m.ID, "model_info", info, sentInfo.Without("id", "db_model")); err != nil {
		return err
	}
	d, err := s.Models.Compile(m)
	if err != nil {
		return err
	}
	shown, err := json.Marshal(Object{
		{"model_name", m.Name}, {"litellm_params", jsontext.Value(d.Params)}, {"model_info", jsontext.Value(d.Info)}, {"blocked", m.Blocked},
	})
	m.Fields = shown
	return err
}

// mergeSealed puts what was sent, sealed, over what is stored. Null takes a field
// away; a secret that comes back masked, as it was shown, stays what it is.
func (s *server) mergeSealed(id, part string, stored, sent Fields) ([]byte, error) {
	out := stored
	var fresh Fields
	for _, f := range sent {
		switch {
		case f.Value.Kind() == 'n':
			out = out.Without(f.Name)
		case string(f.Value) == `"***"` && has(stored, f.Name):
		default:
			fresh = append(fresh, f)
		}
	}
	sealed, err := s.Models.Seal(id, fresh.Stored())
	var inv *policy.Invalid
	if errors.As(err, &inv) {
		field := part + "." + inv.Field
		return nil, badRequest(field, "%s", strings.ReplaceAll(inv.Message, inv.Field, field))
	}
	if err != nil {
		return nil, badRequest(part, "%s %s", part, err)
	}
	merged := out.Merge(storedFields(sealed))
	if part == "model_info" && len(merged) == 0 {
		return nil, nil
	}
	return merged.Stored(), nil
}

// changedModel answers once what was written is in force everywhere.
func (s *server) changedModel(ctx context.Context, m *policy.StoredModel, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	s.awaitModels(ctx)
	return storedModelObject(m), nil
}

// awaitModels waits for Envoys and data planes; what they have not taken in time they
// take later.
func (s *server) awaitModels(ctx context.Context) {
	if s.Settled == nil {
		return
	}
	if b := boundIn(ctx); b != nil {
		b.after = append(b.after, s.awaitModels)
		return
	}
	if err := s.Settled(ctx); err != nil {
		s.log.Warn("a change of models is answered before it was in force everywhere", "error", err)
	}
}

func storedModelObject(m *policy.StoredModel) Object {
	fields := storedFields(m.Fields)
	row := Object{{"model_id", m.ID}, {"model_name", m.Name}}
	params, _ := fields.Get("litellm_params")
	row.Set("litellm_params", params)
	info := Object{{"id", m.ID}, {"db_model", true}}
	if sent, ok := fields.Get("model_info"); ok {
		for _, f := range storedFields(sent) {
			info.Set(f.Name, f.Value)
		}
	}
	info.Set("id", m.ID)
	info.Set("db_model", true)
	row.Set("model_info", info)
	row.Set("blocked", m.Blocked)
	row.record(m.Record)
	return row
}

// noModel says why a model cannot be changed.
func (s *server) noModel(id string, status int) error {
	if s.Models.InFile(id) {
		return &Error{Status: http.StatusBadRequest, Type: "validation_error", Param: "id",
			Message: "Model " + clip(id) + " is in the configuration file and cannot be changed through the API: edit the file, or add the model with /model/new"}
	}
	if status == http.StatusNotFound {
		return notFound("id", "Model %s not found", clip(id))
	}
	return badRequest("id", "Model with id=%s not found in db", clip(id))
}

// editModel changes one model in a transaction.
func (s *server) editModel(ctx context.Context, c *Caller, id string, edit func(m *policy.StoredModel) error) (any, error) {
	if err := s.mayWriteModels(ctx, c); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, badRequest("model_info.id", "The model's id is needed: model_info.id")
	}
	var m *policy.StoredModel
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		old, err := find[*policy.StoredModel](ctx, tx, policy.EntityModel, id)
		if err != nil {
			return err
		}
		if old == nil {
			return s.noModel(id, http.StatusNotFound)
		}
		m = old
		if err := edit(m); err != nil {
			return err
		}
		m.UpdatedAt, m.UpdatedBy = s.now(), c.UserID
		return tx.Update(ctx, m)
	})
	return s.changedModel(ctx, m, err)
}

func (s *server) updateModel(ctx context.Context, c *Caller, in *modelChange) (any, error) {
	id, err := modelID(in.Info.Value)
	if err != nil {
		return nil, err
	}
	if id == "" {
		id = in.ID.Or("")
	}
	return s.mergeModel(ctx, c, id, in)
}

func (s *server) patchModel(ctx context.Context, c *Caller, in *modelPatch) (any, error) {
	return s.mergeModel(ctx, c, in.PathID.Value, &in.modelChange)
}

// mergeModel changes one deployment. A request that names two is not guessed at.
func (s *server) mergeModel(ctx context.Context, c *Caller, id string, in *modelChange) (any, error) {
	inInfo, err := modelID(in.Info.Value)
	if err != nil {
		return nil, err
	}
	for field, other := range map[string]string{"id": in.ID.Or(""), "model_info.id": inInfo} {
		if other != "" && other != id {
			if err := s.mayWriteModels(ctx, c); err != nil {
				return nil, err
			}
			return nil, badRequest(field, "%s is %s, and the request names deployment %s as well", field, clip(other), clip(id))
		}
	}
	return s.editModel(ctx, c, id, func(m *policy.StoredModel) error {
		if name, ok := in.Name.Get(); ok {
			m.Name = name
		}
		if in.Blocked.Sent {
			m.Blocked = in.Blocked.Or(false)
		}
		return s.fillModel(m, storedFields(m.Params), storedFields(m.Info), in.Params.Value, in.Info.Value)
	})
}

type modelBlock struct {
	Body
	ID Opt[string] `json:"model_id" required:"true"`
}

func (s *server) blockModel(blocked bool) func(context.Context, *Caller, *modelBlock) (any, error) {
	return func(ctx context.Context, c *Caller, in *modelBlock) (any, error) {
		return s.editModel(ctx, c, in.ID.Value, func(m *policy.StoredModel) error {
			m.Blocked = blocked
			fields := storedFields(m.Fields)
			v := jsontext.Value("false")
			if blocked {
				v = jsontext.Value("true")
			}
			m.Fields = fields.With("blocked", v).Stored()
			return nil // also one that cannot be served any more
		})
	}
}

type modelDeletion struct {
	Body
	ID Opt[string] `json:"id" required:"true"`
}

func (s *server) deleteModel(ctx context.Context, c *Caller, in *modelDeletion) (any, error) {
	if err := s.mayWriteModels(ctx, c); err != nil {
		return nil, err
	}
	err := s.Store.Write(ctx, c.Actor, func(tx policy.Tx) error {
		err := tx.Delete(ctx, policy.Ref{Kind: policy.EntityModel, ID: in.ID.Value})
		if errors.Is(err, policy.ErrNotFound) {
			return s.noModel(in.ID.Value, http.StatusBadRequest)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.awaitModels(ctx)
	return Object{{"message", "Model: " + in.ID.Value + " deleted successfully"}}, nil
}
