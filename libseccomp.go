//go:build seccomp

package main

import (
	"strconv"

	libseccomp "github.com/seccomp/libseccomp-golang"
)

// libseccompVersion is the version of the library that is linked in.
func libseccompVersion() string {
	major, minor, micro := libseccomp.GetLibraryVersion()
	return strconv.Itoa(int(major)) + "." + strconv.Itoa(int(minor)) + "." + strconv.Itoa(int(micro))
}
