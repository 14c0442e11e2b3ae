package deps
import (
 _ "github.com/opencontainers/runtime-spec/specs-go"
 _ "github.com/urfave/cli/v2"
 _ "github.com/opencontainers/selinux/go-selinux"
 _ "github.com/seccomp/libseccomp-golang"
 _ "golang.org/x/sys/unix"
)
