package compile

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// defaultPath is where programs are looked for when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment keeps of each name the last value, where that stands. needHome
// says that HOME is unset or empty, and is to be looked up in the container; an
// empty one is taken out. Entries that are not NAME=value stay as they are:
// execve(2) does not care.
func environment(env []string) (out []string, needHome bool) {
	out = make([]string, 0, len(env))
	seen := make(map[string]struct{}, len(env))
	needHome = true
	for i := len(env) - 1; i >= 0; i-- {
		name, value, ok := strings.Cut(env[i], "=")
		if !ok || name == "" {
			out = append(out, env[i])
			continue
		}
		if _, later := seen[name]; later {
			continue
		}
		seen[name] = struct{}{}
		if name == "HOME" {
			if value == "" {
				continue
			}
			needHome = false
		}
		out = append(out, env[i])
	}
	slices.Reverse(out)
	return out, needHome
}

// execCandidates lists where the program may be, in the order in which execvp(3)
// looks, with the PATH of the container. A name with a slash is not looked for;
// a relative one is found from the working directory, which the process is in
// by then, and stays as it is: scripts see it.
func execCandidates(name string, env []string, cwd string) []string {
	if name == "" || strings.IndexByte(name, '/') >= 0 {
		return []string{name}
	}
	search := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			search = v
		}
	}
	if search == "" {
		search = defaultPath
	}
	list := make([]string, 0, strings.Count(search, ":")+1)
	for dir := range strings.SplitSeq(search, ":") {
		// not cleaned: ".." behind a symlink is not what it looks like
		if dir == "" || dir[0] != '/' {
			dir = strings.TrimSuffix(cwd, "/") + "/" + dir
		}
		list = append(list, strings.TrimSuffix(dir, "/")+"/"+name)
	}
	return list
}

// Candidates lists where the program of a process may be in the container, in the
// order in which it is looked for; a relative one is to be taken from the
// working directory.
func Candidates(p *specs.Process) []string {
	if len(p.Args) == 0 {
		return nil
	}
	env, _ := environment(p.Env)
	return execCandidates(p.Args[0], env, path.Clean("/"+p.Cwd))
}
