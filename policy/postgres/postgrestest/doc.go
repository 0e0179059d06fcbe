// Package postgrestest gives tests a real PostgreSQL, with an empty, migrated
// database for each test.
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
//	func TestKeys(t *testing.T) {
//		t.Parallel()
//		pool := postgrestest.DB(t)
//		…
//	}
//
// The server is the one at TEST_DATABASE_URL (its user must be allowed to create
// databases), else one that this test binary starts for itself on first use and
// stops at its end. Where neither works the test fails; it is never skipped.
//
// Own servers live in numbered slots of the cache folder, one for each test binary
// that runs at the same time. A slot is a locked folder whose data folder is used
// again by the next run, so that a start costs some 0.1 s rather than 1 s, and
// whatever a killed run left behind is found and removed. The server dies with the
// test binary in any case.
//
// The schema is migrated once per test binary, into a template that each test's
// database is a copy of (some 20 ms). A test that leaves connections open fails.
package postgrestest
