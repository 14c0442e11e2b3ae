package manual

import (
	"strconv"
	"strings"
)

// Page is a man page.
type Page struct {
	File string // rung-create.8
	Text []byte
}

// Pages is the man page of the program and those of its commands, in man(7).
func Pages(p *Program) []Page {
	pages := []Page{{p.Name + ".8", p.page()}}
	for i := range p.Commands {
		c := &p.Commands[i]
		pages = append(pages, Page{p.Name + "-" + c.Name + ".8", p.commandPage(c)})
	}
	return pages
}

// roff is a page in the making.
type roff struct{ strings.Builder }

// escape makes text of man(7): backslashes and dashes are the characters that are typed, and a line does not begin with
// what would be a request.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "“", `\(lq`, "”", `\(rq`, "’", `\(cq`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

func (r *roff) line(s string)       { r.WriteString(s + "\n") }
func (r *roff) text(s string)       { r.line(escape(s)) }
func (r *roff) section(name string) { r.line(".SH " + name) }

// paragraphs writes text that is parted by empty lines; what is indented stays as it is.
func (r *roff) paragraphs(text string) {
	literal, first := false, true
	for _, l := range strings.Split(text, "\n") {
		indented := strings.HasPrefix(l, "    ")
		switch {
		case l == "":
			if literal {
				r.line(".EE")
				r.line(".RE")
				literal = false
			}
			if !first {
				r.line(".PP")
			}
			continue
		case indented && !literal:
			r.line(".RS 4")
			r.line(".EX")
			literal = true
		case !indented && literal:
			r.line(".EE")
			r.line(".RE")
			literal = false
		}
		r.text(strings.TrimPrefix(l, "    "))
		first = false
	}
	if literal {
		r.line(".EE")
		r.line(".RE")
	}
}

func (r *roff) options(options []Option) {
	for _, o := range options {
		r.line(".TP")
		var names []string
		for _, n := range o.Names {
			names = append(names, `\fB`+escape(dashed(n))+`\fR`)
		}
		tag := strings.Join(names, ", ")
		if o.Value != "" {
			tag += ` \fI` + escape(o.Value) + `\fR`
		}
		r.line(tag)
		text := o.Text
		if o.Default != "" {
			text += " (default: " + o.Default + ")"
		}
		r.text(strings.ToUpper(text[:1]) + text[1:] + ".")
	}
}

func (p *Program) header(name string) *roff {
	r := &roff{}
	r.line(`.\" Written from the command tables by "make generate"; do not edit.`)
	r.line(".TH " + strings.ToUpper(escape(name)) + " 8 " + p.Date + ` "rung ` + p.Version + `" "System Administration"`)
	r.line(".nh") // names of options must not be hyphenated
	r.line(".ad l")
	r.section("NAME")
	return r
}

func (p *Program) commandPage(c *Command) []byte {
	name := p.Name + "-" + c.Name
	r := p.header(name)
	r.line(escape(name) + ` \- ` + escape(c.Usage))
	r.section("SYNOPSIS")
	synopsis := `\fBrung ` + c.Name + `\fR`
	if len(c.Options) > 0 {
		synopsis += ` [\fIoption\fR]...`
	}
	if args := strings.TrimSpace(c.Arguments); args != "" {
		synopsis += " " + strings.NewReplacer("<", `\fI`, ">", `\fR`).Replace(escape(args))
	}
	r.line(synopsis)
	text, examples := Split(c.Description)
	r.section("DESCRIPTION")
	r.paragraphs(text)
	r.section("OPTIONS")
	r.options(append(c.Options[:len(c.Options):len(c.Options)], Option{Names: []string{"help", "h"}, Text: "print the help and end"}))
	r.line(".PP")
	r.line(`Global options, which stand before the command, are in \fBrung\fR(8).`)
	if examples != "" {
		r.section("EXAMPLES")
		r.paragraphs(strings.TrimRight(examples, "\n"))
	}
	r.section(`"EXIT STATUS"`)
	switch c.Name {
	case "run", "restore":
		r.line("That of the container's process, or 128 and the number of the signal that ended it; 0 with")
		r.line(`\fB\-\-detach\fR. 1: the container could not be made.`)
	case "exec":
		r.line("That of the process, or 128 and the number of the signal that ended it; 0 with")
		r.line(`\fB\-\-detach\fR. ` + strconv.Itoa(c.Failure) + ": the process could not be run.")
	default:
		r.line("0 when it has been done, 1 when not: standard error, or the log, has the reason in one line.")
	}
	r.section(`"SEE ALSO"`)
	see := []string{`\fBrung\fR(8)`}
	for _, other := range related(c.Name) {
		see = append(see, `\fBrung\-`+other+`\fR(8)`)
	}
	r.line(strings.Join(see, ",\n"))
	return []byte(r.String())
}

// related is the commands that a reader of one's page looks for next.
func related(command string) []string {
	switch command {
	case "create":
		return []string{"start", "run", "spec", "plan", "delete"}
	case "start":
		return []string{"create", "state"}
	case "run":
		return []string{"create", "exec", "delete", "spec"}
	case "exec":
		return []string{"run", "ps"}
	case "delete":
		return []string{"kill", "list"}
	case "kill":
		return []string{"delete", "ps"}
	case "state":
		return []string{"list", "ps", "events"}
	case "list":
		return []string{"state"}
	case "ps", "events":
		return []string{"state", "list"}
	case "pause":
		return []string{"resume"}
	case "resume":
		return []string{"pause"}
	case "checkpoint":
		return []string{"restore"}
	case "restore":
		return []string{"checkpoint"}
	case "check":
		return []string{"plan", "features", "spec"}
	case "plan":
		return []string{"check", "create"}
	case "features":
		return []string{"check"}
	case "spec":
		return []string{"check", "run"}
	case "update":
		return []string{"events"}
	}
	return nil
}

func (p *Program) page() []byte {
	r := p.header(p.Name)
	r.line(p.Name + ` \- ` + escape(p.Usage))
	r.section("SYNOPSIS")
	r.line(`\fBrung\fR [\fIglobal option\fR]... \fIcommand\fR [\fIoption\fR]... [\fIargument\fR]...`)
	r.section("DESCRIPTION")
	r.paragraphs(p.Description)
	r.section("COMMANDS")
	for _, c := range p.Commands {
		r.line(".TP")
		r.line(`\fBrung\-` + escape(c.Name) + `\fR(8)`)
		r.text(strings.ToUpper(c.Usage[:1]) + c.Usage[1:] + ".")
	}
	r.section(`"GLOBAL OPTIONS"`)
	r.line("They stand before the command.")
	r.options(append(p.Options[:len(p.Options):len(p.Options)], Option{Names: []string{"help", "h"}, Text: "print the help and end"}))
	r.section("ENVIRONMENT")
	for _, e := range [...][2]string{
		{"XDG_RUNTIME_DIR", "Where the state of containers is kept, in rung below it, by a caller who is not root."},
		{"LISTEN_FDS, LISTEN_PID", "Descriptors handed on to the container's process, as in sd_listen_fds(3), if they are meant for rung."},
		{"NOTIFY_SOCKET", "Socket that is told when the container's process says that it is ready, as in sd_notify(3)."},
	} {
		r.line(".TP")
		r.line(`\fB` + escape(e[0]) + `\fR`)
		r.text(e[1])
	}
	r.section("FILES")
	for _, f := range [...][2]string{
		{"config.json", "The specification of the container, in the bundle."},
		{"/run/rung/ID/state.json", "The record of a container."},
		{"/run/rung-filters", "Compiled seccomp filters; safe to remove."},
	} {
		r.line(".TP")
		r.line(`\fI` + escape(f[0]) + `\fR`)
		r.text(f[1])
	}
	r.section(`"EXIT STATUS"`)
	r.line(`0 when it has been done, 1 when not. \fBrung\-run\fR(8), \fBrung\-exec\fR(8) and \fBrung\-restore\fR(8) have that`)
	r.line("of the process.")
	r.section(`"SEE ALSO"`)
	r.line(`\fBnamespaces\fR(7), \fBcgroups\fR(7), \fBcapabilities\fR(7), \fBseccomp\fR(2), \fBuser_namespaces\fR(7)`)
	r.line(".PP")
	r.line("The Open Container Initiative runtime specification,")
	r.line("https://github.com/opencontainers/runtime\\-spec")
	return []byte(r.String())
}
