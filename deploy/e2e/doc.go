// Package e2e holds the tests of the whole product: the documents' examples, LiteLLM's
// own client, the official SDKs, every limit at every level and everything that can be
// wrong with a request, through a real Envoy in front of the real programs.
//
// The tests are Python (python/), because the clients are. What is here starts a stack
// with `purser up` for them, twice: counting in the process, and counting in Redis. A
// test that fails in Python is a failed subtest. By hand, `make test-python`, or with a
// stack that runs:
//
//	PURSER_STATE_DIR=.state .local/venv/bin/pytest -c deploy/e2e/pytest.ini -k budget
package e2e
