package conformance

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

const head = `# Conformance with the runtime specification, version 1.3.0

Written by ` + "`go generate ./docs/conformance`" + ` from the files there and in tests/conformance; a test fails when it is stale, when a field of the
specification is missing, and when a test that it names is.

Field by field: what becomes of it, and the tests that see it; those named ` + "`TestX`" + ` alone look from inside a container (` + "`tests/integration`" + `), those with
a package in front are of that package. Behind a test: where it has passed, and was not skipped: **h** a hybrid host, **1** and **2** views of one that
show cgroup v1 or v2 alone, **m** a guest with cgroup v2, every controller, and systemd. A value that cannot be applied is an error of ` + "`create`" + `, with the
path of its field; what is left out on purpose is said here. ` + "`rung check`" + ` finds most of it before.
`

func print(rows []row, where map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(head)
	table := false
	for _, r := range rows {
		switch {
		case r.heading != "":
			fmt.Fprintf(&b, "\n## %s\n\n", r.heading)
			table = false
			continue
		case r.text != "":
			if table {
				b.WriteByte('\n')
				table = false
			}
			fmt.Fprintln(&b, r.text)
			continue
		case !table:
			b.WriteString("| field | how | tests |\n|---|---|---|\n")
			table = true
		}
		tests := make([]string, len(r.tests))
		for i, name := range r.tests {
			pkg, test := split(name)
			tests[i] = "`" + test + "`"
			switch {
			case pkg != "":
				tests[i] = pkg + " " + tests[i]
			case strings.HasPrefix(where[test], nowhere):
				tests[i] += " (nowhere yet: needs " + strings.TrimPrefix(where[test], nowhere) + ")"
			case where[test] != "":
				tests[i] += " (" + where[test] + ")"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", label(r), r.how, strings.Join(tests, ", "))
	}
	if err := printPrograms(&b); err != nil {
		return nil, err
	}
	err := printDifferences(&b)
	return b.Bytes(), err
}

// label is the first column: paths without the prefix of config-linux.md, which is the same for all of it.
func label(r row) string {
	if r.label != "" {
		return r.label
	}
	words := make([]string, len(r.paths))
	for i, p := range r.paths {
		p = strings.TrimPrefix(strings.TrimSuffix(p, ".*"), "linux.")
		words[i] = "`" + p + "`"
	}
	return strings.Join(words, ", ")
}

// printPrograms tells of the validation programs, from the list that holds them.
func printPrograms(b *bytes.Buffer) error {
	lines, err := list("../../tests/conformance/expected")
	if err != nil {
		return err
	}
	ok := 0
	var rest []string
	for _, l := range lines {
		program, result, _ := strings.Cut(l, " ")
		result = strings.TrimSpace(result)
		if result == "ok" {
			ok++
			continue
		}
		racing := strings.HasPrefix(result, "races ")
		reason := strings.TrimPrefix(strings.TrimPrefix(result, "not ok "), "races ")
		whose, why, _ := strings.Cut(reason, ": ")
		whose, lacks, _ := strings.Cut(whose, " lacks ")
		if lacks != "" {
			why += " (held to on a host that has `" + lacks + "`)"
		}
		if racing {
			why = "either result: " + why
		}
		rest = append(rest, fmt.Sprintf("| `%s` | %s | %s |\n", program, whose, why))
	}
	fmt.Fprintf(b, "\n## The validation programs of the specification's own tools\n\n"+
		"`make conformance` runs the %d programs of github.com/opencontainers/runtime-tools. %d are ok. The others, and whose fault it is:\n\n"+
		"| program | whose | why |\n|---|---|---|\n%s", len(lines), ok, strings.Join(rest, ""))
	return nil
}

// printDifferences tells where rung does another thing than runc or crun with the same config.
func printDifferences(b *bytes.Buffer) error {
	lines, err := list("../../tests/conformance/differences")
	if err != nil {
		return err
	}
	b.WriteString("\n## Where others do another thing with the same config\n\n" +
		"`make conformance` gives the same configs to rung, runc 1.1.5 and crun 1.8.1 and compares what a program inside sees. What it found, and why rung does what it does\n" +
		"(configs are named as in tests/conformance/mutations):\n\n| beside | config | what differs | why |\n|---|---|---|---|\n")
	for _, l := range lines {
		who, why, _ := strings.Cut(l, ": ")
		words := strings.Fields(who)
		if len(words) != 3 {
			return fmt.Errorf("tests/conformance/differences: %q", l)
		}
		peer, config := words[0], "`"+strings.ReplaceAll(words[1], ",", "`, `")+"`"
		if peer == "*" {
			peer = "both"
		}
		if words[1] == "*" {
			config = "every one"
		}
		field := strings.NewReplacer("|", "/", "?", " ").Replace(words[2])
		if field == "status" {
			field = "whether it runs"
		} else {
			field = "`" + field + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", peer, config, field, strings.ReplaceAll(why, "|", "/"))
	}
	return nil
}

// list reads the lines of a file that are no comments.
func list(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
