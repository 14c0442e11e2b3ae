package spec

import "strings"

const chapterVersion = "config.md#specification-version"

// version checks ociVersion. "MUST be in SemVer v2.0.0 format": engines and
// people have always got away with "1.0" and with nothing, so what is refused is
// a major version that we cannot know, and what is no version at all ("MUST
// generate an error when invalid or unsupported values are encountered").
func (c *checker) version() {
	v := c.spec.Version
	if v == "" {
		c.should(chapterVersion, "is required", "ociVersion")
		return
	}
	major, minor, ok := semVer(v)
	switch {
	case !ok && strings.HasPrefix(strings.TrimPrefix(v, "v"), "1."):
		c.should(chapterVersion, quote(v)+" is not a version of the form 1.2.3 (SemVer 2.0.0)", "ociVersion")
	case !ok:
		c.must(chapterVersion, quote(v)+" is not a version of the form 1.2.3 (SemVer 2.0.0)", "ociVersion")
	case major == "0":
		c.should(chapterVersion, "version "+v+" is older than 1.0.0; taken as 1.x", "ociVersion")
	case major != "1":
		c.must(chapterVersion, "version "+v+" is not supported, want 1.x", "ociVersion")
	case len(minor) > 1 || minor > "3":
		c.warn(chapterVersion, "version "+v+" is newer than 1.3, the newest that is known here", "ociVersion")
	}
}

// semVer checks v by the grammar of semver.org, version 2.0.0, and returns its
// first two numbers.
func semVer(v string) (major, minor string, ok bool) {
	core, build, hasBuild := strings.Cut(v, "+")
	if hasBuild && !semVerIdentifiers(build, false) {
		return "", "", false
	}
	core, pre, hasPre := strings.Cut(core, "-")
	if hasPre && !semVerIdentifiers(pre, true) {
		return "", "", false
	}
	major, rest, ok1 := strings.Cut(core, ".")
	minor, patch, ok2 := strings.Cut(rest, ".")
	ok = ok1 && ok2 && semVerNumber(major) && semVerNumber(minor) && semVerNumber(patch)
	return major, minor, ok
}

func semVerNumber(s string) bool {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return false
	}
	return allDigits(s)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// semVerIdentifiers checks a dot-separated list; in a pre-release, numbers must
// not have leading zeros.
func semVerIdentifiers(list string, pre bool) bool {
	for id := range strings.SplitSeq(list, ".") {
		if id == "" || pre && allDigits(id) && !semVerNumber(id) {
			return false
		}
		for i := range len(id) {
			c := id[i]
			if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}
