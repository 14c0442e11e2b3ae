//go:build !(386 || amd64 || arm || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x)

package elf

import "embed"

var programs embed.FS
