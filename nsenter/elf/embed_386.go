package elf

import "embed"

//go:embed programs/*-386
var programs embed.FS
