package spec

const (
	chapterHostname   = "config.md#hostname"
	chapterDomainname = "config.md#domainname"
	chapterPlatform   = "config.md#platform-specific-configuration"

	// maxUTSName is __NEW_UTS_LEN, the longest name sethostname(2) takes.
	maxUTSName = 64
)

// hostname checks both names of the UTS namespace. The specification leaves open
// what happens without a namespace of its own; setting the host's name is never
// what was meant.
func (c *checker) hostname() {
	c.utsName(chapterHostname, "hostname", c.spec.Hostname)
	c.utsName(chapterDomainname, "domainname", c.spec.Domainname)
}

func (c *checker) utsName(chapter, field, name string) {
	if name == "" {
		return
	}
	if c.ns[nsUTS] == nsHost {
		c.must(chapter, "needs a uts namespace in linux.namespaces: it would be set on the host", field)
	}
	if len(name) > maxUTSName {
		c.must(chapter, quote(name)+" is longer than the 64 bytes that Linux allows", field)
	}
	if hasNUL(name) {
		c.must(chapter, nulMessage, field)
	}
}

// platforms warns of sections for other systems, which have no effect here.
func (c *checker) platforms() {
	s := c.spec
	for _, p := range [...]struct {
		name string
		set  bool
	}{
		{"solaris", s.Solaris != nil},
		{"windows", s.Windows != nil},
		{"vm", s.VM != nil},
		{"zos", s.ZOS != nil},
		{"freebsd", s.FreeBSD != nil},
	} {
		if p.set {
			c.warn(chapterPlatform, "has no effect on Linux", p.name)
		}
	}
}
