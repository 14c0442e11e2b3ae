package main

import (
	"strings"
	"testing"
)

func TestFeatures(t *testing.T) {
	status, stdout, stderr := rung(t, "features")
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\": \"1.3.0\",\n") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if status, stdout, stderr := rung(t, "features", "web"); status == 0 || stdout != "" || !strings.Contains(stderr, `unexpected argument "web"`) {
		t.Errorf("with a container: status %d, %q, %q", status, stdout, stderr)
	}
}
