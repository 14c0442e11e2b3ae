package landlock

import (
	"path"
	"strconv"
	"strings"
)

// The annotations. docs/annotations.md says how their values are written.
const (
	Prefix   = "org.rung-oci.landlock."
	KeyFS    = Prefix + "fs"
	KeyNet   = Prefix + "net"
	KeyScope = Prefix + "scope"
	KeyABI   = Prefix + "abi"
	KeyMode  = Prefix + "mode"
)

// Keys are all of them.
var Keys = [...]string{KeyABI, KeyFS, KeyMode, KeyNet, KeyScope}

// PathRule allows rights on a file or below a directory.
type PathRule struct {
	Path   string
	Access uint64 // bits of FS
}

// PortRule allows rights on a TCP port.
type PortRule struct {
	Port   uint16
	Access uint64 // bits of Net
}

// Policy is what the annotations ask for. What is handled is denied where no
// rule allows it.
type Policy struct {
	FS, Net, Scope uint64 // what is handled
	Paths          []PathRule
	Ports          []PortRule
	BestEffort     bool
}

// Problem is what is wrong with an annotation, or cannot be had.
type Problem struct {
	Key     string // of the annotation
	Message string
}

// Wanted says whether an annotation asks for rules: cheaper than Parse.
func Wanted(annotations map[string]string) bool {
	for _, k := range Keys {
		if _, ok := annotations[k]; ok {
			return true
		}
	}
	return false
}

// Parse reads the annotations. Without any it gives nil; the problems are all
// there are, in the order of the keys.
func Parse(annotations map[string]string) (*Policy, []Problem) {
	if !Wanted(annotations) {
		return nil, nil
	}
	r := reader{abi: Newest}
	if v, ok := annotations[KeyABI]; ok {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > Newest {
			r.problem(KeyABI, strconv.Quote(v)+": want a version of Landlock's ABI, 1 to "+strconv.Itoa(Newest))
		} else {
			r.abi = n
		}
	}
	fs, hasFS := annotations[KeyFS]
	net, hasNet := annotations[KeyNet]
	scope, hasScope := annotations[KeyScope]
	if hasFS {
		r.fs(fs)
	}
	switch v, ok := annotations[KeyMode]; {
	case !ok || v == "strict":
	case v == "best-effort":
		r.BestEffort = true
	default:
		r.problem(KeyMode, strconv.Quote(v)+": want one of strict, best-effort")
	}
	if hasNet {
		r.net(net)
	}
	if hasScope {
		r.scope(scope)
	}
	if !hasFS && !hasNet && !hasScope {
		for _, k := range [...]string{KeyABI, KeyMode} {
			if _, ok := annotations[k]; ok {
				r.problem(k, "there is no rule that it could be about")
			}
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return &r.Policy, nil
}

type reader struct {
	Policy
	abi      int
	problems []Problem
}

func (r *reader) problem(key, message string) {
	r.problems = append(r.problems, Problem{key, message})
}

// rules calls f for each rule of a list: they are divided by ";" or by line
// ends, and have a left side and a right one, divided by blanks.
func (r *reader) rules(key, list string, f func(left, right string) (problem string)) {
	i := 0
	for line := range strings.SplitSeq(list, "\n") {
		for rule := range strings.SplitSeq(line, ";") {
			rule = strings.TrimSpace(rule)
			if rule == "" {
				continue
			}
			n := strings.IndexAny(rule, " \t")
			if n < 0 {
				n = len(rule)
			}
			if problem := f(rule[:n], strings.TrimSpace(rule[n:])); problem != "" {
				r.problem(key, "rule "+strconv.Itoa(i+1)+", "+strconv.Quote(rule)+": "+problem)
			}
			i++
		}
	}
}

func (r *reader) fs(list string) {
	r.FS = upTo(FS[:], r.abi)
	r.rules(KeyFS, list, func(names, p string) string {
		access, problem := r.fsRights(names)
		switch {
		case problem != "":
			return problem
		case p == "":
			return "a path is missing behind the rights"
		case p[0] != '/':
			return "the path must be absolute, in the container"
		case strings.IndexByte(p, 0) >= 0:
			return "the path must not contain a NUL byte"
		}
		r.Paths = append(r.Paths, PathRule{Path: path.Clean(p), Access: access & r.FS})
		return ""
	})
}

func (r *reader) fsRights(names string) (access uint64, problem string) {
	for name := range strings.SplitSeq(names, ",") {
		if g := group(name); g != 0 {
			access |= g
			continue
		}
		right := find(FS[:], name)
		if right == nil {
			return 0, "unknown right " + strconv.Quote(name) + ", " + oneOf(FS[:], "ro", "rx", "rw", "rwx", "all")
		}
		if right.ABI > r.abi {
			return 0, name + " is a right of ABI " + strconv.Itoa(right.ABI) + ", and " + KeyABI + " is " + strconv.Itoa(r.abi)
		}
		access |= right.Bit
	}
	return access, ""
}

// net reads rules such as "bind 80,443". A right with "*" is one that is not
// handled.
func (r *reader) net(list string) {
	if r.abi < 4 {
		r.problem(KeyNet, "rules for ports are of ABI 4, and "+KeyABI+" is "+strconv.Itoa(r.abi))
		return
	}
	r.Net = upTo(Net[:], r.abi)
	r.rules(KeyNet, list, func(name, ports string) string {
		right := find(Net[:], name)
		if right == nil {
			return "unknown right " + strconv.Quote(name) + ", " + oneOf(Net[:])
		}
		if ports == "*" {
			r.Net &^= right.Bit
			return ""
		}
		for p := range strings.SplitSeq(ports, ",") {
			p = strings.TrimSpace(p)
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil {
				return strconv.Quote(p) + " is no TCP port: want 0 to 65535, or * alone"
			}
			r.Ports = append(r.Ports, PortRule{Port: uint16(n), Access: right.Bit})
		}
		return ""
	})
	kept := r.Ports[:0]
	for _, p := range r.Ports {
		if p.Access&r.Net != 0 {
			kept = append(kept, p)
		}
	}
	r.Ports = kept
}

func (r *reader) scope(list string) {
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		right := find(Scope[:], name)
		switch {
		case right == nil:
			r.problem(KeyScope, "unknown scope "+strconv.Quote(name)+", "+oneOf(Scope[:]))
		case right.ABI > r.abi:
			r.problem(KeyScope, name+" is of ABI "+strconv.Itoa(right.ABI)+", and "+KeyABI+" is "+strconv.Itoa(r.abi))
		default:
			r.Scope |= right.Bit
		}
	}
}

// On gives the part of the policy that a kernel with this version of Landlock
// enforces (0: without Landlock), and what of it is lost. A kernel that cannot
// forbid something allows it.
func (p *Policy) On(abi int) (*Policy, []Problem) {
	q := &Policy{
		FS: p.FS & upTo(FS[:], abi), Net: p.Net & upTo(Net[:], abi), Scope: p.Scope & upTo(Scope[:], abi),
		BestEffort: p.BestEffort,
	}
	var lost []Problem
	for _, part := range [...]struct {
		key    string
		rights []Right
		bits   uint64
	}{{KeyFS, FS[:], p.FS &^ (q.FS | refer)}, {KeyNet, Net[:], p.Net &^ q.Net}, {KeyScope, Scope[:], p.Scope &^ q.Scope}} {
		if part.bits == 0 {
			continue
		}
		has := "this kernel's Landlock has ABI " + strconv.Itoa(abi)
		if abi <= 0 {
			has = "this kernel has no Landlock, or it is not enabled (lsm=)"
		}
		lost = append(lost, Problem{part.key, has + "; what it cannot restrict: " + Names(part.rights, part.bits)})
	}
	for _, r := range p.Paths {
		if r.Access &= q.FS; r.Access != 0 {
			q.Paths = append(q.Paths, r)
		}
	}
	for _, r := range p.Ports {
		if r.Access &= q.Net; r.Access != 0 {
			q.Ports = append(q.Ports, r)
		}
	}
	return q, lost
}

// Nothing says that the policy forbids nothing.
func (p *Policy) Nothing() bool { return p.FS|p.Net|p.Scope == 0 }
