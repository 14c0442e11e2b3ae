package elf

import "embed"

//go:embed programs/*-loong64
var programs embed.FS
