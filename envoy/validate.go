package envoy

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// ValidateFile has the Envoy binary check a configuration file without serving it. The error ends with Envoy's own words,
// which quote the part of the configuration that is wrong and may so hold a credential: show it to the operator, do not log
// it. The context bounds the run.
func ValidateFile(ctx context.Context, binary, file string) error {
	out, err := exec.CommandContext(ctx, binary, "--mode", "validate", "--log-level", "error", "-c", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("envoy: %s does not take %s: %w\n%s", binary, file, err, strings.TrimSpace(string(out)))
	}
	return nil
}
