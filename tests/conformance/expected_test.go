package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// expectation is a line of the file expected.
type expectation struct {
	ok     bool
	races  bool   // the result says nothing
	lacks  string // what this host must lack for the program to be not ok, if it is a matter of that
	reason string
}

// readExpected reads the file expected. What is not ok needs a reason, and the reason a kind: whose fault it is.
func readExpected(file string) (map[string]expectation, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	expected := map[string]expectation{}
	number, last := 0, ""
	for line := range strings.Lines(string(b)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		program, e, err := parseExpectation(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		if program <= last {
			return nil, fmt.Errorf("%s:%d: %s: the lines are sorted, each program once", file, number, program)
		}
		last = program
		expected[program] = e
	}
	return expected, nil
}

func parseExpectation(line string) (program string, e expectation, err error) {
	program, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if rest == "ok" {
		return program, expectation{ok: true}, nil
	}
	rest, e.races = strings.CutPrefix(rest, "races ")
	rest, found := strings.CutPrefix(rest, "not ok ")
	found = found || e.races
	if !found {
		return "", e, fmt.Errorf("a line is \"PROGRAM ok\" or \"PROGRAM not ok KIND[ lacks WORD]: REASON\"")
	}
	e.reason = strings.TrimSpace(rest)
	whose, why, _ := strings.Cut(e.reason, ": ")
	kind, lacks, _ := strings.Cut(whose, " lacks ")
	e.lacks = lacks
	switch kind {
	case "suite", "kernel", "host":
	default:
		return "", e, fmt.Errorf("the reason begins with suite, kernel or host, whose fault it is")
	}
	if why == "" {
		return "", e, fmt.Errorf("what is not ok has a reason")
	}
	return program, e, nil
}

// wanted is whether the program has to be ok on this host.
func (e expectation) wanted() (bool, error) {
	if e.ok || e.lacks == "" {
		return e.ok, nil
	}
	return hostHas(e.lacks)
}

// hostHas answers the words behind "lacks": v1:CONTROLLER is a hierarchy, file:CONTROLLER/FILE a file of each of its
// groups, cap:SYS_RESOURCE that capability of the tests, lsm:NAME a security module that is on.
func hostHas(word string) (bool, error) {
	kind, name, _ := strings.Cut(word, ":")
	switch kind {
	case "v1":
		return exists(filepath.Join(cgroupTop, name)), nil
	case "file":
		controller, file, _ := strings.Cut(name, "/")
		return exists(filepath.Join(cgroupTop, controller, ownGroup(), file)), nil
	case "cap":
		if name != "SYS_RESOURCE" {
			return false, fmt.Errorf("lacks %s: add the capability's number to hostHas", word)
		}
		held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_RESOURCE, 0, 0, 0)
		return held == 1, err
	case "lsm":
		on, err := os.ReadFile("/sys/kernel/security/lsm")
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return slices.Contains(strings.Split(strings.TrimSpace(string(on)), ","), name), err
	}
	return false, fmt.Errorf("lacks %s: a word is v1:, file:, cap: or lsm:", word)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
