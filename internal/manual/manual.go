// Package manual writes what is made of the command tables besides the help: man pages, and completion for shells.
// Nothing of it is in rung: the test of the top-level directory that holds the tables against the written files is its
// only caller, and `make generate` has that test write them.
package manual

import (
	"regexp"
	"strings"
)

// Program is rung, as its tables describe it.
type Program struct {
	Name, Usage, Description string
	Version, Date            string // of the release, the date as 2026-01-31
	Options                  []Option
	Commands                 []Command
}

// Command is one command of it.
type Command struct {
	Name, Usage string
	Arguments   string // like "<container-id> [signal]"
	Description string // with its examples after a line "EXAMPLE:"
	Options     []Option
	Failure     int // exit status when it fails
}

// Option is an option of a command, or of the program.
type Option struct {
	Names   []string // without dashes; the first is the one to write about
	Value   string   // placeholder of its value; "" if it takes none
	Text    string
	Default string
	Choices []string // all the values that it takes; nil if they cannot be counted
}

// Split parts a description from its examples.
func Split(description string) (text, examples string) {
	text, examples, _ = strings.Cut(description, "\nEXAMPLE:\n")
	return strings.TrimRight(text, "\n"), examples
}

// Choices is the values that a flag's usage text says are all: "form of log records, text or json".
func Choices(usage string) []string {
	m := regexp.MustCompile(`(?:^|[:,] )([a-z]+(?:, [a-z]+)* or [a-z]+)(?:;|$)`).FindStringSubmatch(usage)
	if m == nil {
		return nil
	}
	return strings.Split(strings.Replace(m[1], " or ", ", ", 1), ", ")
}

// takesContainer says whether the first argument is the id of a container that there is.
func (c *Command) takesContainer() bool {
	switch c.Name {
	case "create", "run", "restore", "plan":
		return false // a new one
	}
	return strings.HasPrefix(c.Arguments, "<container-id>")
}

func (c *Command) takesFile() bool { return strings.HasPrefix(c.Arguments, "<file>") }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
