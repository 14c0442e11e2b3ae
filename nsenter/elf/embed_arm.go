package elf

import "embed"

//go:embed programs/*-arm
var programs embed.FS
