package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestEnvoyGateway runs a stand-alone Envoy Gateway on resources in files; it starts the
// Envoy itself.
func TestEnvoyGateway(t *testing.T) {
	m := startMesh(t)
	port := freePorts(t, 1)[0]
	address := fmt.Sprintf("http://localhost:%d", port)
	m.write("resources/purser.yaml", m.resources("--for", "envoy-gateway", "--host", "localhost", "--gateway", "public", "--namespace", "default",
		"--extproc", m.info.ExtprocGRPC, "--adminsvc", "127.0.0.1:"+portOf(t, m.info.AdminsvcURL)))
	m.write("resources/gateway.yaml", fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: host, namespace: default}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: host, namespace: default}
spec:
  provider: {type: Host, host: {envoyVersion: "1.40.0"}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: default}
spec:
  gatewayClassName: eg
  listeners:
  - {name: http, protocol: HTTP, port: %d}
`, port))
	home := filepath.Join(m.dir, "home")
	// Where it would download an Envoy to.
	binary := m.write("home/data/envoy-versions/1.40.0/bin/envoy", "")
	if err := copyProgram(m.envoy, binary); err != nil {
		t.Fatal(err)
	}
	config := m.write("eg.yaml", fmt.Sprintf(`
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
extensionApis: {enableBackend: true}
provider:
  type: Custom
  custom:
    resource: {type: File, file: {paths: [%s]}}
    infrastructure: {type: Host, host: {configHome: %s/config, dataHome: %s/data, stateHome: %s/state, runtimeDir: %s/run}}
`, filepath.Join(m.dir, "resources"), home, home, home, home))
	gateway := filepath.Join(m.tools, "envoy-gateway")
	m.must([]string{"HOME=" + home}, gateway, "certgen", "--local", "--config-home", home+"/config")
	m.run([]string{"HOME=" + home}, gateway, "server", "--config-path", config)
	m.ask(address, "localhost", "", "/health/readiness", "", 200)
	t.Run("governed", func(t *testing.T) { m.governed(address, "localhost") })
	t.Run("shadow and back", func(t *testing.T) { m.flips(t, address, "localhost") })
	t.Run("models added by the API", func(t *testing.T) { m.addedModels(t, address, "localhost") })
	t.Run("the suite", func(t *testing.T) { runPython(t, m.through(address), nil, withoutAddedModels...) })
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chmod(to, 0o700)
}
