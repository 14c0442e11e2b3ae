package elf

import "embed"

//go:embed programs/*-riscv64
var programs embed.FS
