package elf

import "embed"

//go:embed programs/*-amd64
var programs embed.FS
