package jsonscan

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends v as a JSON string, as encoding/json does with
// SetEscapeHTML(false): invalid UTF-8 becomes \ufffd; U+2028 and U+2029 are
// escaped; <, > and & are not.
func AppendString[T ~string | ~[]byte](dst []byte, v T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(v); {
		c := v[i]
		if plain[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, v[start:i]...)
			dst = append(dst, '\\')
			switch c {
			case '"', '\\':
				dst = append(dst, c)
			case '\b':
				dst = append(dst, 'b')
			case '\f':
				dst = append(dst, 'f')
			case '\n':
				dst = append(dst, 'n')
			case '\r':
				dst = append(dst, 'r')
			case '\t':
				dst = append(dst, 't')
			default:
				dst = append(dst, 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(v[i:min(len(v), i+utf8.UTFMax)]))
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, v[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + 1
		case r == 0x2028 || r == 0x2029:
			dst = append(dst, v[start:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	dst = append(dst, v[start:]...)
	return append(dst, '"')
}

// AppendKey appends a member name and its colon, with a comma in front unless
// dst ends in the object's opening brace:
//
//	b = append(b, '{')
//	b = jsonscan.AppendString(jsonscan.AppendKey(b, "id"), st.ID)
//	b = jsonscan.AppendInt(jsonscan.AppendKey(b, "pid"), int64(st.Pid))
//	b = append(b, '}')
func AppendKey(dst []byte, name string) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(AppendString(dst, name), ':')
}

// AppendComma appends the comma between two array elements: call it before each
// element. It does nothing if dst ends in the array's opening bracket.
func AppendComma(dst []byte) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '[' {
		dst = append(dst, ',')
	}
	return dst
}

// AppendInt appends v.
func AppendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// AppendUint appends v.
func AppendUint(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }

// AppendBool appends true or false.
func AppendBool(dst []byte, v bool) []byte { return strconv.AppendBool(dst, v) }

// AppendStrings appends an array of strings, null if v is nil.
func AppendStrings[T ~string](dst []byte, v []T) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for _, e := range v {
		dst = AppendString(AppendComma(dst), e)
	}
	return append(dst, ']')
}

// AppendStringMap appends an object of strings, its keys in order, null if v is
// nil.
func AppendStringMap(dst []byte, v map[string]string) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for _, k := range SortedKeys(v) {
		dst = AppendString(AppendKey(dst, k), v[k])
	}
	return append(dst, '}')
}

// SortedKeys returns the keys of m in byte order, the order encoding/json
// writes maps in.
func SortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// AppendIndent appends the JSON text src with line breaks and indentation as
// json.Indent writes them. src must be valid and without white space of its
// own, as the Append functions write it.
func AppendIndent(dst []byte, src, prefix, indent string) []byte {
	depth := 0
	line := func() {
		dst = append(dst, '\n')
		dst = append(dst, prefix...)
		for range depth {
			dst = append(dst, indent...)
		}
	}
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '"':
			end := i + 1
			for end < len(src) && src[end] != '"' {
				if src[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(src)-1)
			dst = append(dst, src[i:end+1]...)
			i = end
		case '{', '[':
			dst = append(dst, c)
			if i+1 < len(src) && (src[i+1] == '}' || src[i+1] == ']') {
				i++
				dst = append(dst, src[i])
				continue
			}
			depth++
			line()
		case '}', ']':
			depth--
			line()
			dst = append(dst, c)
		case ',':
			dst = append(dst, c)
			line()
		case ':':
			dst = append(dst, ':', ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendAny appends what [Scanner.Any] returns: nil, bool, float64, string,
// []any or map[string]any, with keys in order. Any other type appends null.
func AppendAny(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return AppendBool(dst, v)
	case string:
		return AppendString(dst, v)
	case float64:
		return AppendFloat(dst, v)
	case []any:
		dst = append(dst, '[')
		for _, e := range v {
			dst = AppendAny(AppendComma(dst), e)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for _, k := range SortedKeys(v) {
			dst = AppendAny(AppendKey(dst, k), v[k])
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// AppendFloat appends v in encoding/json's form: as few digits as give it back,
// an exponent only below 1e-6 and from 1e21. NaN and infinities, which JSON
// cannot say, append null.
func AppendFloat(dst []byte, v float64) []byte {
	abs := math.Abs(v)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	if abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	// e-09 becomes e-9.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
