package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// anyOf decodes text as encoding/json does into an empty interface.
func anyOf(text string) (any, error) {
	s := New(text)
	v := s.Any()
	return v, s.End()
}

// texts are values with an edge: both decoders must agree on each.
var texts = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1.5`, `1e3`, `1E+3`, `1e-3`, `1.`, `.5`, `01`, `-`, `--1`, `+1`, `1e`, `1e+`,
	`1e999`, `-1e999`, `0.0000001`, `123456789012345678901234567890`, `0x10`, `Infinity`, `NaN`,
	`""`, `"a"`, `"`, `"a`, `"\"`, `"\n\t\r\b\f\/\\\""`, `"\'"`, `"\a"`, `"\u00e9"`, `"\u00E9"`, `"\u00g0"`, `"\u12"`,
	`"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\ud83d\uzzzz"`,
	"\"\xff\"", "\"a\xffb\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\"", "\"\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\"", "\"\x00\"", "\"\n\"", "\"\x7f\"", "\"\\u0000\"",
	"\"\\n\xff\xfe\"", "\"\u2028\u2029\"", `"<&>"`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1,2]`, `[1 2]`, `[1`, `[`, `]`, `[[]]`, `[[],[1,[2]]]`, `[1}`, `[nul]`, `[nulll]`, `[truefalse]`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1,"a":2}`, `{"":0}`, `{"a":{"b":[{"c":null}]}}`, `{1:2}`, `{"a":1]`,
	"", " ", "\t\n\r 1 \t\n\r", "\v1", "\f1", "\ufeff{}", "1 2", "{}{}", "{} x", "// c\n1", "\x00", "1\x00", "nullnull", "null,",
}

func TestAny_likeEncodingJSON(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	objects := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	all := append([]string{deep(9999), deep(10000), deep(10001), objects(10000), objects(10001), strings.Repeat("[", 20000)}, texts...)
	for _, text := range all {
		sameAny(t, text)
	}
}

func sameAny(t *testing.T, text string) {
	t.Helper()
	var want any
	wantErr := json.Unmarshal([]byte(text), &want)
	got, gotErr := anyOf(text)
	if (wantErr == nil) != (gotErr == nil) {
		t.Errorf("%.100q: encoding/json says %v, Scanner %v", text, wantErr, gotErr)
	} else if wantErr == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%.100q: want %#v, got %#v", text, want, got)
	}

	// Skip must judge the same, but for numbers out of float64's range.
	s := New(text)
	raw := s.Raw()
	if err := s.End(); (err == nil) != json.Valid([]byte(text)) {
		t.Errorf("%.100q: Raw says %v", text, err)
	} else if err == nil && raw != strings.Trim(text, " \t\r\n") {
		t.Errorf("%.100q: Raw gave %.100q", text, raw)
	}

	if wantErr != nil {
		return
	}
	var std bytes.Buffer
	enc := json.NewEncoder(&std)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(want); err != nil {
		t.Fatal(err)
	}
	ours := AppendAny(nil, got)
	if string(ours)+"\n" != std.String() {
		t.Errorf("%.100q: want it written as %.100q, got %.100q", text, std.String(), ours)
	}
	if len(ours) > 4096 {
		return // deep nesting makes indentation quadratic
	}
	std.Reset()
	if err := json.Indent(&std, ours, "> ", "\t"); err != nil {
		t.Fatal(err)
	}
	if got := AppendIndent(nil, string(ours), "> ", "\t"); string(got) != std.String() {
		t.Errorf("%.100q: want it indented as %q, got %q", text, std.String(), got)
	}
}

func FuzzAny(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { sameAny(t, text) })
}

func TestIntegers_ranges(t *testing.T) {
	numbers := []string{"0", "-0", "-1", "1", "127", "128", "-128", "-129", "255", "256", "65535", "65536",
		"2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "18446744073709551616", "1.0", "1e0", "1E2", "007"}
	type all struct {
		I8  int8
		I16 int16
		I32 int32
		I64 int64
		U8  uint8
		U16 uint16
		U32 uint32
		U64 uint64
	}
	for _, n := range numbers {
		for _, bits := range []int{8, 16, 32, 64} {
			var v all
			s := New(n)
			got, _ := s.Int(bits)
			err := json.Unmarshal([]byte(`{"I`+strconv.Itoa(bits)+`":`+n+`}`), &v)
			want := int64(v.I8) + int64(v.I16) + int64(v.I32) + v.I64
			if (s.End() == nil) != (err == nil) || err == nil && got != want {
				t.Errorf("Int(%d) of %s: %v, %v; encoding/json says %v, %v", bits, n, got, s.Err(), want, err)
			}

			v = all{}
			s = New(n)
			u, _ := s.Uint(bits)
			err = json.Unmarshal([]byte(`{"U`+strconv.Itoa(bits)+`":`+n+`}`), &v)
			wantU := uint64(v.U8) + uint64(v.U16) + uint64(v.U32) + v.U64
			if (s.End() == nil) != (err == nil) || err == nil && u != wantU {
				t.Errorf("Uint(%d) of %s: %v, %v; encoding/json says %v, %v", bits, n, u, s.Err(), wantU, err)
			}
		}
	}
}

func TestScanner_byHand(t *testing.T) {
	const text = `{"id":"web","pid":42,"names":["a",null,"b"],"on":true,"gone":null,"sub":{"x":{}},"list":null}`
	var (
		id    string
		pid   int64
		names []string
		on    bool
	)
	s := New(text)
	if s.Object() {
		for s.Member() {
			switch s.Name() {
			case "id":
				id, _ = s.String()
			case "pid":
				pid, _ = s.Int(64)
			case "names":
				if s.Array() {
					for s.Element() {
						if v, ok := s.String(); ok {
							names = append(names, v)
						}
					}
				}
			case "on":
				on, _ = s.Bool()
			case "list":
				if s.Array() {
					t.Error("null taken as an array")
				}
			default:
				s.Skip()
			}
		}
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if id != "web" || pid != 42 || !on || !reflect.DeepEqual(names, []string{"a", "b"}) {
		t.Errorf("got %q %d %v %v", id, pid, on, names)
	}
}

func TestStrings(t *testing.T) {
	s := New(`[["a","b"],[],null,["c",null],{"k":"v","n":null},{},null]`)
	var lists [][]string
	var maps []map[string]string
	if s.Array() {
		for i := 0; s.Element(); i++ {
			if i < 4 {
				v, ok := s.Strings()
				if ok != (i != 2) {
					t.Errorf("list %d: %v", i, ok)
				}
				lists = append(lists, v)
			} else {
				v, ok := s.StringMap()
				if ok != (i != 6) {
					t.Errorf("map %d: %v", i, ok)
				}
				maps = append(maps, v)
			}
		}
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"a", "b"}, {}, nil, {"c", ""}}; !reflect.DeepEqual(lists, want) {
		t.Errorf("lists: %#v", lists)
	}
	if want := []map[string]string{{"k": "v", "n": ""}, {}, nil}; !reflect.DeepEqual(maps, want) {
		t.Errorf("maps: %#v", maps)
	}
}

func TestError_deepPath(t *testing.T) {
	s := New(strings.Repeat("[", 9000) + "x")
	s.Skip()
	if err := s.End(); err == nil || len(err.Error()) > 400 {
		t.Errorf("a message of %d bytes: %.200v", len(err.Error()), err)
	}
}

func TestError_position(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"type", "{\n  \"a\": [1, \"x\"]\n}", `line 2, column 12: a[1]: want an integer, got a string`},
		{"syntax", "{\"a\": [1 2]}", `line 1, column 10: a[0]: want ',' or ']', got a number`},
		{"end", "{\"a\": [1,", `line 1, column 10: a[1]: unexpected end, want an integer`},
		{"trailing", "{}\n\n x", `line 3, column 2: want nothing more, got 'x'`},
		{"range", `{"a":[300]}`, `line 1, column 7: a[0]: number 300 is out of range, want -128 to 127`},
		{"string", "{\"a\":[1], \"b", `line 1, column 13: unexpected end in a string`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(c.text)
			if s.Object() {
				for s.Member() {
					if s.Array() {
						for s.Element() {
							s.Int(8)
						}
					}
				}
			}
			err := s.End()
			if err == nil || err.Error() != c.want {
				t.Errorf("want %q\ngot  %v", c.want, err)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T is not an *Error", err)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	const text = `{"a":{"b c":[0,{"d":1}]},"e":[[],["x"]],"":{"f":2}}`
	for _, c := range []struct{ at, want string }{
		{`{"a"`, ``}, {`"a"`, `a`}, {`"b c"`, `a["b c"]`}, {`0,`, `a["b c"][0]`}, {`"d"`, `a["b c"][1].d`}, {`1}`, `a["b c"][1].d`},
		{`[]`, `e[0]`}, {`"x"`, `e[1][0]`}, {`2}`, `[""].f`},
	} {
		if got := Paths(text, strings.Index(text, c.at))[0]; got != c.want {
			t.Errorf("at %s: want %q, got %q", c.at, c.want, got)
		}
	}
	all := make([]int, len(text)+1)
	for i := range all {
		all[i] = i
	}
	together := Paths(text, all...)
	for i := range all {
		if one := Paths(text, i)[0]; one != together[i] {
			t.Errorf("offset %d: alone %q, with others %q", i, one, together[i])
		}
	}
}

func FuzzPaths(f *testing.F) {
	for _, text := range texts {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		if at < 0 || at > len(text) {
			return
		}
		if got := Paths(text, at, len(text)); len(got) != 2 {
			t.Errorf("%d paths for 2 offsets", len(got))
		}
	})
}

func TestAppendFloat(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1.5, 1e20, 1e21, 1e-6, 1e-7, 1e-10, 1e100, 1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		want, _ := json.Marshal(v)
		if got := AppendFloat(nil, v); string(got) != string(want) {
			t.Errorf("%v: want %s, got %s", v, want, got)
		}
	}
	if got := AppendFloat(nil, math.NaN()); string(got) != "null" {
		t.Errorf("NaN: got %s", got)
	}
}

func TestAppend_object(t *testing.T) {
	b := []byte{'{'}
	b = AppendString(AppendKey(b, "id"), "we\"b")
	b = AppendInt(AppendKey(b, "pid"), -1)
	b = AppendUint(AppendKey(b, "n"), math.MaxUint64)
	b = AppendBool(AppendKey(b, "on"), true)
	b = AppendStrings(AppendKey(b, "names"), []string{"a", "b"})
	b = AppendStrings(AppendKey(b, "nil"), []string(nil))
	b = AppendStringMap(AppendKey(b, "m"), map[string]string{"z": "1", "a": "2"})
	b = append(b, '}')
	const want = `{"id":"we\"b","pid":-1,"n":18446744073709551615,"on":true,"names":["a","b"],"nil":null,"m":{"a":"2","z":"1"}}`
	if string(b) != want {
		t.Errorf("want %s\ngot  %s", want, b)
	}
}
