package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// fields takes what the probe printed apart into fields that can be compared between two containers: without what is
// another thing each time (inode numbers, clocks, mount ids), lists that are sets sorted, things by name. It is nil
// when the probe has not reported.
func fields(out string, names *strings.Replacer) map[string]string {
	var all map[string]string
	actions := map[string]int{}
	extra := map[string]string{}
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, `{"op":`) {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(names.Replace(line)), &o); err != nil {
			continue
		}
		op, _ := o["op"].(string)
		if op == "report" {
			all = report(o)
			continue
		}
		for _, volatile := range []string{"ino", "dev", "fs", "nlink", "size"} {
			delete(o, volatile)
		}
		if list, ok := o["entries"].([]any); ok {
			o["entries"] = sorted(list, func(e any) string { return text(e.(map[string]any)["name"]) })
		}
		extra[fmt.Sprintf("action.%s#%d", op, actions[op])] = text(o)
		actions[op]++
	}
	if all == nil {
		return nil
	}
	for k, v := range extra {
		all[k] = v
	}
	return all
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func sorted(list []any, key func(any) string) []string {
	var words []string
	for _, e := range list {
		words = append(words, key(e))
	}
	slices.Sort(words)
	return words
}

func report(o map[string]any) map[string]string {
	all := map[string]string{}
	for k, v := range o {
		switch k {
		case "op", "clocks", "status", "keyringID", "ppid", "sid", "pgid":
		case "env":
			all[k] = text(v) // in the order that they have
		case "keyring":
			// its name is the container's; whether it is its own is what matters
			all[k] = text(strings.Contains(text(v), "ID"))
		case "pid":
			all["pid"] = text(v == 1.0)
		case "cgroup":
			for _, line := range v.([]any) {
				parts := strings.SplitN(line.(string), ":", 3)
				if len(parts) == 3 && parts[1] != "" { // hierarchies are numbered as they come; cgroup2 is not shown
					all["cgroup."+parts[1]] = parts[2]
				}
			}
		case "ns":
			for name, link := range v.(map[string]any) {
				host, _ := os.Readlink("/proc/self/ns/" + name)
				all["ns."+name] = map[bool]string{true: "the host's", false: "its own"}[host == link]
			}
		case "caps":
			for name, set := range v.(map[string]any) {
				all["caps."+name] = fmt.Sprintf("%#x", uint64(set.(float64)))
			}
		case "rlimits":
			for i, limit := range v.([]any) {
				all[fmt.Sprintf("rlimits.%d", i)] = text(limit)
			}
		case "fds":
			for _, e := range v.([]any) {
				f := e.(map[string]any)
				all["fds."+text(f["fd"])] = text(f["type"])
			}
		case "mounts":
			seen := map[string]int{}
			for _, e := range v.([]any) {
				m := e.(map[string]any)
				target := m["target"].(string)
				key := "mounts." + target
				if n := seen[target]; n > 0 {
					key += fmt.Sprintf("#%d", n)
				}
				seen[target]++
				words := func(member string) string {
					list := strings.Split(m[member].(string), ",")
					slices.Sort(list)
					return strings.Join(list, ",")
				}
				all[key+" type"] = text(m["fstype"])
				all[key+" source"] = text(m["source"])
				all[key+" root"] = text(m["root"])
				all[key+" options"] = words("options")
				all[key+" super"] = words("super")
				var optional []string
				for _, o := range m["optional"].([]any) {
					kind, _, _ := strings.Cut(o.(string), ":")
					optional = append(optional, kind)
				}
				slices.Sort(optional)
				all[key+" propagation"] = strings.Join(slices.Compact(optional), ",")
			}
		case "devices":
			for _, e := range v.([]any) {
				d := e.(map[string]any)
				key := "devices." + d["name"].(string)
				for _, volatile := range []string{"name", "ino", "dev", "fs", "nlink", "size"} {
					delete(d, volatile)
				}
				all[key] = text(d)
			}
		case "root":
			r := v.(map[string]any)
			all["root"] = fmt.Sprint(text(r["type"]), text(r["mode"]), text(r["uid"]), text(r["gid"]))
		case "argv":
			all[k] = text(v)
		default:
			if object, ok := v.(map[string]any); ok {
				for name, member := range object {
					all[k+"."+name] = text(member)
				}
				continue
			}
			all[k] = text(v)
		}
	}
	return all
}
