package jsonscan

import "strconv"

// Paths returns, for each byte offset (in ascending order), the JSON path of
// the innermost value or member name it points into: "linux.devices[0].path".
// The whole text has the empty path. It reads the text once and takes it as it
// is up to the last offset; what is broken is left out.
func Paths(text string, offsets ...int) []string {
	type level struct {
		array   bool
		index   int
		name    string
		inValue bool // after the colon of a member
	}
	var (
		out   []string
		stack []level
		path  = func() string {
			var b []byte
			for _, l := range stack {
				switch {
				case l.array:
					b = AppendPathIndex(b, l.index)
				case l.name != "" || l.inValue:
					b = AppendPathName(b, l.name)
				}
			}
			return string(b)
		}
		i int
	)
	for len(out) < len(offsets) {
		if i >= offsets[len(out)] && (i >= len(text) || text[i] != '"') {
			out = append(out, path())
			continue
		}
		if i >= len(text) {
			out = append(out, path())
			continue
		}
		var top *level
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		switch text[i] {
		case '{', '[':
			stack = append(stack, level{array: text[i] == '['})
		case '}', ']':
			if top != nil {
				stack = stack[:len(stack)-1]
			}
		case ',':
			if top != nil {
				top.index++
				top.name, top.inValue = "", false
			}
		case ':':
			if top != nil {
				top.inValue = true
			}
		case '"':
			sub := Scanner{src: text, pos: i, err: &Error{}} // fail must not come back here
			name, ok := sub.quoted()
			end := sub.pos
			if !ok {
				end = len(text)
			}
			if top != nil && !top.array && !top.inValue {
				top.name = name
			}
			for len(out) < len(offsets) && offsets[len(out)] < end {
				out = append(out, path())
			}
			i = end
			continue
		}
		i++
	}
	return out
}

// AppendPathName appends a member name to a JSON path: ".name", without the dot
// at the start of the path, and ["my.name"] for what is not a plain word.
func AppendPathName(path []byte, name string) []byte {
	word := name != ""
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' && c != '-' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			word = false
			break
		}
	}
	if !word {
		path = append(path, '[')
		return append(AppendString(path, name), ']')
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, name...)
}

// AppendPathIndex appends an array index to a JSON path: "[2]".
func AppendPathIndex(path []byte, i int) []byte {
	path = append(path, '[')
	path = strconv.AppendInt(path, int64(i), 10)
	return append(path, ']')
}
