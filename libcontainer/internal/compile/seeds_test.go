package compile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rung-oci/rung/libcontainer/internal/plan"
)

// The fuzzers of the init program begin with what it is really given: the
// programs of the golden cases, as they are for decode_fuzz.c, and in the terse
// form that init_fuzz.c takes (no headers; a script of the kernel's answers
// before them, here empty: everything succeeds).
func Test_golden_seedsOfTheInitsFuzzers(t *testing.T) {
	const dir = "../../../nsenter/fuzz/"
	cases, _ := filepath.Glob("testdata/*.json")
	seen := map[plan.Kind]bool{}
	for _, file := range cases {
		_, p, _ := planOf(t, file)
		name := "golden-" + strings.TrimSuffix(filepath.Base(file), ".json")
		program := p.Init.Encode()
		for i := range p.Init {
			seen[p.Init[i].Op.Kind()] = true
		}
		seed(t, dir+"corpus-init/"+name, terse(program))
		if name == "golden-default-v2" || name == "golden-exec-process" {
			seed(t, dir+"corpus-decode/"+name, program)
		}
	}
	for _, op := range []plan.Op{&plan.MountFS{}, &plan.MountBind{}, &plan.Mask{}, &plan.Pivot{}, &plan.FindExec{}, &plan.Gate{}, &plan.Exec{}} {
		if !seen[op.Kind()] {
			t.Errorf("no seed has %T", op)
		}
	}
}

// terse is a program without what assemble in init_fuzz.c can make up.
func terse(program []byte) []byte {
	le := binary.LittleEndian
	out := []byte{0, 0}
	for at := 16; at < len(program); {
		rec := program[at : at+int(le.Uint32(program[at+4:]))]
		numbers, list := int(rec[2]), int(rec[3])
		out = append(out, rec[0]-1)
		out = append(out, rec[8:8+8*numbers]...)
		for i := range list {
			head := rec[8+8*numbers+8*i:]
			off, n := le.Uint32(head), le.Uint32(head[4:])
			n = min(n, 256) // a mask of all processors would be most of the seed
			out = le.AppendUint16(out, uint16(n))
			out = append(out, rec[off:off+n]...)
		}
		at += len(rec)
	}
	return out
}

func seed(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the golden case makes (go test -run golden -update): %v", file, err)
	}
}
