// Package cli is the command line: the tables that describe commands and their
// options, what parses arguments by them, and what prints the help from them. docs/adr/0014-command-line.md
// has why it is rung's own.
package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Command describes a command.
type Command struct {
	Name        string
	Usage       string // one line: what it does
	ArgsUsage   string // its positional arguments
	Description string // paragraphs, and examples
	Flags       []Flag
}

// Flag is an option of a command. Its destination gets the default of its value
// before the arguments are looked at.
type Flag interface {
	describe() description
	reset()
	set(value string) error
}

// description is what all kinds of flags have.
type description struct {
	name     string
	aliases  []string
	usage    string // a part in backquotes names the value
	standard string // what is so without it, for the help
	hidden   bool
	value    bool // it has one
}

// BoolFlag is on or off, and off without it.
type BoolFlag struct {
	Name        string
	Aliases     []string
	Usage       string
	Hidden      bool // left out of the help
	Destination *bool
}

// StringFlag has any value. DefaultText describes its default where that is not
// Value.
type StringFlag struct {
	Name        string
	Aliases     []string
	Usage       string
	DefaultText string
	Hidden      bool
	Value       string
	Destination *string
}

// IntFlag has a number.
type IntFlag struct {
	Name        string
	Aliases     []string
	Usage       string
	DefaultText string
	Hidden      bool
	Value       int
	Destination *int
}

// DurationFlag has a duration with its unit.
type DurationFlag struct {
	Name        string
	Aliases     []string
	Usage       string
	DefaultText string
	Hidden      bool
	Value       time.Duration
	Destination *time.Duration
}

// GenericFlag has a value of a form of its own, and may collect several.
type GenericFlag struct {
	Name        string
	Aliases     []string
	Usage       string
	DefaultText string
	Hidden      bool
	Value       interface{ Set(string) error }
}

func (f *BoolFlag) describe() description {
	return description{f.Name, f.Aliases, f.Usage, "", f.Hidden, false}
}

func (f *StringFlag) describe() description {
	standard := f.DefaultText
	if standard == "" && f.Value != "" {
		standard = strconv.Quote(f.Value)
	}
	return description{f.Name, f.Aliases, f.Usage, standard, f.Hidden, true}
}

func (f *IntFlag) describe() description {
	standard := f.DefaultText
	if standard == "" {
		standard = strconv.Itoa(f.Value)
	}
	return description{f.Name, f.Aliases, f.Usage, standard, f.Hidden, true}
}

func (f *DurationFlag) describe() description {
	standard := f.DefaultText
	if standard == "" {
		standard = f.Value.String()
	}
	return description{f.Name, f.Aliases, f.Usage, standard, f.Hidden, true}
}

func (f *GenericFlag) describe() description {
	return description{f.Name, f.Aliases, f.Usage, f.DefaultText, f.Hidden, true}
}

func (f *BoolFlag) reset()     {}
func (f *StringFlag) reset()   { *f.Destination = f.Value }
func (f *IntFlag) reset()      { *f.Destination = f.Value }
func (f *DurationFlag) reset() { *f.Destination = f.Value }
func (f *GenericFlag) reset()  {}

func (f *BoolFlag) set(value string) (err error) {
	*f.Destination, err = strconv.ParseBool(value)
	return wrong(err, f.Name, value, "true or false")
}

func (f *StringFlag) set(value string) error {
	*f.Destination = value
	return nil
}

func (f *IntFlag) set(value string) (err error) {
	*f.Destination, err = strconv.Atoi(value)
	return wrong(err, f.Name, value, "a number")
}

func (f *DurationFlag) set(value string) (err error) {
	*f.Destination, err = time.ParseDuration(value)
	return wrong(err, f.Name, value, "a duration like 100ms or 5s")
}

func (f *GenericFlag) set(value string) error {
	if err := f.Value.Set(value); err != nil {
		return BadValue(f.Name, err)
	}
	return nil
}

func wrong(err error, name, value, want string) error {
	if err == nil {
		return nil
	}
	return BadValue(name, errors.New(strconv.Quote(value)+" is not "+want))
}

// BadValue is the error for a value that an option cannot have.
func BadValue(name string, err error) error { return &valueError{name, err} }

type valueError struct {
	name string
	err  error
}

func (e *valueError) Error() string { return "option --" + e.name + ": " + e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }

// words collects the values of an option that may be repeated. A comma does not part them.
type words struct{ list *[]string }

func (w words) Set(value string) error { *w.list = append(*w.list, value); return nil }

// List is an option that may be repeated. alias may be empty.
func List(name, alias string, list *[]string, usage string) *GenericFlag {
	f := &GenericFlag{Name: name, Value: words{list}, Usage: usage}
	if alias != "" {
		f.Aliases = []string{alias}
	}
	return f
}

// Names is all the names of a flag, the first of them its own.
func Names(f Flag) []string {
	d := f.describe()
	return append([]string{d.name}, d.aliases...)
}

// Placeholder is what stands for the flag's value in the help, empty if it takes
// none, and the flag's usage without the marks around that.
func Placeholder(f Flag) (value, usage string) {
	d := f.describe()
	if !d.value {
		return "", d.usage
	}
	if before, rest, ok := strings.Cut(d.usage, "`"); ok {
		if name, after, ok := strings.Cut(rest, "`"); ok {
			return name, before + name + after
		}
	}
	return "value", d.usage
}

// Default describes what is so without the flag; empty if there is nothing to say.
func Default(f Flag) string { return f.describe().standard }

// Hidden says whether the help leaves the flag out.
func Hidden(f Flag) bool { return f.describe().hidden }
