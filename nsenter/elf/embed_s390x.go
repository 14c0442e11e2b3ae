package elf

import "embed"

//go:embed programs/*-s390x
var programs embed.FS
