package rdt

import "strings"

// matches says whether the content of a schemata file has every domain of a
// schema with the schema's value, and gives the file's lines of the same
// resources. The kernel pads names and values: "    MB:0= 80;1=100".
func matches(file, schema string) (have string, ok bool) {
	ok = true
	for want := range strings.SplitSeq(schema, "\n") {
		resource, domains, _ := strings.Cut(want, ":")
		resource = strings.TrimSpace(resource)
		if resource == "" {
			continue
		}
		there := lineOf(file, resource)
		if there == "" {
			ok = false
			continue
		}
		if have != "" {
			have += "\n"
		}
		have += there
		for pair := range strings.SplitSeq(domains, ";") {
			id, value := domain(pair)
			if id != "" && valueOf(there, id) != value {
				ok = false
			}
		}
	}
	return have, ok
}

// lineOf is the line of a resource, with its padding taken away.
func lineOf(file, resource string) string {
	for l := range strings.Lines(file) {
		name, domains, ok := strings.Cut(l, ":")
		if !ok || strings.TrimSpace(name) != resource {
			continue
		}
		out := resource + ":"
		for i, pair := range strings.Split(strings.TrimSpace(domains), ";") {
			id, value, _ := strings.Cut(pair, "=")
			if i > 0 {
				out += ";"
			}
			out += strings.TrimSpace(id) + "=" + strings.TrimSpace(value)
		}
		return out
	}
	return ""
}

func valueOf(line, id string) string {
	_, domains, _ := strings.Cut(line, ":")
	for pair := range strings.SplitSeq(domains, ";") {
		if d, v := domain(pair); d == id {
			return v
		}
	}
	return ""
}

// domain splits "0=0FF" into a domain and a value in one form.
func domain(pair string) (id, value string) {
	id, value, _ = strings.Cut(pair, "=")
	value = strings.TrimLeft(strings.ToLower(strings.TrimSpace(value)), "0")
	if value == "" {
		value = "0"
	}
	return strings.TrimSpace(id), value
}
