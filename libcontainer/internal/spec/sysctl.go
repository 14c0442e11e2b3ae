package spec

import "strings"

const chapterSysctl = "config-linux.md#sysctl"

// sysctl allows what belongs to a namespace that is not the host's. Everything
// else would change the host.
func (c *checker) sysctl() {
	n := len(c.out)
	for k, v := range c.linux.Sysctl {
		if hasNUL(k) || hasNUL(v) {
			c.must(chapterSysctl, nulMessage, "linux.sysctl", key(k))
			continue
		}
		path, ok := SysctlPath(k)
		if !ok {
			c.must(chapterSysctl, quote(k)+" is not the name of a kernel parameter", "linux.sysctl", key(k))
			continue
		}
		ns := sysctlNamespace(path)
		switch {
		case ns < 0:
			c.must(chapterSysctl, quote(k)+" is not in a separate kernel namespace: it would be set on the host", "linux.sysctl", key(k))
		case c.ns[ns] == nsHost:
			c.must(chapterSysctl, quote(k)+" needs a namespace of type "+namespaceNames[ns]+" in linux.namespaces: it would be set on the host", "linux.sysctl", key(k))
		case path == "kernel/hostname" && c.spec.Hostname != v:
			c.must(chapterSysctl, quote(k)+" conflicts with hostname, which has a field of its own", "linux.sysctl", key(k))
		case path == "kernel/domainname" && c.spec.Domainname != "" && c.spec.Domainname != v:
			c.must(chapterSysctl, quote(k)+" conflicts with domainname", "linux.sysctl", key(k))
		}
	}
	c.sortFrom(n)
}

// namespaceNames names the kinds by index.
var namespaceNames = [namespaceKinds]string{
	nsPID: "pid", nsNetwork: "network", nsMount: "mount", nsIPC: "ipc",
	nsUTS: "uts", nsUser: "user", nsCgroup: "cgroup", nsTime: "time",
}

// SysctlPath turns the name of a kernel parameter into its path below /proc/sys
// as sysctl(8) does: the first separator, '.' or '/', is the separator, and the
// other one stands for it within an element (net.ipv4.conf.eth0/1.mtu is
// net/ipv4/conf/eth0.1/mtu). ok is false for names with empty, "." or ".."
// elements, which would lead elsewhere, and for names without a separator.
func SysctlPath(name string) (path string, ok bool) {
	i := strings.IndexAny(name, "./")
	if i < 0 {
		return "", false
	}
	path = name
	if name[i] == '.' {
		b := []byte(name)
		for i, c := range b {
			switch c {
			case '.':
				b[i] = '/'
			case '/':
				b[i] = '.'
			}
		}
		path = string(b)
	}
	if hasNUL(path) || hasElement(path, "") || hasElement(path, ".") || hasElement(path, "..") {
		return "", false
	}
	return path, true
}

// sysctlNamespace returns the kind of namespace that a parameter belongs to, -1
// if there is but one for the whole host.
func sysctlNamespace(path string) int {
	switch {
	case strings.HasPrefix(path, "net/"):
		return nsNetwork
	case strings.HasPrefix(path, "fs/mqueue/"):
		return nsIPC
	case strings.HasPrefix(path, "user/"):
		return nsUser
	}
	switch path {
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/auto_msgmni", "kernel/sem",
		"kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced",
		"kernel/msg_next_id", "kernel/sem_next_id", "kernel/shm_next_id":
		return nsIPC
	case "kernel/hostname", "kernel/domainname":
		return nsUTS
	}
	return -1
}
