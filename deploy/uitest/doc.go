// Package uitest drives the web UI in a real browser against the whole stack:
// adminsvc/ui/e2e holds the tests, which speak to it as a person does. The package
// only starts a stack and hands them its address. They need Node, Chromium and a
// built UI (`make test` builds it), and fail naming what is missing.
package uitest
