package elf

import "embed"

//go:embed programs/*-ppc64le
var programs embed.FS
