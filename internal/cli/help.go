package cli

import "strings"

// Program describes the program as a whole.
type Program struct {
	Name        string
	Usage       string
	Description string
	Flags       []Flag // before the command
	Commands    []Command
}

const indent = "   "

// Help is the help for the program.
func (p *Program) Help() string {
	var b strings.Builder
	section(&b, "NAME", p.Name+" - "+p.Usage)
	section(&b, "USAGE", p.Name+" [global options] command [command options]")
	section(&b, "DESCRIPTION", p.Description)
	rows := make([][2]string, 0, len(p.Commands)+1)
	for i := range p.Commands {
		rows = append(rows, [2]string{p.Commands[i].Name, p.Commands[i].Usage})
	}
	table(&b, "COMMANDS", append(rows, [2]string{"help, h", "show the list of commands, or the help for one"}))
	table(&b, "GLOBAL OPTIONS", optionRows(p.Flags))
	return b.String()
}

// Help is the help for a command of the program.
func (c *Command) Help(program string) string {
	var b strings.Builder
	section(&b, "NAME", program+" "+c.Name+" - "+c.Usage)
	section(&b, "USAGE", c.Synopsis(program))
	section(&b, "DESCRIPTION", c.Description)
	table(&b, "OPTIONS", optionRows(c.Flags))
	return b.String()
}

// Synopsis is the command line in short.
func (c *Command) Synopsis(program string) string {
	s := program + " " + c.Name + " [command options]"
	if c.ArgsUsage != "" {
		s += " " + c.ArgsUsage
	}
	return s
}

func section(b *strings.Builder, name, text string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(name + ":\n")
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString(indent)
		}
		b.WriteString(line)
	}
	b.WriteByte('\n')
}

func table(b *strings.Builder, name string, rows [][2]string) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	b.WriteString("\n" + name + ":\n")
	for _, r := range rows {
		b.WriteString(indent + r[0] + strings.Repeat(" ", width-len(r[0])+2) + r[1] + "\n")
	}
}

func optionRows(flags []Flag) (rows [][2]string) {
	for _, f := range flags {
		if Hidden(f) {
			continue
		}
		value, usage := Placeholder(f)
		left := ""
		for _, name := range Names(f) {
			if left != "" {
				left += ", "
			}
			left += Dashed(name)
			if value != "" {
				left += " " + value
			}
		}
		if standard := Default(f); standard != "" {
			usage += " (default: " + standard + ")"
		}
		rows = append(rows, [2]string{left, usage})
	}
	return append(rows, [2]string{"--help, -h", "show help"})
}

// Dashed is the name as it is written on a command line.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
