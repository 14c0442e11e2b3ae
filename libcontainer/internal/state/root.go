package state

// DefaultRoot is where state is kept when no root is named: /run/rung, or
// $XDG_RUNTIME_DIR/rung for a caller who is not root. Root of a user namespace
// (rootless engines make one) is such a caller too, unless its $USER is "root": then
// the namespace was made with a /run of its own, as nested engines have it.
//
// getenv is os.Getenv. inUserNS says that the caller's user namespace is not the
// initial one; it is asked only where the answer matters.
func DefaultRoot(euid int, getenv func(string) string, inUserNS func() bool) string {
	const name = "/rung"
	dir := getenv("XDG_RUNTIME_DIR")
	if dir != "" && (euid != 0 || getenv("USER") != "root" && inUserNS()) {
		return dir + name
	}
	return "/run" + name
}
