// Package check holds the Helm chart to what it promises: it is linted and rendered with
// Helm's own engine, and everything that comes out is read strictly into the types of
// the Kubernetes API. A module of its own, so that the programs do not depend on Helm.
package check
