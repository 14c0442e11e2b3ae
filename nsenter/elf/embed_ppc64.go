package elf

import "embed"

//go:embed programs/*-ppc64
var programs embed.FS
