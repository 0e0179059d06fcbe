// Package adminsvc is the REST front door: keys, teams, projects and all that
// governs traffic, in the shapes of the project's documents and of LiteLLM's
// management API. It decides nothing about traffic itself: it writes entities to
// policy.Store, whose Write returns once every data plane has applied them.
//
// # How a resource is written
//
// One file per resource. It declares its requests and rows as structs, adds its
// endpoints in one function that resources.go lists, and its handlers are
// methods of server:
//
//	type projectNew struct {
//		Body                                  // Body.Sent: what came, names in order, values verbatim
//		TeamID Opt[string] `json:"team_id" required:"true"`
//		Models Opt[[]string] `json:"models"`
//		limitFields                           // max_budget, tpm_limit, … and metadata
//		Guardrails Unenforced …               // Opt[Unenforced]: refused unless empty
//	}
//
//	func projects(s *server) {
//		route(s, operation{Method: "POST", Path: "/project/new", Tag: "projects", Reply: projectRow{}}, s.newProject)
//	}
//
//	func (s *server) newProject(ctx context.Context, c *Caller, in *projectNew) (any, error)
//
// Fields are tagged json, query or path, and are all Opt[T]: absent, null or a
// value. The same struct makes the OpenAPI schema. `required:"true"` answers 422
// in pydantic's form, `enum:"a,b"` too; what is well-formed and still wrong is an
// *Error (badRequest, notFound, forbidden, detail) or policy's Invalid.
//
// An entity is compiled from its fields: Record.Fields holds the documented
// fields as they were sent; an update merges what was sent over them and
// compiles the whole again, so that creating and updating cannot differ.
// Replies are made by render from the row type (a list of things is an Opt[rows]
// there; the tests hold every reply against the OpenAPI document made of it), the stored fields and what we
// know ourselves: what was sent reads back the same, 0 as 0, null as null.
//
// Every handler that names something of somebody calls authorize, whose table in
// authorize.go is the only place that says who may do what; its answer comes
// before any about the thing's state. Writes go through s.Store.Write with
// c.Actor, and read what they check inside the transaction.
//
// # Invariants
//
//   - An error changes nothing: a handler either commits one transaction or none.
//   - A field that restricts is enforced or refused, never ignored.
//   - No reply, log line or error holds a whole key, but the one that creates it.
//   - Money never passes through a float.
//
// # Failure
//
// Without PostgreSQL every endpoint but liveness answers 503 with type
// no_db_connection. A panic answers 500 and is logged by its type. A reply to a
// write that the data planes have not confirmed within a second is still a
// success: the store has it, and they will.
package adminsvc
