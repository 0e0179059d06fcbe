package policy

import (
	"cmp"
	"encoding/json"
	"slices"
)

// StoredModel is a deployment that is kept in the database rather than in the
// configuration file: an entry of model_list. What it means is worked out where
// the file's entries are, so that both mean the same.
type StoredModel struct {
	ID   string // the deployment's id
	Name string // model_name
	// Params is litellm_params, a JSON object. What is secret in it is sealed before
	// it gets here: nothing that reads the tables, the feed or a copy on disk has it.
	Params  json.RawMessage
	Info    json.RawMessage // model_info, a JSON object without the id; nil: none
	Blocked bool
	Record  // its Fields are the whole as people may see it, secrets masked
}

// Ref of a stored model.
func (e *StoredModel) Ref() Ref { return Ref{EntityModel, e.ID} }

// Models lists the stored models, oldest first.
func (d *Directory) Models() []*StoredModel {
	list := make([]*StoredModel, 0, d.models.size())
	d.models.each(func(_ string, e *StoredModel) bool {
		list = append(list, e)
		return true
	})
	slices.SortFunc(list, func(a, b *StoredModel) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list
}
