package adminsvc

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/purser/purser/policy"
	"github.com/purser/purser/policy/postgres/postgrestest"
)

// What changes an entity and what it has spent is one write: whichever half fails, or
// breaks the connection, neither is there.
func TestSpendIsSetWithTheRestOrNotAtAll(t *testing.T) {
	t.Parallel()
	at := postgrestest.URL(t)
	a := setupAt(t, at)
	c, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	run := func(sql string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this time'; END $$;
		CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NEW; END $$`)
	key := a.post("/key/generate", `{"max_budget":10,"models":["gpt-4"]}`).ok().text("token")
	a.post("/user/new", `{"user_id":"u","max_budget":10,"auto_create_key":false}`).ok()
	a.spend(policy.Entry{KeyHash: key, UserID: "u", ModelAsked: "gpt-4", Cost: policy.Cost{Total: policy.Dollar, Other: policy.Dollar}})
	// Every table's rows: what is half-applied shows in one of them.
	state := func() string {
		t.Helper()
		var text string
		for _, table := range []string{"keys", "users", "customers", "spend_logs", "spend_hourly", "spend_totals", "changes", "audit_log", "revision"} {
			var rows string
			if err := c.QueryRow(t.Context(), `SELECT coalesce(json_agg(t ORDER BY t::text), '[]')::text FROM `+table+` AS t`).Scan(&rows); err != nil {
				t.Fatal(err)
			}
			text += table + " " + rows + "\n"
		}
		return text
	}
	calls := []struct{ path, body string }{
		{"/key/update", `{"key":"` + key + `","max_budget":5,"spend":3}`},
		{"/user/update", `{"user_id":"u","max_budget":5,"spend":3}`},
		{"/user/bulk_update", `{"users":[{"user_id":"u","max_budget":5,"spend":3}]}`},
		{"/customer/new", `{"user_id":"c","max_budget":5,"spend":3}`},
		{"/key/" + key + "/reset_spend", `{"reset_to":0.5}`},
		{"/key/" + key + "/regenerate", `{"max_budget":5}`},
	}
	before := state()
	for _, table := range []string{"spend_logs", "spend_hourly", "spend_totals", "changes", "audit_log"} {
		for how, status := range map[string]int{"fails": 500, "breaks": 503} {
			run(fmt.Sprintf(`CREATE TRIGGER stopper BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s()`, table, how))
			for _, call := range calls {
				got := a.post(call.path, call.body)
				failed := got.status == status || call.path == "/user/bulk_update" && got.status == 200 && got.text("results.0.error") != ""
				if !failed {
					t.Errorf("%s while writing to %s %s: %d %s", call.path, table, how, got.status, got.raw)
				}
				if now := state(); now != before {
					t.Fatalf("%s while writing to %s %s: something changed\n%s\nit was\n%s", call.path, table, how, now, before)
				}
			}
			run(`DROP TRIGGER stopper ON ` + table)
		}
	}
	// And whole, once nothing is in the way.
	for _, call := range calls {
		got := a.post(call.path, call.body).ok()
		want := map[string]string{"/key/update": "3.0", "/user/update": "3.0", "/customer/new": "3.0"}[call.path]
		if want != "" {
			got.has(map[string]string{"spend": want})
		}
	}
	// One key and one answer, however often it is sent.
	body := `{"user_id":"once","max_budget":5,"spend":3}`
	first := a.again(master, "once", "/customer/new", body).ok().has(map[string]string{"spend": "3.0"})
	if second := a.again(master, "once", "/customer/new", body).ok(); second.raw != first.raw {
		t.Errorf("again: %s\nfirst: %s", second.raw, first.raw)
	}
	a.get("/customer/info?end_user_id=once").ok().has(map[string]string{"spend": "3.0"})
}
