package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mutation is a line of the file mutations: what is done to a config, and what the probe does in the container.
type mutation struct {
	name       string
	operations []operation
	actions    []string
}

type operation struct {
	path  []string
	kind  string // =, += or -=
	value any
}

func readMutations(file string) ([]mutation, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var ms []mutation
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m, err := parseMutation(line)
		if err == nil && slices.ContainsFunc(ms, func(o mutation) bool { return o.name == m.name }) {
			err = fmt.Errorf("%s stands there twice", m.name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		ms = append(ms, m)
	}
	return ms, nil
}

func parseMutation(line string) (m mutation, err error) {
	name, rest, found := strings.Cut(line, ": ")
	if !found {
		return m, fmt.Errorf("a line is NAME: OPERATION; OPERATION…")
	}
	m.name = name
	for part := range strings.SplitSeq(rest, "; ") {
		if actions, found := strings.CutPrefix(part, "! "); found {
			m.actions = append(m.actions, strings.Fields(actions)...)
			continue
		}
		words := strings.SplitN(part, " ", 3)
		if len(words) != 3 {
			return m, fmt.Errorf("%q: an operation is PATH = JSON, PATH += JSON, PATH -= WORD or ! ACTION", part)
		}
		o := operation{path: splitPath(words[0]), kind: words[1]}
		switch o.kind {
		case "=", "+=":
			err = json.Unmarshal([]byte(words[2]), &o.value)
		case "-=":
			o.value = words[2]
		default:
			err = fmt.Errorf("%s is no operation", o.kind)
		}
		if err != nil {
			return m, fmt.Errorf("%q: %w", part, err)
		}
		m.operations = append(m.operations, o)
	}
	return m, nil
}

// breaks are mutations that put a value of another JSON type at each place of a config: "type-PATH".
func breaks(config any) []mutation {
	var ms []mutation
	var walk func(at any, path []string)
	walk = func(at any, path []string) {
		var wrong any
		switch at := at.(type) {
		case map[string]any:
			wrong = []any{"wrong"}
			for _, k := range slices.Sorted(maps.Keys(at)) {
				if k == "namespaces" {
					continue // crun would go without a mount namespace, and mount in that of the tests
				}
				walk(at[k], append(slices.Clip(path), k))
			}
		case []any:
			wrong = "wrong"
			if len(at) > 0 {
				walk(at[0], append(slices.Clip(path), "[0"))
			}
		case string:
			wrong = 1.5
		default:
			wrong = "wrong"
		}
		if len(path) > 0 && path[len(path)-1] != "linux" {
			name := "type-" + strings.ReplaceAll(strings.Join(path, "."), ".[", ".")
			ms = append(ms, mutation{name: name, operations: []operation{{path, "=", wrong}}})
		}
	}
	walk(config, nil)
	return ms
}

// splitPath makes a.b[c/d].e into a, b, [c/d, e: what is in brackets picks an element of a list.
func splitPath(path string) []string {
	var steps []string
	for path != "" {
		end := strings.IndexAny(path, ".[")
		if path[0] == '[' {
			end = strings.IndexByte(path, ']')
			steps = append(steps, path[:end])
			path = strings.TrimPrefix(path[end+1:], ".")
			continue
		}
		if end < 0 {
			return append(steps, path)
		}
		steps = append(steps, path[:end])
		path = strings.TrimPrefix(path[end:], ".")
	}
	return steps
}

// apply does the operation to a config. One whose list element another mutation has removed does nothing.
func (o operation) apply(config any) any { return change(config, o.path, o) }

func change(at any, path []string, o operation) any {
	if len(path) == 0 {
		switch o.kind {
		case "+=":
			list, _ := at.([]any)
			return append(slices.Clip(list), o.value)
		case "-=":
			list, _ := at.([]any)
			if i := element(list, o.value.(string)); i >= 0 {
				return slices.Delete(slices.Clone(list), i, i+1)
			}
			return at
		}
		return o.value
	}
	step := path[0]
	if word, found := strings.CutPrefix(step, "["); found {
		list, _ := at.([]any)
		if i := element(list, word); i >= 0 {
			list = slices.Clone(list)
			list[i] = change(list[i], path[1:], o)
			return list
		}
		return at
	}
	object, _ := at.(map[string]any)
	changed := map[string]any{}
	for k, v := range object {
		changed[k] = v
	}
	if v := change(object[step], path[1:], o); v != nil {
		changed[step] = v
	} else {
		delete(changed, step)
	}
	return changed
}

// element finds the element of a list by number, type or destination.
func element(list []any, word string) int {
	if i, err := strconv.Atoi(word); err == nil && i < len(list) {
		return i
	}
	return slices.IndexFunc(list, func(e any) bool {
		object, _ := e.(map[string]any)
		return object["type"] == word || object["destination"] == word
	})
}
