//go:build !seccomp

package main

// libseccompVersion is empty in a build without libseccomp.
func libseccompVersion() string { return "" }
