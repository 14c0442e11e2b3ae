package libcontainer

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/rung-oci/rung/internal/sysmon"
	"github.com/rung-oci/rung/libcontainer/internal/annotation"
	"github.com/rung-oci/rung/libcontainer/internal/compile"
	"github.com/rung-oci/rung/libcontainer/internal/host"
	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/seccomp"
)

// The cgroup drivers that are there beside the one through files.
const (
	systemdDriver     = true
	systemdUserDriver = true
)

// SeccompCompiler names the compiler of seccomp profiles: "built-in", or
// "libseccomp" in a build with the tag of that name, which links the library.
const SeccompCompiler = seccomp.Compiler

// SystemCalls returns the version of libseccomp whose names and numbers of system
// calls seccomp profiles are compiled with: of the built-in compiler the library that
// its tables were generated from, otherwise the library that is linked.
func SystemCalls() string { return seccomp.LibraryVersion() }

// FeatureOptions is what the features of the runtime depend on outside of this
// package.
type FeatureOptions struct {
	Version, Commit string
	Commands        []string // the commands of the program
}

// AppendFeatures appends the Features structure of the runtime-spec (features.md
// and features-linux.md, version 1.3.0) as JSON. All of it is what the program
// can do on a host that lets it, but two things: the flags of seccomp that this
// kernel takes, as the structure has it, and the annotations that begin with
// "org.rung-oci.host.", which say what this host can do, and if not, why.
func AppendFeatures(b []byte, o FeatureOptions) []byte {
	return append(jsonscan.AppendIndent(b, string(appendFeatures(nil, &o)), "", "    "), '\n')
}

func appendFeatures(b []byte, o *FeatureOptions) []byte {
	b = append(b, '{')
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "ociVersionMin"), "1.0.0")
	b = jsonscan.AppendString(jsonscan.AppendKey(b, "ociVersionMax"), specs.Version)
	b = jsonscan.AppendStrings(jsonscan.AppendKey(b, "hooks"), compile.HookKinds())
	b = jsonscan.AppendStrings(jsonscan.AppendKey(b, "mountOptions"), compile.MountOptions())
	b = appendLinuxFeatures(append(jsonscan.AppendKey(b, "linux"), '{'))
	b = append(jsonscan.AppendKey(append(b, '}'), "annotations"), '{')
	for _, a := range featureAnnotations(o) {
		b = jsonscan.AppendString(jsonscan.AppendKey(b, a.key), a.value)
	}
	b = jsonscan.AppendStrings(jsonscan.AppendKey(append(b, '}'), "potentiallyUnsafeConfigAnnotations"), compile.UnsafeAnnotations())
	return append(b, '}')
}

func appendLinuxFeatures(b []byte) []byte {
	list := func(name string, names []string) { b = jsonscan.AppendStrings(jsonscan.AppendKey(b, name), names) }
	flag := func(name string, on bool) { b = jsonscan.AppendBool(jsonscan.AppendKey(b, name), on) }
	open := func(name string) { b = append(jsonscan.AppendKey(b, name), '{') }
	closing := func() { b = append(b, '}') }

	list("namespaces", compile.Namespaces())
	list("capabilities", compile.Capabilities())
	open("cgroup")
	flag("v1", true)
	flag("v2", true)
	flag("systemd", systemdDriver)
	flag("systemdUser", systemdUserDriver)
	flag("rdma", true)
	closing()
	open("seccomp")
	flag("enabled", true)
	list("actions", sorted(seccomp.Actions))
	list("operators", sorted(seccomp.Operators))
	list("archs", sorted(seccomp.Archs))
	list("knownFlags", sorted(seccomp.KnownFlags))
	list("supportedFlags", seccompFlags())
	closing()
	open("apparmor")
	flag("enabled", true)
	closing()
	open("selinux")
	flag("enabled", true)
	closing()
	open("intelRdt")
	flag("enabled", true)
	flag("schemata", true)
	flag("monitoring", true)
	closing()
	open("memoryPolicy")
	list("modes", compile.MemoryPolicyModes())
	list("flags", compile.MemoryPolicyFlags())
	closing()
	open("mountExtensions")
	open("idmap")
	flag("enabled", true)
	closing()
	closing()
	open("netDevices")
	flag("enabled", true)
	closing()
	return b
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// seccompFlags is those of the known flags that this kernel takes.
func seccompFlags() []string {
	supported := []string{}
	for _, name := range sorted(seccomp.KnownFlags) {
		if bits, err := seccomp.FlagBits(name); err == nil && host.SeccompFlags(bits) {
			supported = append(supported, name)
		}
	}
	return supported
}

type fact struct{ key, value string }

// featureAnnotations lists what the structure has no field for, by key.
func featureAnnotations(o *FeatureOptions) []fact {
	var list []fact
	add := func(key, value string) { list = append(list, fact{key, value}) }
	add("io.github.seccomp.libseccomp.version", SystemCalls())
	// runc's name for it is the one that engines look for.
	add("org.opencontainers.runc.checkpoint.enabled", strconv.FormatBool(slices.Contains(o.Commands, "checkpoint")))
	add("org.rung-oci.rung.commands", strings.Join(o.Commands, " "))
	add("org.rung-oci.rung.commit", o.Commit)
	add("org.rung-oci.rung.seccomp-compiler", SeccompCompiler)
	add("org.rung-oci.rung.systemd-properties", systemdProperties())
	add("org.rung-oci.rung.version", o.Version)
	for _, f := range hostFeatures() {
		add("org.rung-oci.host."+f.key, f.value)
	}
	slices.SortFunc(list, func(a, b fact) int { return strings.Compare(a.key, b.key) })
	return list
}

// systemdProperties lists those that annotations may set.
func systemdProperties() string {
	names := make([]string, len(annotation.SystemdAllowed))
	for i, p := range annotation.SystemdAllowed {
		names[i] = p.Name
	}
	return strings.Join(names, " ")
}

// hostFeatures says what this host can do for the caller, and if not, why.
func hostFeatures() []fact {
	var list []fact
	add := func(key, value string) { list = append(list, fact{key, value}) }
	yesNo := func(key, why string) {
		if why == "" {
			add(key, "yes")
			return
		}
		add(key, "no: "+why)
	}

	layout, err := host.Cgroups()
	if err != nil {
		add("cgroup.mode", "not known: "+err.Error())
	} else {
		v1, v2 := layout.Controllers()
		add("cgroup.mode", layout.Mode.String())
		add("cgroup.v1.controllers", strings.Join(sorted(v1), " "))
		add("cgroup.v2.controllers", strings.Join(sorted(v2), " "))
	}
	rootless := host.Rootless()
	own := host.Capabilities()
	add("privileged", strconv.FormatBool(!rootless))
	add("capabilities.missing", strings.Join(missingCapabilities(own, host.LastCapability()), " "))
	yesNo("apparmor", host.AppArmorStatus())
	yesNo("selinux", host.SELinuxStatus())
	yesNo("userns", host.UserNamespaces(!rootless))
	yesNo("timens", needs(host.HasNamespace("time"), "the kernel is built without time namespaces"))
	idmap := needs(own>>capSysAdmin&1 != 0 && !rootless, "needs CAP_SYS_ADMIN in the initial user namespace")
	yesNo("idmap", idmap)
	yesNo("resctrl", host.Resctrl())
	yesNo("seccomp.notify", needs(host.SeccompAction(seccomp.NotifyAction), "the kernel does not know SECCOMP_RET_USER_NOTIF"))
	if abi, err := host.LandlockABI(); err != nil {
		add("landlock.abi", "no: "+err.Error())
	} else {
		add("landlock.abi", strconv.Itoa(abi))
	}
	yesNo("core-scheduling", host.CoreScheduling())
	if v, err := criuVersion(); err != nil {
		add("criu", "no: "+err.Error())
	} else {
		add("criu", v)
	}
	return list
}

const capSysAdmin = 21 // capabilities(7)

func needs(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// missingCapabilities lists those that the kernel has and the caller lacks.
func missingCapabilities(own uint64, last int) []string {
	missing := []string{}
	for i, name := range compile.Capabilities() {
		if i <= last && own>>i&1 == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}

// criuVersion asks the criu in PATH, which answers in milliseconds.
func criuVersion() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	defer sysmon.Forking()()
	out, err := exec.CommandContext(ctx, "criu", "--version").Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(line, "Version: "), nil
}
